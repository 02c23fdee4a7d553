"""Who may sign in: accounts, sessions, second factors."""

from importlib import import_module

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "carbet.registries.accounts"
    label = "accounts"
    verbose_name = "Comptes"

    def ready(self) -> None:
        import_module("carbet.registries.accounts.receivers")
