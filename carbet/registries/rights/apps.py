"""Who may work under which role, how they prove it, and which other applications they enter."""

from importlib import import_module

from django.apps import AppConfig

from carbet.core import home


class RightsConfig(AppConfig):
    name = "carbet.registries.rights"
    label = "rights"
    verbose_name = "Habilitations"

    def ready(self) -> None:
        import_module("carbet.registries.rights.receivers")
        presenters = import_module("carbet.registries.rights.presenters")
        for block in (
            presenters.REGISTRATIONS,
            presenters.ENDING,
            presenters.OWN_ENDING,
            presenters.APPLICATIONS,
        ):
            home.add(block)
