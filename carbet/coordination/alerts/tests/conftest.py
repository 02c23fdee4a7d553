"""Raise alerts as a room above does, and do the worker's part by hand."""

import pytest

from carbet.coordination.alerts import operations
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.alerts.models import Alert, AlertDelivery, Escalation
from carbet.core import outbox, row_security
from carbet.core.actor import internal
from carbet.core.models import OutboxMessage
from carbet.core.operation import operation

HOUSE = internal("test")


@operation("test.urgent", action="E")
def raise_urgent(trace, *, actor, now, **fields):
    operations.raise_alert(actor=actor, now=now, **fields)
    trace.about(entity="test")


class Watch:
    """One urgent thing that happened, and what became of it."""

    def __init__(self, world, occurrence):
        self.world, self.occurrence = world, occurrence

    def kept(self, model, **where):
        with row_security.acting_as(HOUSE, now=self.world.now):
            return list(
                model.objects.filter(**{"occurrence": self.occurrence} | where).order_by("pk")
            )

    @property
    def escalation(self):
        return self.kept(Escalation)[0]

    def told(self, step=None):
        where = {} if step is None else {"step": step}
        return [alert.recipient for alert in self.kept(Alert, **where)]

    def of(self, key):
        """Return the alert of this role."""
        return self.kept(Alert, recipient=self.world.roles[key].key)[0]

    def climb(self, **delta):
        self.world.later(**delta)
        return operations.escalate(actor=HOUSE, now=self.world.now, occurrence=self.occurrence)

    def dispatch(self, step=0):
        return operations.dispatch(
            actor=HOUSE, now=self.world.now, occurrence=self.occurrence, step=step
        )


@pytest.fixture
def urgent(world):
    """Return a function that raises an urgent alert by the nurse, to the doctor unless said."""

    def urgent(*to, patient_id=None, kind=AlertKind.URGENT_NOTE, is_urgent=True, by="nurse"):
        keys = [world.roles[key].key if key in world.roles else key for key in to or ("gp",)]
        raise_urgent(
            actor=world.actor(by),
            now=world.now,
            patient_id=patient_id,
            recipients=keys,
            kind=kind,
            target="notebook",
            urgent=is_urgent,
        )
        with row_security.acting_as(HOUSE, now=world.now):
            return Watch(world, Alert.objects.latest("pk").occurrence)

    return urgent


@pytest.fixture
def deliver(world):
    """Return a function that sends what waits, as the worker does, and gives the deliveries."""

    def deliver(**delta):
        world.later(**delta)
        with row_security.acting_as(HOUSE, now=world.now, operation="test"):
            waiting = OutboxMessage.objects.filter(
                topic__startswith="alert.", status="pending", due_at__lte=world.now
            )
            for message in waiting.order_by("pk"):
                outbox.SENDERS[message.topic](message)
                message.status = "sent"
                message.save()
            return list(AlertDelivery.objects.order_by("pk"))

    return deliver
