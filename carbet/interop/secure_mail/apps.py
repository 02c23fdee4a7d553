"""Secure mail (MSSanté) of professionals and structures: received, filed, sent."""

from django.apps import AppConfig


class SecureMailConfig(AppConfig):
    name = "carbet.interop.secure_mail"
    label = "secure_mail"
    verbose_name = "Messagerie sécurisée de santé"
