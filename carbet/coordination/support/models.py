"""Requests to the coordination support team and the cases they open."""

import uuid

from django.db import models

from carbet.coordination.support.choices import (
    CaseStatus,
    RequestReason,
    RequestStatus,
    Urgency,
)
from carbet.core import row_security
from carbet.core.actor import Level
from carbet.core.history import tracked


@tracked
class SupportRequest(models.Model):
    """One row asks a DAC to support one person, with consent (FHIR ServiceRequest)."""

    ROW_SECURITY = row_security.Protected(read=Level.IDENTITY, write=Level.IDENTITY)

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    requester = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, related_name="+"
    )
    addressee = models.ForeignKey(
        "directory.Organization", on_delete=models.PROTECT, related_name="+"
    )
    consent = models.ForeignKey("care_teams.Consent", on_delete=models.PROTECT)
    reason = models.CharField(max_length=12, choices=RequestReason)
    text = models.TextField(max_length=4000)
    urgency = models.CharField(max_length=8, choices=Urgency, default=Urgency.ROUTINE)
    status = models.CharField(max_length=12, choices=RequestStatus, default=RequestStatus.SUBMITTED)
    submitted_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True, related_name="+"
    )
    decision_reason = models.CharField(max_length=1000, blank=True)
    gesture = models.UUIDField(default=uuid.uuid4, unique=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["addressee", "status", "submitted_at"], name="request_by_addressee"
            ),
            models.Index(fields=["requester", "-submitted_at"], name="request_by_requester"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "addressee"],
                condition=models.Q(status="submitted"),
                name="request_one_open_each",
            )
        ]


@tracked
class Case(models.Model):
    """One row is one stay of a person with a DAC (FHIR EpisodeOfCare)."""

    ROW_SECURITY = row_security.Protected(write=Level.MANAGE)

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    organization = models.ForeignKey(
        "directory.Organization", on_delete=models.PROTECT, related_name="+"
    )
    request = models.OneToOneField(SupportRequest, on_delete=models.PROTECT, null=True)
    coordinator = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, related_name="+"
    )
    status = models.CharField(max_length=10, choices=CaseStatus, default=CaseStatus.ACTIVE)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    close_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "organization"],
                condition=~models.Q(status="finished"),
                name="case_one_open_each",
            )
        ]
