"""The front door: my day for a professional, my record for a person."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "carbet.portal"
    label = "portal"
    verbose_name = "Portail"
