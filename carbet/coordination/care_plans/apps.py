"""The personalised health plan: needs, goals, actions, approval, versions."""

from django.apps import AppConfig


class CarePlansConfig(AppConfig):
    name = "carbet.coordination.care_plans"
    label = "care_plans"
    verbose_name = "Plans personnalisés"
