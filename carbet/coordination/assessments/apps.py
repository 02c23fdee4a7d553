"""Questionnaires answered with a person: what they cannot do, feel or lack, and what follows."""

from importlib import import_module

from django.apps import AppConfig

from carbet.core import timeline


class AssessmentsConfig(AppConfig):
    name = "carbet.coordination.assessments"
    label = "assessments"
    verbose_name = "Évaluations"

    def ready(self) -> None:
        timeline.add(import_module("carbet.coordination.assessments.presenters").TIMELINE)
