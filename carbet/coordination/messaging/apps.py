"""Messages between those who care, about a person or among themselves."""

from importlib import import_module

from django.apps import AppConfig

from carbet.core import home, waiting


class MessagingConfig(AppConfig):
    name = "carbet.coordination.messaging"
    label = "messaging"
    verbose_name = "Messagerie"

    def ready(self) -> None:
        queries = import_module("carbet.coordination.messaging.queries")
        presenters = import_module("carbet.coordination.messaging.presenters")
        waiting.add("messages", queries.waiting)
        home.add(presenters.HOME)
