"""Threads for tests, opened through the real operations."""

from uuid import uuid4

from carbet.coordination.messaging import access, operations
from carbet.core import row_security
from carbet.core.actor import internal
from carbet.registries.patients.access import find_entered

INTERNAL = internal("test")


def entered(world, key, patient):
    """Return the person as this role enters the record."""
    with row_security.acting_as(world.actor(key), now=world.now):
        return find_entered(actor=world.actor(key), patient_ids=[patient.pk], now=world.now)[
            patient.pk
        ]


def open_thread(world, *to, by="gp", patient=None, **given):
    """Open a thread from one role to others, about a person when one is given."""
    asked = {"text": "Peut-on espacer les passages ?", "gesture": uuid4()} | given
    return operations.open_thread(
        actor=world.actor(by),
        now=world.now,
        patient=entered(world, by, patient) if patient else None,
        recipients=[world.roles[key].key if key in world.roles else key for key in to],
        **asked,
    )


def send(world, thread, by="nurse", **given):
    """Send a message as this role."""
    asked = {"text": "Oui, un jour sur deux.", "gesture": uuid4()} | given
    return operations.send_message(actor=world.actor(by), now=world.now, thread=thread, **asked)


def read(world, thread, by="nurse", upto=10_000):
    """Say as this role that all is read."""
    return operations.mark_read(actor=world.actor(by), now=world.now, thread=thread, upto=upto)


def enter(world, thread, by="nurse"):
    """Return the thread as this role enters it."""
    with row_security.acting_as(world.actor(by), now=world.now):
        return access.get_thread(actor=world.actor(by), thread_id=thread.pk, now=world.now)


def everything(model, **filters):
    """Return every row, as the house itself."""
    with row_security.acting_as(INTERNAL):
        return list(model.objects.filter(**filters).order_by("pk"))
