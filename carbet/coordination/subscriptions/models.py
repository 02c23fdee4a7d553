"""Which software is told of which events about whom, and the events themselves."""

from django.db import models

from carbet.coordination.subscriptions.choices import (
    ChannelType,
    EventType,
    PartyKind,
    SubscriptionStatus,
)
from carbet.core import row_security
from carbet.core.actor import Level
from carbet.core.history import tracked


@tracked
class Subscription(models.Model):
    """One row asks that one subscriber be told of one type of event about one person.

    It belongs to the structure whose software asked for it (FHIR Subscription, NdE 3.0.0), and
    holds as long as that structure may read the record.
    """

    # Written by the structure it belongs to, which reads the record; stopped by who manages it.
    ROW_SECURITY = row_security.Protected(write=Level.READ)

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, db_index=False)
    organization = models.ForeignKey(
        "directory.Organization", on_delete=models.PROTECT, related_name="+"
    )
    client_id = models.CharField(max_length=100)
    status = models.CharField(
        max_length=8, choices=SubscriptionStatus, default=SubscriptionStatus.ACTIVE
    )
    event_type = models.CharField(max_length=4, choices=EventType)
    reason = models.CharField(max_length=500)
    criteria = models.CharField(max_length=500)
    # Whose events: those of a declarant whom an identifier names, else everybody's.
    declarant_kind = models.CharField(max_length=13, choices=PartyKind)
    declarant_name = models.CharField(max_length=200, blank=True)
    declarant_system = models.CharField(max_length=200, blank=True)
    declarant_value = models.CharField(max_length=100, blank=True)
    subscriber_kind = models.CharField(max_length=13, choices=PartyKind)
    subscriber_name = models.CharField(max_length=200, blank=True)
    subscriber_system = models.CharField(max_length=200, blank=True)
    subscriber_value = models.CharField(max_length=100, blank=True)
    channel = models.CharField(max_length=9, choices=ChannelType)
    endpoint = models.CharField(max_length=1000)
    start_at = models.DateTimeField()
    end_at = models.DateTimeField(null=True)
    subscribed_at = models.DateTimeField()
    # What stopped it, and whoever did.
    stopped_at = models.DateTimeField(null=True)
    stop_reason = models.CharField(max_length=200, blank=True)
    notified_at = models.DateTimeField(null=True)
    notified_count = models.PositiveIntegerField(default=0)
    # Tells the same request sent twice: two copies would tell everything twice.
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        indexes = [
            models.Index(fields=["patient", "-id"], name="subscription_of_patient"),
            models.Index(
                fields=["patient", "event_type"],
                name="subscription_active",
                condition=models.Q(status="active"),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["digest"], name="subscription_once", condition=models.Q(status="active")
            ),
        ]


class CommunicationRequest(models.Model):
    """One row is something that happened to one person, declared or seen here.

    It never changes, but for being taken back by whoever told it.

    FHIR CommunicationRequest (NdE 3.0.0, EventDeclaration), without its payload: what an event says
    beyond its type stays with whoever declared it.
    """

    ROW_SECURITY = row_security.Protected(write=Level.READ, category="category")

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, db_index=False)
    # That of the note or document it comes from; 0, what whoever enters the record sees.
    category = models.SmallIntegerField(default=0, db_default=0)
    event_type = models.CharField(max_length=4, choices=EventType)
    event_at = models.DateTimeField()
    authored_on = models.DateTimeField()
    requester_kind = models.CharField(max_length=13, choices=PartyKind)
    requester_name = models.CharField(max_length=200, blank=True)
    requester_system = models.CharField(max_length=200, blank=True)
    requester_value = models.CharField(max_length=100, blank=True)
    # The structure whose software declared it; none when it was seen here.
    organization = models.ForeignKey(
        "directory.Organization", on_delete=models.PROTECT, null=True, related_name="+"
    )
    # What it comes from: "note:12", "document:5", or the digest of the declaration.
    source = models.CharField(max_length=80, unique=True)
    # When a hospital took it back: the stay was told by mistake.
    revoked_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["patient", "-id"], name="event_of_patient")]
