"""Who works where and offers what: practitioners, roles, organizations, services."""

from django.apps import AppConfig


class DirectoryConfig(AppConfig):
    name = "carbet.registries.directory"
    label = "directory"
    verbose_name = "Annuaire"
