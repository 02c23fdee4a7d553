"""The circle of those who care for one person, and the door to that person's record."""

from importlib import import_module

from django.apps import AppConfig

from carbet.core import home, timeline


class CareTeamsConfig(AppConfig):
    name = "carbet.coordination.care_teams"
    label = "care_teams"
    verbose_name = "Cercles de soins"

    def ready(self) -> None:
        presenters = import_module("carbet.coordination.care_teams.presenters")
        home.add(presenters.HOME)
        home.add(presenters.INVITED)
        for source in import_module("carbet.coordination.care_teams.presenters.timeline").SOURCES:
            timeline.add(source)
        # Answers the rooms below.
        import_module("carbet.coordination.care_teams.receivers")
