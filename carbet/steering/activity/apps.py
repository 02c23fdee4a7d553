"""How a support team works: its figures, their definitions, the lists behind them."""

from django.apps import AppConfig


class ActivityConfig(AppConfig):
    name = "carbet.steering.activity"
    label = "activity"
    verbose_name = "Pilotage de l’activité"
