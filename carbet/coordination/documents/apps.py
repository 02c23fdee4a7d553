"""Documents of a person: files kept whole, in versions, and served through the door only."""

from importlib import import_module

from django.apps import AppConfig

from carbet.core import timeline


class DocumentsConfig(AppConfig):
    name = "carbet.coordination.documents"
    label = "documents"
    verbose_name = "Documents"

    def ready(self) -> None:
        timeline.add(import_module("carbet.coordination.documents.presenters.timeline").TIMELINE)
