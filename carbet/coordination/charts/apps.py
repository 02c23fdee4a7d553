"""The record page: everything about one person, what is new first."""

from django.apps import AppConfig


class ChartsConfig(AppConfig):
    name = "carbet.coordination.charts"
    label = "charts"
    verbose_name = "Dossiers"
