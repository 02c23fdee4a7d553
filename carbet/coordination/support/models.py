"""Requests to the coordination support team, the cases they open, and each step of both."""

import uuid

from django.db import models
from django.db.models.functions import Now

from carbet.coordination.care_teams.choices import DATA_CATEGORY_CHOICES, ConsentGiver
from carbet.coordination.support.choices import (
    OPEN_REQUESTS,
    CaseStatus,
    CaseStepKind,
    Complexity,
    Contact,
    Outcome,
    RequestReason,
    RequestSource,
    RequestStatus,
    RequestStepKind,
    Told,
    Urgency,
)
from carbet.core import row_security
from carbet.core.actor import DataCategory, Level
from carbet.core.history import tracked

# What the pieces of a request's files are sealed as: they open nowhere else.
SEALED_AS = "request"


class Weighed(models.Model):
    """What the triage found: a score, the level it comes to, and the factors that explain it."""

    complexity_score = models.PositiveSmallIntegerField(null=True)
    complexity_level = models.CharField(max_length=8, choices=Complexity, blank=True, db_default="")
    # Codes of `rules.FACTORS`, and what the coordinator adds to them.
    complexity_factors = models.JSONField(
        default=list, db_default=models.Value([], models.JSONField())
    )
    complexity_note = models.CharField(max_length=500, blank=True, db_default="")

    class Meta:
        abstract = True


@tracked
class SupportRequest(Weighed):
    """One row asks a DAC to support one person, with consent (FHIR ServiceRequest).

    The requester is a role, a structure, an account of the portal, or somebody known by name only;
    `recorded_by` is the role that wrote it down for somebody else.
    """

    ROW_SECURITY = row_security.Protected(read=Level.IDENTITY, write=Level.IDENTITY)

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    source = models.CharField(
        max_length=12,
        choices=RequestSource,
        default=RequestSource.PROFESSIONAL,
        db_default=RequestSource.PROFESSIONAL,
    )
    requester = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True, related_name="+"
    )
    requester_organization = models.ForeignKey(
        "directory.Organization", on_delete=models.PROTECT, null=True, related_name="+"
    )
    requester_account = models.ForeignKey(
        "accounts.Account", on_delete=models.PROTECT, null=True, related_name="+"
    )
    requester_name = models.CharField(max_length=200, blank=True, db_default="")
    requester_phone = models.CharField(max_length=30, blank=True, db_default="")
    recorded_by = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True, related_name="+"
    )
    addressee = models.ForeignKey(
        "directory.Organization", on_delete=models.PROTECT, related_name="+"
    )
    # None while only the requester says that the person agrees: confirmed by whoever accepts.
    consent = models.ForeignKey("care_teams.Consent", on_delete=models.PROTECT, null=True)
    consent_given_by = models.CharField(
        max_length=16, choices=ConsentGiver, blank=True, db_default=""
    )
    consent_note = models.CharField(max_length=500, blank=True, db_default="")
    reason = models.CharField(max_length=12, choices=RequestReason)
    text = models.TextField(max_length=4000)
    urgency = models.CharField(max_length=8, choices=Urgency, default=Urgency.ROUTINE)
    status = models.CharField(max_length=12, choices=RequestStatus, default=RequestStatus.SUBMITTED)
    # The day it was made, when it reached us later (a call, a letter; ServiceRequest.authoredOn).
    authored_on = models.DateField(null=True)
    submitted_at = models.DateTimeField()
    # By when the team answers: moved on by the time that the requester takes to complete it.
    due_at = models.DateTimeField(db_default=Now())
    information_asked_at = models.DateTimeField(null=True)
    triaged_at = models.DateTimeField(null=True)
    triaged_by = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True, related_name="+"
    )
    decision_reason = models.CharField(max_length=1000, blank=True)
    # What another system calls it (ServiceRequest.identifier).
    identifier_system = models.CharField(max_length=200, blank=True, db_default="")
    identifier_value = models.CharField(max_length=200, blank=True, db_default="")
    updated_at = models.DateTimeField(db_default=Now())
    version = models.PositiveIntegerField(default=1, db_default=1)
    gesture = models.UUIDField(default=uuid.uuid4, unique=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["addressee", "status", "submitted_at"], name="request_by_addressee"
            ),
            models.Index(fields=["requester", "-submitted_at"], name="request_by_requester"),
            models.Index(
                fields=["identifier_value"],
                name="request_identified",
                condition=~models.Q(identifier_value=""),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "addressee"],
                condition=models.Q(status__in=OPEN_REQUESTS),
                name="request_one_open_each",
            )
        ]


