"""Identities of every house of the region, and which of them are one person."""

from django.apps import AppConfig


class IdentityConfig(AppConfig):
    name = "carbet.registries.identity"
    label = "identity"
    verbose_name = "Identités"

    def ready(self) -> None:
        from carbet.registries.identity import receivers  # noqa: F401
