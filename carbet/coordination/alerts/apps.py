"""What must be seen in time, by whom, and whether it was."""

from importlib import import_module

from django.apps import AppConfig

from carbet.core import waiting


class AlertsConfig(AppConfig):
    name = "carbet.coordination.alerts"
    label = "alerts"
    verbose_name = "Alertes"

    def ready(self) -> None:
        queries = import_module("carbet.coordination.alerts.queries")
        waiting.add("alerts", queries.waiting)
        # Hears the rooms below.
        import_module("carbet.coordination.alerts.receivers")
