"""How to reach what the directory describes: secure mailboxes and technical endpoints."""

from django.db import models
from django.db.models import Q

from carbet.registries.directory.choices import MailboxKind, Source
from carbet.registries.directory.models.offer import HealthcareService
from carbet.registries.directory.models.organizations import Organization
from carbet.registries.directory.models.professionals import Practitioner, PractitionerRole
from carbet.registries.directory.models.territory import PUBLIC_FACTS, Sourced


class SecureMailbox(models.Model):
    """One row is a secure mailbox (MSSanté) of a professional, a role, a structure or a service.

    The address of a mailbox on the red list is not kept at all: only its fingerprint is, so that
    the same address is recognised, and left out, whoever else says it.
    """

    ROW_SECURITY = PUBLIC_FACTS

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, null=True, related_name="mailboxes", db_index=False
    )
    practitioner = models.ForeignKey(
        Practitioner, on_delete=models.CASCADE, null=True, related_name="mailboxes", db_index=False
    )
    role = models.ForeignKey(
        PractitionerRole,
        on_delete=models.CASCADE,
        null=True,
        related_name="mailboxes",
        db_index=False,
    )
    service = models.ForeignKey(
        HealthcareService,
        on_delete=models.CASCADE,
        null=True,
        related_name="mailboxes",
        db_index=False,
    )
    source = models.CharField(max_length=12, choices=Source, blank=True)
    address = models.CharField(max_length=254, blank=True)
    # SHA-256 of the address in small letters, in hexadecimal.
    fingerprint = models.CharField(max_length=64)
    kind = models.CharField(max_length=3, choices=MailboxKind, blank=True)
    description = models.CharField(max_length=500, blank=True)
    responsible = models.CharField(max_length=200, blank=True)
    service_name = models.CharField(max_length=200, blank=True)
    phone = models.CharField(max_length=20, blank=True)
    # liste rouge
    red_list = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(fields=["fingerprint"], name="mailbox_fingerprint"),
            *(
                models.Index(
                    fields=[owner],
                    name=f"mailbox_{owner}",
                    condition=Q(**{f"{owner}__isnull": False}),
                )
                for owner in ("organization", "practitioner", "role", "service")
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(red_list=False) | Q(address=""), name="mailbox_red_list_is_not_kept"
            ),
        ]

    def __str__(self) -> str:
        return self.address


class Endpoint(Sourced):
    """One row is a technical address of a structure's system (FHIR, MLLP, DICOMweb…)."""

    ROW_SECURITY = PUBLIC_FACTS

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, null=True, related_name="endpoints"
    )
    name = models.CharField(max_length=200, blank=True)
    # http://terminology.hl7.org/CodeSystem/endpoint-connection-type
    connection_type = models.CharField(max_length=40)
    address = models.CharField(max_length=500)
    payload_types = models.JSONField(default=list)
    active = models.BooleanField(default=True)
    synthetic = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name or self.address
