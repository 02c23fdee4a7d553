"""Secure mail (MSSanté) of professionals and structures: received, filed, sent."""

from importlib import import_module

from django.apps import AppConfig

from carbet.core import home


class SecureMailConfig(AppConfig):
    name = "carbet.interop.secure_mail"
    label = "secure_mail"
    verbose_name = "Messagerie sécurisée de santé"

    def ready(self) -> None:
        presenters = import_module("carbet.interop.secure_mail.presenters")
        home.add(presenters.HOME)
