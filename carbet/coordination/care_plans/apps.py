"""The personalised health plan: needs, goals, actions, approval, versions."""

from importlib import import_module

from django.apps import AppConfig

from carbet.core import home, timeline


class CarePlansConfig(AppConfig):
    name = "carbet.coordination.care_plans"
    label = "care_plans"
    verbose_name = "Plans personnalisés"

    def ready(self) -> None:
        presenters = import_module("carbet.coordination.care_plans.presenters.home_page")
        for block in presenters.BLOCKS:
            home.add(block)
        for source in import_module("carbet.coordination.care_plans.presenters.timeline").SOURCES:
            timeline.add(source)
        # Hears what members answer to the tasks of their actions.
        import_module("carbet.coordination.care_plans.receivers")
