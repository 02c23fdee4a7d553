"""The demonstration territory: real places, invented people, from a handful to a million."""

from django.apps import AppConfig


class DemonstrationConfig(AppConfig):
    name = "carbet.steering.demonstration"
    label = "demonstration"
    verbose_name = "Démonstration"
