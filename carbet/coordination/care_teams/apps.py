"""The circle of those who care for one person, and the door to that person's record."""

from django.apps import AppConfig


class CareTeamsConfig(AppConfig):
    name = "carbet.coordination.care_teams"
    label = "care_teams"
    verbose_name = "Cercles de soins"
