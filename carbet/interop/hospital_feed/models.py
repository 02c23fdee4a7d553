"""Messages of hospitals, whole and in order; the stays and movements that they tell."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from carbet.core import row_security
from carbet.core.history import tracked
from carbet.interop.hospital_feed.choices import (
    UNSETTLED,
    EncounterStatus,
    ErrorCode,
    MessageStatus,
    MovementKind,
    MovementStatus,
    PatientClass,
)

HOUSE_ONLY = row_security.Custom("the house itself: received by the listener, seen by its doors")


class FeedRoute(models.Model):
    """One row is a sender whose messages are carried out: a facility, and whose software it is."""

    ROW_SECURITY = row_security.Open("speaks of establishments: of no person cared for")

    # MSH-4, and MSH-3 where two applications of one facility must be told apart.
    facility = models.CharField(max_length=100)
    application = models.CharField(max_length=100, blank=True)
    organization = models.ForeignKey(
        "directory.Organization", on_delete=models.PROTECT, related_name="+"
    )
    # Where its receipts of business (ZAM) go, by MLLP; nowhere when empty.
    receipts_host = models.CharField(max_length=200, blank=True, db_default="")
    receipts_port = models.PositiveIntegerField(null=True)
    # Where it is told that its identities are crossed otherwise (ITI-10); nowhere when empty.
    updates_host = models.CharField(max_length=200, blank=True, db_default="")
    updates_port = models.PositiveIntegerField(null=True)
    # The last decision on identities of which it was told.
    updates_after = models.BigIntegerField(default=0, db_default=0)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=200)
    updated_at = models.DateTimeField()
    # The key of the gesture that wrote it: the same key twice is one row.
    gesture = models.UUIDField(null=True, unique=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["facility", "application"],
                name="feed_route_once",
                condition=models.Q(active=True),
            )
        ]


class HospitalMessage(models.Model):
    """One row is a message that arrived: what its header says, and what became of it."""

    ROW_SECURITY = HOUSE_ONLY

    received_at = models.DateTimeField()
    peer = models.CharField(max_length=45)
    # The sender as the header names it: what becomes of the message is decided when it is read.
    application = models.CharField(max_length=100, blank=True)
    facility = models.CharField(max_length=100, blank=True)
    type = models.CharField(max_length=8, blank=True)
    event = models.CharField(max_length=8, blank=True)
    control_id = models.CharField(max_length=199, blank=True)
    version = models.CharField(max_length=10, blank=True)
    charset = models.CharField(max_length=30, blank=True)
    sent_at = models.CharField(max_length=26, blank=True)
    # In bytes; `digest` is the SHA-256 of the message as it came.
    size = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    # Hashes of the identifiers of the persons it names: what orders it among theirs.
    keys = ArrayField(models.BigIntegerField(), default=list)
    status = models.CharField(max_length=9, choices=MessageStatus, default=MessageStatus.WAITING)
    # The message that it waits for, of the same person.
    behind = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=3, choices=ErrorCode, blank=True)
    # Where it is wrong ("ZBE-4"), and why, without anything that it says of a person.
    error_place = models.CharField(max_length=20, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, null=True)
    # How many times somebody mended it: its latest text is the one carried out.
    mended = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            # The same message sent again, after an answer that was lost, is one row.
            models.UniqueConstraint(
                fields=["facility", "control_id", "digest"], name="hospital_message_once"
            )
        ]
        indexes = [
            models.Index(fields=["id"], name="feed_waiting", condition=models.Q(status="waiting")),
            GinIndex(
                fields=["keys"],
                name="feed_unsettled_keys",
                condition=models.Q(status__in=[each.value for each in UNSETTLED]),
            ),
            models.Index(fields=["status", "-id"], name="feed_by_status"),
            models.Index(
                fields=["behind"], name="feed_behind", condition=models.Q(status="blocked")
            ),
            models.Index(fields=["received_at"], name="feed_by_arrival"),
        ]


class RawMessage(models.Model):
    """One row is the text of a message, as it came or as somebody mended it; it never changes."""

    ROW_SECURITY = HOUSE_ONLY

    message = models.ForeignKey(HospitalMessage, on_delete=models.PROTECT, related_name="texts")
    # 0: as it came; then one more each time it is mended.
    number = models.PositiveSmallIntegerField(default=0)
    data = models.BinaryField()
    # The key that sealed it, 0 when it is kept as it came.
    sealed_with = models.PositiveSmallIntegerField(default=0)
    recorded_at = models.DateTimeField()
    author_name = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "number"], name="raw_message_once")
        ]


class AwaitedReading(models.Model):
    """One row is a document whose sender asked to be told once a carer has opened it (ZAM^Z03)."""

    ROW_SECURITY = HOUSE_ONLY

    message = models.ForeignKey(HospitalMessage, on_delete=models.PROTECT, related_name="+")
    document = models.ForeignKey("documents.Document", on_delete=models.PROTECT, related_name="+")
    filed_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "document"], name="awaited_reading_once")
        ]
        indexes = [
            models.Index(
                fields=["filed_at"],
                name="feed_awaited_readings",
                condition=models.Q(told_at__isnull=True),
            )
        ]


class ToldIdentity(models.Model):
    """One row is the numbers that an establishment was last told of one of its identities."""

    ROW_SECURITY = HOUSE_ONLY

    route = models.ForeignKey(FeedRoute, on_delete=models.PROTECT, related_name="+")
    identity = models.ForeignKey(
        "identity.LocalIdentity", on_delete=models.PROTECT, related_name="+"
    )
    # SHA-256 of what PID-3 said.
    digest = models.CharField(max_length=64)
    told_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["route", "identity"], name="told_identity_once")
        ]


@tracked
class Encounter(models.Model):
    """One row is a stay or a coming of one person to one establishment (FHIR Encounter)."""

    ROW_SECURITY = row_security.Protected()

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, db_index=False)
    organization = models.ForeignKey(
        "directory.Organization", on_delete=models.PROTECT, related_name="+"
    )
    # The number of the stay there: PID-18 (NDA), else PV1-19.
    number = models.CharField(max_length=100)
    status = models.CharField(max_length=11, choices=EncounterStatus)
    patient_class = models.CharField(max_length=1, choices=PatientClass)
    # The care unit of the last movement.
    unit = models.CharField(max_length=100, blank=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "organization", "number"], name="encounter_once"
            )
        ]


@tracked
class Movement(models.Model):
    """One row is one movement of a stay, known by the number its establishment gave it (ZBE-1)."""

    ROW_SECURITY = row_security.Protected()

    encounter = models.ForeignKey(Encounter, on_delete=models.PROTECT, related_name="movements")
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    number = models.CharField(max_length=150)
    kind = models.CharField(max_length=3, choices=MovementKind)
    status = models.CharField(max_length=9, choices=MovementStatus, default=MovementStatus.ACTIVE)
    # ZBE-5: told after the fact, nobody is called.
    historic = models.BooleanField(default=False)
    patient_class = models.CharField(max_length=1, choices=PatientClass)
    unit = models.CharField(max_length=100, blank=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["encounter", "number"], name="movement_once")
        ]
