"""Foundations of the house: they know no domain."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "carbet.core"
    label = "core"
    verbose_name = "Fondations"
