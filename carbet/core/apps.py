"""Foundations of the house: they know no domain."""

from importlib import import_module

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "carbet.core"
    label = "core"
    verbose_name = "Fondations"

    def ready(self) -> None:
        import_module("carbet.core.checks")
