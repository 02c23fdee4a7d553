"""Requests to the coordination support team (DAC) and the cases they open."""

from django.apps import AppConfig


class SupportConfig(AppConfig):
    name = "carbet.coordination.support"
    label = "support"
    verbose_name = "Demandes d’appui"
