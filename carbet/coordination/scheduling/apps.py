"""Who is seen when, by whom: visits, appointments, free slots, absences."""

from importlib import import_module

from django.apps import AppConfig

from carbet.core import home, timeline


class SchedulingConfig(AppConfig):
    name = "carbet.coordination.scheduling"
    label = "scheduling"
    verbose_name = "Agenda partagé"

    def ready(self) -> None:
        home_page = import_module("carbet.coordination.scheduling.presenters.home_page")
        home.add(home_page.HOME)
        timeline.add(import_module("carbet.coordination.scheduling.presenters.timeline").TIMELINE)
