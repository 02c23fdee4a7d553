"""What those who care write and measure from visit to visit."""

from importlib import import_module

from django.apps import AppConfig


class NotebookConfig(AppConfig):
    name = "carbet.coordination.notebook"
    label = "notebook"
    verbose_name = "Cahier de liaison"

    def ready(self) -> None:
        # Hears the rooms below.
        import_module("carbet.coordination.notebook.receivers")
