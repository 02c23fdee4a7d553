"""Alerts: what must be seen in time, who was told by which way, and whether somebody answered."""

import uuid
from datetime import time

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.db import models

from carbet.coordination.alerts.choices import (
    AlertKind,
    Channel,
    Closure,
    DeliveryStatus,
    PersonChoice,
    StepKind,
)
from carbet.core import row_security

OWN = row_security.Custom("seen and changed by the role or account that it belongs to")


class Alert(models.Model):
    """One row asks one recipient (a role, an organization, an account) to look at something.

    It names a kind and a place, never health content.
    """

    ROW_SECURITY = row_security.Custom("seen and marked as read by its recipient only")

    # The same for every recipient told of one thing that happened.
    occurrence = models.UUIDField(default=uuid.uuid4, db_default=RandomUUID())
    # 0: told at once; otherwise the step of escalation that told this recipient.
    step = models.PositiveSmallIntegerField(default=0, db_default=0)
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, null=True)
    recipient = models.CharField(max_length=40)
    kind = models.CharField(max_length=20, choices=AlertKind)
    urgent = models.BooleanField(default=False)
    # The fragment of the record to open: "cahier", "plan", …
    target = models.CharField(max_length=80, blank=True)
    raised_by = models.CharField(max_length=200, blank=True)
    raised_by_role_id = models.BigIntegerField(null=True)
    raised_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)
    read_by = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["recipient", "-raised_at"], name="alert_by_recipient"),
            models.Index(
                fields=["recipient"], name="alert_unread", condition=models.Q(read_at__isnull=True)
            ),
            models.Index(fields=["occurrence"], name="alert_by_occurrence"),
            # What a daily digest looks for.
            models.Index(
                fields=["raised_at"],
                name="alert_unread_since",
                condition=models.Q(read_at__isnull=True),
            ),
        ]


class Escalation(models.Model):
    """One row is an urgent thing that happened, until somebody reads it or answers for it."""

    ROW_SECURITY = row_security.Custom("seen and stopped by whoever was told")

    occurrence = models.UUIDField(unique=True)
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, null=True)
    kind = models.CharField(max_length=20, choices=AlertKind)
    # How many steps were climbed, and when the next one comes; None when it will not.
    step = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    # Keys of everyone told so far.
    told = ArrayField(models.CharField(max_length=40), default=list)
    closed_at = models.DateTimeField(null=True)
    closed_by = models.CharField(max_length=200, blank=True)
    closed_by_key = models.CharField(max_length=40, blank=True)
    closure = models.CharField(max_length=8, choices=Closure, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["next_at"],
                name="escalation_due",
                condition=models.Q(next_at__isnull=False),
            )
        ]


class AlertStep(models.Model):
    """One row is a step in the life of an urgent alert: told, escalated, read, answered for."""

    ROW_SECURITY = row_security.Custom("seen by whoever was told; added to, never changed")

    occurrence = models.UUIDField(db_index=True)
    at = models.DateTimeField()
    kind = models.CharField(max_length=10, choices=StepKind)
    who = models.CharField(max_length=300, blank=True)


class AlertSetting(models.Model):
    """One row is how one user (a role, or the account of a person) wants to be told."""

    ROW_SECURITY = OWN

    owner = models.CharField(max_length=40, unique=True)
    # Channels chosen for a kind, where they differ from ours: {"note": ["push", "mail"]}.
    channels = models.JSONField(default=dict)
    for_structure = models.BooleanField(default=True)
    phone = models.CharField(max_length=20, blank=True)
    quiet = models.BooleanField(default=True)
    quiet_from = models.TimeField(default=time(20))
    quiet_until = models.TimeField(default=time(7))
    urgent_passes = models.BooleanField(default=True)
    digest = models.BooleanField(default=True)
    digest_at = models.TimeField(default=time(7))
    # The local day of the last digest: there is one a day.
    digested_on = models.DateField(null=True)
    updated_at = models.DateTimeField()


class AlertPersonRule(models.Model):
    """One row is which alerts about one person one user lets leave the screen."""

    ROW_SECURITY = OWN

    owner = models.CharField(max_length=40)
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    choice = models.CharField(max_length=8, choices=PersonChoice)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "patient"], name="person_rule_once")
        ]


class PushDevice(models.Model):
    """One row is a browser that a user asked to be notified on, and the keys to seal with."""

    ROW_SECURITY = OWN

    owner = models.CharField(max_length=40)
    endpoint = models.CharField(max_length=1000)
    p256dh = models.CharField(max_length=200)
    auth = models.CharField(max_length=60)
    label = models.CharField(max_length=80)
    added_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "endpoint"], name="push_device_once")
        ]


class AlertDelivery(models.Model):
    """One row is one notice to one user by one channel: what it says, when, who carried it."""

    ROW_SECURITY = OWN

    key = models.CharField(max_length=120, unique=True)
    owner = models.CharField(max_length=40)
    channel = models.CharField(max_length=4, choices=Channel)
    # None for a notice that gathers several alerts: after quiet hours, or the daily digest.
    occurrence = models.UUIDField(null=True)
    device = models.ForeignKey(PushDevice, on_delete=models.PROTECT, null=True)
    digest = models.BooleanField(default=False)
    urgent = models.BooleanField(default=False)
    text = models.CharField(max_length=300, blank=True)
    status = models.CharField(max_length=8, choices=DeliveryStatus, default=DeliveryStatus.WAITING)
    carrier = models.CharField(max_length=100, blank=True)
    why = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["owner", "-id"], name="delivery_by_owner")]


class OnCallShift(models.Model):
    """One row is the time during which one role answers for its support team (astreinte)."""

    ROW_SECURITY = row_security.Open("a rota of professionals: speaks of no person cared for")

    organization = models.ForeignKey("directory.Organization", on_delete=models.PROTECT)
    practitioner_role = models.ForeignKey("directory.PractitionerRole", on_delete=models.PROTECT)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    added_by = models.CharField(max_length=200)
    cancelled_at = models.DateTimeField(null=True)
    # The key of the gesture that wrote it: the same key twice is one row.
    gesture = models.UUIDField(null=True, unique=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")), name="shift_period"
            )
        ]
        indexes = [models.Index(fields=["ends_at"], name="shift_by_end")]
