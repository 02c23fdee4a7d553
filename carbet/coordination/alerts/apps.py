"""What must be seen in time, by whom, and whether it was."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "carbet.coordination.alerts"
    label = "alerts"
    verbose_name = "Alertes"
