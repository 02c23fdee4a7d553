"""What hospitals send: HL7 v2 messages, kept, put in order and carried out."""

from importlib import import_module

from django.apps import AppConfig


class HospitalFeedConfig(AppConfig):
    name = "carbet.interop.hospital_feed"
    label = "hospital_feed"
    verbose_name = "Flux des hôpitaux"

    def ready(self) -> None:
        import_module("carbet.interop.hospital_feed.receivers")
