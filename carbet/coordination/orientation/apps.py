"""To whom a person may be sent: who does it, how far as one travels, where there is room."""

from django.apps import AppConfig


class OrientationConfig(AppConfig):
    name = "carbet.coordination.orientation"
    label = "orientation"
    verbose_name = "Orientation"
