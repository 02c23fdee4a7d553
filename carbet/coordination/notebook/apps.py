"""What those who care write and measure from visit to visit."""

from django.apps import AppConfig


class NotebookConfig(AppConfig):
    name = "carbet.coordination.notebook"
    label = "notebook"
    verbose_name = "Cahier de liaison"
