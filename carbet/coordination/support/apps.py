"""Requests to the coordination support team (DAC) and the cases they open."""

from importlib import import_module

from django.apps import AppConfig

from carbet.core import home


class SupportConfig(AppConfig):
    name = "carbet.coordination.support"
    label = "support"
    verbose_name = "Demandes d’appui"

    def ready(self) -> None:
        presenters = import_module("carbet.coordination.support.presenters")
        home.add(presenters.HOME)
