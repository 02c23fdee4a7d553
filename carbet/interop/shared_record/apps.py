"""The shared record (DMP): documents of a record deposited there."""

from django.apps import AppConfig


class SharedRecordConfig(AppConfig):
    name = "carbet.interop.shared_record"
    label = "shared_record"
    verbose_name = "Dossier médical partagé"
