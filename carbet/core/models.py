"""What the foundations keep: who may enter which record, what was done, what must be sent.

Core knows no room, so the person is here a bare `patient_id`, without a foreign key.
"""

from django.db import models

from carbet.core import row_security
from carbet.core.actor import ALL_DATA


class AccessGrant(models.Model):
    """One row is the right of one grantee to enter the record of one person, from when to when.

    Rooms decide (membership of a circle, a case in charge, glass broken); row security reads.
    A grant is never deleted: it ends.
    """

    ROW_SECURITY = row_security.Custom("an actor sees and adds grants; the rules are in 0001")

    patient_id = models.BigIntegerField()
    grantee = models.CharField(max_length=40)
    level = models.SmallIntegerField()
    # Which `DataCategory` it opens, added together.
    categories = models.SmallIntegerField(default=int(ALL_DATA), db_default=int(ALL_DATA))
    source = models.CharField(max_length=24)
    source_id = models.BigIntegerField(null=True)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["grantee", "patient_id"],
                include=["level", "categories", "valid_from", "valid_until"],
                name="accessgrant_by_grantee",
            ),
            models.Index(
                fields=["patient_id", "grantee"],
                include=["level", "categories", "valid_from", "valid_until"],
                name="accessgrant_by_patient",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(level__in=[10, 20, 30, 40]), name="accessgrant_level"
            ),
            models.CheckConstraint(
                condition=models.Q(categories__gte=0, categories__lte=int(ALL_DATA)),
                name="accessgrant_categories",
            ),
            models.CheckConstraint(
                condition=models.Q(valid_until__isnull=True)
                | models.Q(valid_until__gte=models.F("valid_from")),
                name="accessgrant_period",
            ),
        ]


class AuditEvent(models.Model):
    """One row is something done or read: who, what, about whom, when, why (FHIR AuditEvent).

    Append-only: the application's role can neither change nor delete it.
    """

    ROW_SECURITY = row_security.Custom("one's own trace, or the trace of a person one may manage")

    class Action(models.TextChoices):
        CREATE = "C", "Création"
        READ = "R", "Lecture"
        UPDATE = "U", "Modification"
        DELETE = "D", "Suppression"
        EXECUTE = "E", "Action"

    class Outcome(models.IntegerChoices):
        SUCCESS = 0, "Réussi"
        REFUSED = 4, "Refusé"
        ERROR = 8, "Erreur"

    recorded_at = models.DateTimeField()
    action = models.CharField(max_length=1, choices=Action)
    operation = models.CharField(max_length=64)
    outcome = models.SmallIntegerField(choices=Outcome, default=Outcome.SUCCESS)
    actor_kind = models.CharField(max_length=12)
    account_id = models.BigIntegerField(null=True)
    role_id = models.BigIntegerField(null=True)
    organization_id = models.BigIntegerField(null=True)
    client_id = models.CharField(max_length=100, blank=True)
    agent_name = models.CharField(max_length=200, blank=True)
    patient_id = models.BigIntegerField(null=True)
    entity = models.CharField(max_length=80, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    request_id = models.CharField(max_length=36, blank=True)
    context_id = models.UUIDField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["patient_id", "-recorded_at"], name="audit_by_patient"),
            models.Index(
                fields=["account_id", "patient_id", "-recorded_at"], name="audit_by_account"
            ),
        ]


class OutboxMessage(models.Model):
    """One row is something to send outside, written with the change that asks for it.

    `payload` holds references, never health content. `idempotency_key` makes a retry safe.
    """

    ROW_SECURITY = row_security.Custom("references only: written by operations, read by the worker")

    class Status(models.TextChoices):
        PENDING = "pending", "À envoyer"
        SENT = "sent", "Envoyé"
        FAILED = "failed", "En échec"
        CANCELLED = "cancelled", "Abandonné"

    topic = models.CharField(max_length=64)
    idempotency_key = models.CharField(max_length=120, unique=True)
    payload = models.JSONField(default=dict)
    patient_id = models.BigIntegerField(null=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["due_at"], name="outbox_waiting", condition=models.Q(status="pending")
            ),
            models.Index(
                fields=["-settled_at"], name="outbox_failed", condition=models.Q(status="failed")
            ),
        ]


class LiveEvent(models.Model):
    """One row tells one grantee's open screens that something changed: a kind, never content."""

    ROW_SECURITY = row_security.Custom("seen by its recipient only")

    recipient = models.CharField(max_length=40)
    kind = models.CharField(max_length=40)
    recorded_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["recipient", "id"], name="liveevent_by_recipient")]
