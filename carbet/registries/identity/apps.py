"""Identities of every house of the region, and which of them are one person."""

from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate

from carbet.core import home


def follow_histories(using: str, **_: Any) -> None:
    """Let a row's former versions be read by whoever reads the row, in every room (`0006`)."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT to_regproc('identity_follow_histories') IS NOT NULL")
        if cursor.fetchone()[0]:
            cursor.execute("SELECT identity_follow_histories()")


class IdentityConfig(AppConfig):
    name = "carbet.registries.identity"
    label = "identity"
    verbose_name = "Identités"

    def ready(self) -> None:
        import_module("carbet.registries.identity.receivers")
        post_migrate.connect(follow_histories, dispatch_uid="identity-histories")
        presenters = import_module("carbet.registries.identity.presenters")
        home.add(presenters.HOME)
        home.add(presenters.NOTICES)