class RequestStep(models.Model):
    """One row is one thing that happened to a request, and how its requester was told (local)."""

    ROW_SECURITY = row_security.Custom("seen with its request, added by whoever moves it")

    request = models.ForeignKey(SupportRequest, on_delete=models.PROTECT, related_name="steps")
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, db_index=False)
    kind = models.CharField(max_length=10, choices=RequestStepKind)
    at = models.DateTimeField()
    author_role = models.ForeignKey(
        "directory.PractitionerRole",
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
    )
    author_name = models.CharField(max_length=200)
    text = models.CharField(max_length=2000, blank=True)
    told = models.CharField(max_length=4, choices=Told, blank=True, default=Told.NOBODY)
    told_at = models.DateTimeField(null=True)
    told_by_name = models.CharField(max_length=200, blank=True)


class RequestFile(models.Model):
    """One row is a file that a request carries (FHIR ServiceRequest.supportingInfo)."""

    ROW_SECURITY = row_security.Protected(
        read=Level.IDENTITY, write=Level.IDENTITY, category="category"
    )

    request = models.ForeignKey(SupportRequest, on_delete=models.PROTECT, related_name="files")
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, db_index=False)
    category = models.SmallIntegerField(
        choices=DATA_CATEGORY_CHOICES, default=int(DataCategory.MEDICAL)
    )
    number = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=150)
    media_type = models.CharField(max_length=100)
    # In bytes; `digest` is the SHA-256 of the content as kept, before it is sealed.
    size = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    # The key that sealed the pieces, 0 when they are kept as they came.
    sealed_with = models.PositiveSmallIntegerField(default=0)
    author_name = models.CharField(max_length=200)
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "number"], name="request_file_order")
        ]


class RequestPiece(models.Model):
    """One row is a piece of a file of a request, in order from 1 (local)."""

    ROW_SECURITY = row_security.Custom("seen with its file, added, never changed")

    file = models.ForeignKey(RequestFile, on_delete=models.PROTECT, related_name="pieces")
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, db_index=False)
    rank = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["file", "rank"], name="request_piece_once")]


@tracked
class Case(Weighed):
    """One row is one stay of a person with a DAC: an episode (FHIR EpisodeOfCare).

    Its moments are columns, so that delays are counted without reading its history.
    """

    ROW_SECURITY = row_security.Custom(
        "seen by whoever reads the record and by the team that keeps its file, even once closed"
    )

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    organization = models.ForeignKey(
        "directory.Organization", on_delete=models.PROTECT, related_name="+"
    )
    request = models.OneToOneField(SupportRequest, on_delete=models.PROTECT, null=True)
    coordinator = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, related_name="+"
    )
    status = models.CharField(max_length=10, choices=CaseStatus, default=CaseStatus.ACTIVE)
    # When support was asked for, accepted, and entrusted to its coordinator of now.
    requested_at = models.DateTimeField(db_default=Now())
    opened_at = models.DateTimeField()
    assigned_at = models.DateTimeField(db_default=Now())
    first_contact_at = models.DateTimeField(null=True)
    first_contact_with = models.CharField(max_length=12, choices=Contact, blank=True, db_default="")
    suspended_at = models.DateTimeField(null=True)
    suspension_reason = models.CharField(max_length=500, blank=True, db_default="")
    # The day on which it should go on again.
    resume_on = models.DateField(null=True)
    closed_at = models.DateTimeField(null=True)
    close_reason = models.CharField(max_length=500, blank=True)
    outcome = models.CharField(max_length=12, choices=Outcome, blank=True, db_default="")
    reopened_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(db_default=Now())
    # Rises at each change, so that two screens never overwrite each other in silence.
    version = models.PositiveIntegerField(default=1, db_default=1)

    class Meta:
        indexes = [
            models.Index(fields=["organization", "status", "opened_at"], name="case_by_team"),
            models.Index(fields=["coordinator", "status"], name="case_by_coordinator"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "organization"],
                condition=~models.Q(status="finished"),
                name="case_one_open_each",
            )
        ]


class CaseStep(models.Model):
    """One row is one thing that happened in a case: never changed (EpisodeOfCare.statusHistory)."""

    ROW_SECURITY = row_security.Custom("seen with its case, added by its team, never changed")

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="steps")
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, db_index=False)
    organization = models.ForeignKey(
        "directory.Organization", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    kind = models.CharField(max_length=10, choices=CaseStepKind)
    at = models.DateTimeField()
    author_role = models.ForeignKey(
        "directory.PractitionerRole",
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
    )
    author_name = models.CharField(max_length=200)
    # Who holds the case from then on, and who held it until then when it changes hands.
    coordinator = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    former_coordinator = models.ForeignKey(
        "directory.PractitionerRole",
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
    )
    outcome = models.CharField(max_length=12, choices=Outcome, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    complexity_score = models.PositiveSmallIntegerField(null=True)

    class Meta:
        indexes = [models.Index(fields=["organization", "kind", "at"], name="casestep_by_team")]
