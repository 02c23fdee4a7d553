"""The circle of one person: members, relatives, consent, and exceptional entries."""

from django.db import models

from carbet.coordination.care_teams.choices import (
    Capacity,
    CareTeamStatus,
    ConsentDecision,
    ConsentGiver,
    GlassReason,
    InvitationStatus,
    MomentPrecision,
    ParticipantRole,
    ProofKind,
    Relationship,
)
from carbet.core import row_security
from carbet.core.actor import Level
from carbet.core.history import tracked


@tracked
class CareTeam(models.Model):
    """One row is the circle of one person: there is one only (FHIR CareTeam, CdS 2.0.0)."""

    ROW_SECURITY = row_security.Protected(write=Level.MANAGE)

    patient = models.OneToOneField("patients.Patient", on_delete=models.PROTECT)
    status = models.CharField(max_length=16, choices=CareTeamStatus, default=CareTeamStatus.ACTIVE)
    name = models.CharField(max_length=200, default="Cercle de soins")
    identifier_system = models.CharField(max_length=200, blank=True)
    identifier_value = models.CharField(max_length=100, blank=True)
    started_at = models.DateTimeField()
    started_precision = models.CharField(
        max_length=7,
        choices=MomentPrecision,
        default=MomentPrecision.INSTANT,
        db_default=MomentPrecision.INSTANT,
    )
    ended_at = models.DateTimeField(null=True)
    ended_precision = models.CharField(
        max_length=7,
        choices=MomentPrecision,
        default=MomentPrecision.INSTANT,
        db_default=MomentPrecision.INSTANT,
    )
    managing_organization = models.ForeignKey(
        "directory.Organization", on_delete=models.PROTECT, null=True
    )
    updated_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)
    # The key of the gesture that wrote it: the same key twice is one row.
    gesture = models.UUIDField(null=True, unique=True)


@tracked
class RelatedPerson(models.Model):
    """One row is a relative or friend of the person (FHIR RelatedPerson)."""

    ROW_SECURITY = row_security.Protected(write=Level.MANAGE)

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    family = models.CharField(max_length=100)
    given = models.CharField(max_length=100, blank=True)
    role = models.CharField(max_length=12, default=ParticipantRole.EMERGENCY_CONTACT)
    relationship = models.CharField(max_length=12, choices=Relationship, blank=True)
    # Under which title they speak for the person, when they do.
    capacity = models.CharField(max_length=9, choices=Capacity, blank=True, db_default="")
    phone = models.CharField(max_length=30)
    gender = models.CharField(max_length=8, blank=True)
    address_line = models.CharField(max_length=200, blank=True)
    postal_code = models.CharField(max_length=10, blank=True)
    city = models.CharField(max_length=80, blank=True)
    country = models.CharField(max_length=3, blank=True)
    identifier_use = models.CharField(max_length=10, blank=True, db_default="")
    identifier_system = models.CharField(max_length=200, blank=True)
    identifier_value = models.CharField(max_length=100, blank=True)
    account = models.ForeignKey("accounts.Account", on_delete=models.PROTECT, null=True)
    active = models.BooleanField(default=True)
    updated_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)
    # The key of the gesture that wrote it: the same key twice is one row.
    gesture = models.UUIDField(null=True, unique=True)

    def __str__(self) -> str:
        return f"{self.given} {self.family}".strip()


