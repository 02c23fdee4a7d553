"""Questionnaires answered with a person: what they cannot do, feel or lack, and what follows."""

from django.apps import AppConfig


class AssessmentsConfig(AppConfig):
    name = "carbet.coordination.assessments"
    label = "assessments"
    verbose_name = "Évaluations"
