"""The front door: my day for a professional, my record for a person."""

from importlib import import_module

from django.apps import AppConfig

from carbet.core import waiting


class PortalConfig(AppConfig):
    name = "carbet.portal"
    label = "portal"
    verbose_name = "Portail"

    def ready(self) -> None:
        queries = import_module("carbet.portal.queries")
        waiting.warn("services", queries.under_way, queries.notice)
