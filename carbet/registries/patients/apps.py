"""Persons cared for: identity, identifiers, search."""

from django.apps import AppConfig


class PatientsConfig(AppConfig):
    name = "carbet.registries.patients"
    label = "patients"
    verbose_name = "Personnes"
