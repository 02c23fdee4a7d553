"""The FHIR R4 door for other systems."""

from django.apps import AppConfig


class FhirApiConfig(AppConfig):
    name = "carbet.interop.fhir_api"
    label = "fhir_api"
    verbose_name = "Interface FHIR"
