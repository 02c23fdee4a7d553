"""Documents of a person: files kept whole, in versions, and served through the door only."""

from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    name = "carbet.coordination.documents"
    label = "documents"
    verbose_name = "Documents"
