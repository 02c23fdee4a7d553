"""Who may work under which role, how they prove it, and which other applications they enter."""

from importlib import import_module

from django.apps import AppConfig


class RightsConfig(AppConfig):
    name = "carbet.registries.rights"
    label = "rights"
    verbose_name = "Habilitations"

    def ready(self) -> None:
        import_module("carbet.registries.rights.receivers")
