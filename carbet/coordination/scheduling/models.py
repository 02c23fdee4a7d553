"""The shared agenda: appointments and who takes part, series, free slots, absences, feeds."""

import uuid
from datetime import timedelta

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeBoundary
from django.contrib.postgres.fields import RangeOperators as Operators
from django.db import models

from carbet.coordination.scheduling.choices import (
    ASKED,
    FIRM,
    OPEN,
    AbsenceKind,
    AppointmentStatus,
    CancelReason,
    ParticipationStatus,
    SlotStatus,
    VisitKind,
)
from carbet.core import row_security
from carbet.core.history import tracked

LONGEST = timedelta(hours=24)
AVAILABILITY = row_security.Open("when a professional may be seen: speaks of nobody cared for")


class TsTzRange(models.Func):
    """[start, end) of two columns."""

    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


def during() -> TsTzRange:
    """Return the span of a row, half-open."""
    return TsTzRange("start", "end", RangeBoundary())


class Schedule(models.Model):
    """One row is an agenda in which slots open: of a role, or of a structure (FHIR Schedule)."""

    ROW_SECURITY = AVAILABILITY

    organization = models.ForeignKey("directory.Organization", on_delete=models.PROTECT)
    practitioner_role = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True
    )
    active = models.BooleanField(default=True)
    kind = models.CharField(max_length=8, choices=VisitKind, default=VisitKind.OFFICE)
    comment = models.CharField(max_length=200, blank=True)
    identifier_system = models.CharField(max_length=200, blank=True)
    identifier_value = models.CharField(max_length=100, blank=True)
    horizon_start = models.DateTimeField(null=True)
    horizon_end = models.DateTimeField(null=True)
    # What another software said of it (FHIR elements), given back as it was.
    said = models.JSONField(default=dict)
    declared_by = models.CharField(max_length=100, blank=True)
    updated_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["declared_by", "identifier_system", "identifier_value"],
                name="schedule_identifier",
                condition=~models.Q(identifier_value=""),
            ),
            models.UniqueConstraint(
                fields=["practitioner_role", "kind"],
                name="schedule_own",
                condition=models.Q(declared_by="", practitioner_role__isnull=False),
            ),
        ]


class Slot(models.Model):
    """One row is a span that may be booked (FHIR Slot); two slots of one agenda never overlap."""

    ROW_SECURITY = AVAILABILITY

    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, related_name="slots")
    start = models.DateTimeField()
    end = models.DateTimeField()
    status = models.CharField(max_length=16, choices=SlotStatus, default=SlotStatus.FREE)
    identifier_system = models.CharField(max_length=200, blank=True)
    identifier_value = models.CharField(max_length=100, blank=True)
    comment = models.CharField(max_length=500, blank=True)
    # What another software said of it (FHIR elements), given back as it was.
    said = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    updated_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        indexes = [
            models.Index(
                fields=["start"], name="slot_free", condition=models.Q(status=SlotStatus.FREE)
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(end__gt=models.F("start")), name="slot_has_a_length"
            ),
            ExclusionConstraint(
                name="slot_once_in_its_agenda",
                expressions=[("schedule", Operators.EQUAL), (during(), Operators.OVERLAPS)],
                condition=~models.Q(status=SlotStatus.ENTERED_IN_ERROR),
            ),
        ]


class Absence(models.Model):
    """One row is a time when a professional is away; it says neither why in detail nor for whom."""

    ROW_SECURITY = AVAILABILITY

    practitioner_role = models.ForeignKey("directory.PractitionerRole", on_delete=models.PROTECT)
    start = models.DateTimeField()
    end = models.DateTimeField()
    kind = models.CharField(max_length=8, choices=AbsenceKind, default=AbsenceKind.LEAVE)
    cancelled_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    gesture = models.UUIDField(default=uuid.uuid4, unique=True)

    class Meta:
        indexes = [models.Index(fields=["practitioner_role", "end"], name="absence_by_role")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(end__gt=models.F("start")), name="absence_has_a_length"
            ),
        ]


class CalendarFeed(models.Model):
    """One row is a secret address from which a calendar reads one role's visits, until revoked."""

    ROW_SECURITY = row_security.Open("found by the digest of an unguessable secret")

    account = models.ForeignKey("accounts.Account", on_delete=models.PROTECT)
    practitioner_role = models.ForeignKey("directory.PractitionerRole", on_delete=models.PROTECT)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "practitioner_role"],
                name="feed_one_at_a_time",
                condition=models.Q(revoked_at__isnull=True),
            ),
        ]


@tracked
class AppointmentSeries(models.Model):
    """One row is a visit that comes back (RFC 5545): its visits are rows up to a horizon."""

    ROW_SECURITY = row_security.Protected()

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    rule = models.CharField(max_length=200)
    first_start = models.DateTimeField()
    minutes = models.PositiveSmallIntegerField()
    zone = models.CharField(max_length=40)
    kind = models.CharField(max_length=8, choices=VisitKind)
    description = models.CharField(max_length=200, blank=True)
    role_ids = ArrayField(models.BigIntegerField())
    author_role = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True, related_name="+"
    )
    author_name = models.CharField(max_length=200)
    written_until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    gesture = models.UUIDField(default=uuid.uuid4, unique=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["written_until"],
                name="series_to_write",
                condition=models.Q(ended_at__isnull=True),
            ),
        ]


