"""Messages between those who care, about a person or among themselves."""

from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "carbet.coordination.messaging"
    label = "messaging"
    verbose_name = "Messagerie"
