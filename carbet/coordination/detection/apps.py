"""Early detection: rules that propose what to look at, and people who decide."""

from importlib import import_module

from django.apps import AppConfig

from carbet.core import home


class DetectionConfig(AppConfig):
    name = "carbet.coordination.detection"
    label = "detection"
    verbose_name = "Veille"

    def ready(self) -> None:
        import_module("carbet.coordination.detection.receivers")
        home.add(import_module("carbet.coordination.detection.presenters").HOME)