@tracked
class Appointment(models.Model):
    """One row is an appointment: asked for, agreed, done or cancelled (FHIR Appointment).

    Without a person (a regulation books a slot before it knows whom for), it is open to `open_to`.
    """

    ROW_SECURITY = row_security.Protected()

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, null=True)
    status = models.CharField(max_length=16, choices=AppointmentStatus)
    kind = models.CharField(max_length=8, choices=VisitKind, default=VisitKind.HOME)
    description = models.CharField(max_length=200, blank=True)
    # Without a time while it waits in a list; then what was wished for.
    start = models.DateTimeField(null=True)
    end = models.DateTimeField(null=True)
    requested_start = models.DateTimeField(null=True)
    requested_end = models.DateTimeField(null=True)
    slot = models.ForeignKey(Slot, on_delete=models.PROTECT, null=True)
    series = models.ForeignKey(AppointmentSeries, on_delete=models.PROTECT, null=True)
    # Which visit of the series it is, whatever became of it since (RFC 5545 RECURRENCE-ID).
    recurrence_id = models.DateTimeField(null=True)
    # Overlaps something else, and somebody said: all the same.
    overlap_accepted = models.BooleanField(default=False)
    # Somebody proposed another time: whoever asked must agree.
    awaits_author = models.BooleanField(default=False)
    patient_status = models.CharField(
        max_length=12, choices=ParticipationStatus, default=ParticipationStatus.ACCEPTED
    )
    cancel_reason = models.CharField(max_length=12, choices=CancelReason, blank=True)
    cancel_comment = models.CharField(max_length=200, blank=True)
    author_role = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True, related_name="+"
    )
    author_account = models.ForeignKey(
        "accounts.Account", on_delete=models.PROTECT, null=True, related_name="+"
    )
    author_name = models.CharField(max_length=200)
    rank = models.PositiveSmallIntegerField(null=True)
    reminded_at = models.DateTimeField(null=True)
    identifier_system = models.CharField(max_length=200, blank=True)
    identifier_value = models.CharField(max_length=100, blank=True)
    declared_by = models.CharField(max_length=100, blank=True)
    said = models.JSONField(default=dict)
    open_to = ArrayField(models.CharField(max_length=40), default=list)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)
    # The key of the gesture that wrote it: the same key twice is one appointment.
    gesture = models.UUIDField(default=uuid.uuid4, unique=True)

    class Meta:
        indexes = [
            models.Index(fields=["patient", "start"], name="appointment_by_patient"),
            models.Index(fields=["patient", "-updated_at"], name="appointment_changed"),
            models.Index(
                fields=["start"],
                name="appointment_to_remind",
                condition=models.Q(status=AppointmentStatus.BOOKED, reminded_at__isnull=True),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(end__gt=models.F("start"))
                | models.Q(start__isnull=True, end__isnull=True),
                name="appointment_has_a_length",
            ),
            models.CheckConstraint(
                condition=models.Q(start__isnull=True)
                | models.Q(end__lte=models.F("start") + LONGEST),
                name="appointment_within_a_day",
            ),
            models.CheckConstraint(
                condition=models.Q(start__isnull=False) | ~models.Q(status__in=FIRM),
                name="appointment_agreed_has_a_time",
            ),
            models.UniqueConstraint(
                fields=["slot"],
                name="appointment_slot_once",
                condition=models.Q(status__in=OPEN),
            ),
            models.UniqueConstraint(
                fields=["series", "recurrence_id"], name="appointment_once_in_its_series"
            ),
            models.UniqueConstraint(
                fields=["declared_by", "identifier_system", "identifier_value"],
                name="appointment_identifier",
                condition=~models.Q(identifier_value=""),
            ),
            ExclusionConstraint(
                name="appointment_person_once",
                expressions=[("patient", Operators.EQUAL), (during(), Operators.OVERLAPS)],
                condition=models.Q(status__in=FIRM, overlap_accepted=False),
            ),
        ]

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def is_asked(self) -> bool:
        return self.status in ASKED


@tracked
class AppointmentParticipant(models.Model):
    """One row is a professional, or a structure, who takes part in one appointment.

    It repeats the time, so that PostgreSQL itself refuses to book a professional twice at once.
    """

    ROW_SECURITY = row_security.Protected()

    appointment = models.ForeignKey(
        Appointment, on_delete=models.PROTECT, related_name="participants"
    )
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, null=True)
    practitioner_role = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True
    )
    organization = models.ForeignKey("directory.Organization", on_delete=models.PROTECT)
    status = models.CharField(max_length=12, choices=ParticipationStatus)
    start = models.DateTimeField(null=True)
    end = models.DateTimeField(null=True)
    # The time is taken: agreed, and no overlap was accepted.
    blocking = models.BooleanField(default=False)
    # It stands in the agenda, agreed or asked for.
    shown = models.BooleanField(default=True)
    open_to = ArrayField(models.CharField(max_length=40), default=list)

    class Meta:
        indexes = [
            models.Index(fields=["practitioner_role", "start"], name="participant_by_role"),
            models.Index(fields=["organization", "start"], name="participant_by_place"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["appointment", "practitioner_role", "organization"],
                name="participant_once_in_it",
                nulls_distinct=False,
            ),
            ExclusionConstraint(
                name="professional_once_at_a_time",
                expressions=[
                    ("practitioner_role", Operators.EQUAL),
                    (during(), Operators.OVERLAPS),
                ],
                condition=models.Q(blocking=True),
            ),
        ]
