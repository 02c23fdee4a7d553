"""What must leave the house: written with the change, sent afterwards, once, or shown as failed."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.dispatch import Signal

from carbet.core.models import OutboxMessage
from carbet.core.operation import current

MAX_ATTEMPTS = 8
# Sent with its `message` once one left, or can never leave, in the transaction that says so.
settled = Signal()
Sender = Callable[[OutboxMessage], None]
SENDERS: dict[str, Sender] = {}
LABELS: dict[str, str] = {}


class CannotBeSent(Exception):
    """The message can never be sent as it is: no retry, straight to the tray."""


class NotBefore(Exception):
    """The message may not be tried again before a moment: it waits, and no attempt is counted."""

    def __init__(self, moment: datetime, reason: str) -> None:
        super().__init__(reason)
        self.moment = moment


def sender(topic: str, *, label: str) -> Callable[[Sender], Sender]:
    """Register the function that sends messages of `topic`. It must be safe to call twice.

    `label` says in French what such a message is, for the tray.
    """

    def register(function: Sender) -> Sender:
        SENDERS[topic] = function
        LABELS[topic] = label
        return function

    return register


def send(
    topic: str,
    payload: dict[str, Any],
    *,
    idempotency_key: str,
    now: datetime,
    patient_id: int | None = None,
    due_at: datetime | None = None,
) -> OutboxMessage:
    """Write a message in the transaction of the operation under way, and its job.

    The same key twice is one message. The payload carries references, never health content.
    It leaves now, or at `due_at`.

    Raises:
        RuntimeError: no operation is under way.
    """
    from carbet.core import tasks

    if current() is None:
        raise RuntimeError("a message leaves only with the operation that asks for it")
    message, created = OutboxMessage.objects.get_or_create(
        idempotency_key=idempotency_key,
        defaults={
            "topic": topic,
            "payload": payload,
            "patient_id": patient_id,
            "created_at": now,
            "due_at": due_at or now,
        },
    )
    if created and message.due_at > now:
        tasks.deliver.configure(schedule_at=message.due_at).defer(message_id=message.pk)
    elif created:
        tasks.deliver.defer(message_id=message.pk)
    return message


def backoff(attempts: int) -> timedelta:
    """Return how long to wait after `attempts` failures: 10 s doubled each time, 1 h at most."""
    return min(timedelta(seconds=10 * 2**attempts), timedelta(hours=1))
