"""Who may sign in: accounts, sessions, second factors."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "carbet.registries.accounts"
    label = "accounts"
    verbose_name = "Comptes"
