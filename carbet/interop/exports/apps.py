"""Exports: the record of a person, or the whole territory, taken out in open formats."""

from django.apps import AppConfig


class ExportsConfig(AppConfig):
    name = "carbet.interop.exports"
    label = "exports"
    verbose_name = "Exports"
