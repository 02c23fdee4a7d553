"""The record page: everything about one person, what is new first."""

from importlib import import_module

from django.apps import AppConfig

from carbet.core import home


class ChartsConfig(AppConfig):
    name = "carbet.coordination.charts"
    label = "charts"
    verbose_name = "Dossiers"

    def ready(self) -> None:
        presenters = import_module("carbet.coordination.charts.presenters")
        home.add(presenters.HOME)