@tracked
class CareTeamParticipant(models.Model):
    """One row is one stay of one member in the circle; coming back is a further row."""

    ROW_SECURITY = row_security.Protected(write=Level.MANAGE)

    care_team = models.ForeignKey(CareTeam, on_delete=models.PROTECT, related_name="participants")
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    practitioner_role = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True
    )
    organization = models.ForeignKey("directory.Organization", on_delete=models.PROTECT, null=True)
    related_person = models.ForeignKey(RelatedPerson, on_delete=models.PROTECT, null=True)
    role = models.CharField(max_length=12, blank=True, choices=ParticipantRole)
    started_at = models.DateTimeField()
    started_precision = models.CharField(
        max_length=7,
        choices=MomentPrecision,
        default=MomentPrecision.INSTANT,
        db_default=MomentPrecision.INSTANT,
    )
    ended_at = models.DateTimeField(null=True)
    ended_precision = models.CharField(
        max_length=7,
        choices=MomentPrecision,
        default=MomentPrecision.INSTANT,
        db_default=MomentPrecision.INSTANT,
    )
    end_reason = models.CharField(max_length=200, blank=True)
    # The categories of data that the person opens to this member; None follows the role.
    scope = models.SmallIntegerField(null=True)
    added_by = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        ordering = ["started_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    practitioner_role__isnull=False,
                    organization__isnull=True,
                    related_person__isnull=True,
                )
                | models.Q(
                    practitioner_role__isnull=True,
                    organization__isnull=False,
                    related_person__isnull=True,
                )
                | models.Q(
                    practitioner_role__isnull=True,
                    organization__isnull=True,
                    related_person__isnull=False,
                ),
                name="participant_is_one_member",
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at__isnull=True)
                | models.Q(ended_at__gte=models.F("started_at")),
                name="participant_period",
            ),
            models.UniqueConstraint(
                fields=["care_team", "practitioner_role"],
                condition=models.Q(ended_at__isnull=True),
                name="participant_role_once_at_a_time",
            ),
            models.UniqueConstraint(
                fields=["care_team", "organization"],
                condition=models.Q(ended_at__isnull=True),
                name="participant_organization_once_at_a_time",
            ),
        ]


@tracked
class Consent(models.Model):
    """One row is what the person decided about sharing, how, and who recorded it (FHIR Consent)."""

    ROW_SECURITY = row_security.Protected(read=Level.IDENTITY)

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    decision = models.CharField(max_length=8, choices=ConsentDecision)
    given_by = models.CharField(max_length=16, choices=ConsentGiver)
    # Who answered or was consulted when it was not the person alone, and under which title then.
    related_person = models.ForeignKey(RelatedPerson, on_delete=models.PROTECT, null=True)
    capacity = models.CharField(max_length=9, choices=Capacity, blank=True, db_default="")
    note = models.CharField(max_length=500, blank=True)
    recorded_by = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True
    )
    recorded_at = models.DateTimeField()
    # What proves it: kept by the documents room, under this number; SHA-256 of what is kept.
    proof_kind = models.CharField(max_length=9, choices=ProofKind, blank=True, db_default="")
    proof_document = models.BigIntegerField(null=True)
    proof_digest = models.CharField(max_length=64, blank=True, db_default="")
    proved_at = models.DateTimeField(null=True)
    # The key of the gesture that wrote it: the same key twice is one row.
    gesture = models.UUIDField(null=True, unique=True)


@tracked
class Invitation(models.Model):
    """One row invites one professional into the circle until a moment; they accept or decline."""

    ROW_SECURITY = row_security.Custom(
        "seen by the circle and by the guest; written by who manages, answered by the guest"
    )

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    practitioner_role = models.ForeignKey("directory.PractitionerRole", on_delete=models.PROTECT)
    role = models.CharField(max_length=12, choices=ParticipantRole, default=ParticipantRole.MEMBER)
    status = models.CharField(
        max_length=9, choices=InvitationStatus, default=InvitationStatus.PENDING
    )
    invited_by = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True, related_name="+"
    )
    invited_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "practitioner_role"],
                condition=models.Q(status="pending"),
                name="invitation_once_at_a_time",
            )
        ]
        indexes = [
            models.Index(
                fields=["practitioner_role", "expires_at"],
                condition=models.Q(status="pending"),
                name="invitation_to_answer",
            )
        ]


class GlassBreaking(models.Model):
    """One row is one exceptional entry in a record, with its reason, its end and its review."""

    ROW_SECURITY = row_security.Custom(
        "seen by whoever entered and by those who may manage; reviewed by the latter"
    )

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    practitioner_role = models.ForeignKey("directory.PractitionerRole", on_delete=models.PROTECT)
    reason = models.CharField(max_length=12, choices=GlassReason)
    explanation = models.CharField(max_length=500)
    opened_at = models.DateTimeField()
    valid_until = models.DateTimeField()
    reviewed_at = models.DateTimeField(null=True)
    reviewed_by = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True, related_name="+"
    )
    review_note = models.CharField(max_length=500, blank=True)
    # The key of the gesture that wrote it: the same key twice is one row.
    gesture = models.UUIDField(null=True, unique=True)
