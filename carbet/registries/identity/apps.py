"""Identities of every house of the region, and which of them are one person."""

from importlib import import_module

from django.apps import AppConfig

from carbet.core import home


class IdentityConfig(AppConfig):
    name = "carbet.registries.identity"
    label = "identity"
    verbose_name = "Identités"

    def ready(self) -> None:
        import_module("carbet.registries.identity.receivers")
        presenters = import_module("carbet.registries.identity.presenters")
        home.add(presenters.HOME)
        home.add(presenters.NOTICES)
