"""The operator's tray: what could not leave the house, and whether the house is at work."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from django.db import connection

from carbet.core import outbox, row_security, tasks
from carbet.core.actor import Actor, internal
from carbet.core.audit import Trace
from carbet.core.models import OutboxMessage
from carbet.core.operation import UnableTo, UnableToAct, operation

OPERATE = "operate"
PAGE = 25
SILENT_AFTER = timedelta(seconds=60)
LATE_AFTER = timedelta(minutes=10)
Status = OutboxMessage.Status
# What asks for a gesture comes first.
SHOWN = (
    (Status.FAILED, "En échec"),
    (Status.PENDING, "À envoyer"),
    (Status.SENT, "Envoyés"),
    (Status.CANCELLED, "Abandonnés"),
)

_STATE = """
SELECT (SELECT count(*) FROM core_outboxmessage WHERE status = 'pending'),
       (SELECT min(due_at) FROM core_outboxmessage WHERE status = 'pending'),
       (SELECT count(*) FROM core_outboxmessage WHERE status = 'failed'),
       (SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > %(alive)s),
       (SELECT max(last_heartbeat) FROM procrastinate_workers),
       (SELECT count(*) FROM procrastinate_jobs
        WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= %(now)s)),
       (SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'),
       (SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed')
"""


class UnableToSettle(UnableTo):
    """The message is not in failure any more, or no reason was given."""


@dataclass(frozen=True)
class State:
    """How the house works: what waits, what failed, who is at work."""

    pending: int
    oldest_due_at: datetime | None
    failed: int
    workers: int
    last_heartbeat_at: datetime | None
    jobs_waiting: int
    jobs_running: int
    jobs_failed: int
    is_late: bool


@dataclass(frozen=True)
class TrayLine:
    """One message as the operator sees it: never whom it concerns."""

    message_id: int
    label: str
    to: str
    status: str
    status_label: str
    attempts: int
    created_at: datetime
    due_at: datetime
    settled_at: datetime | None
    error: str
    carrier: str
    abandoned_because: str


@dataclass(frozen=True)
class TrayPage:
    """One page of the tray; `next_before` begins the next one, None at the end."""

    lines: list[TrayLine]
    next_before: int | None


def state(*, now: datetime) -> State:
    """Return how the house works, in one query."""
    with row_security.acting_as(internal("exploitation"), now=now), connection.cursor() as cursor:
        cursor.execute(_STATE, {"now": now, "alive": now - SILENT_AFTER})
        row = cursor.fetchone()
    found = dict(zip((column.name for column in fields(State)), row, strict=False))
    oldest = found["oldest_due_at"]
    return State(**found, is_late=oldest is not None and oldest < now - LATE_AFTER)


def messages(*, status: str, now: datetime, before: int | None = None) -> TrayPage:
    """Return the messages in this status, the latest first, 25 a page."""
    with row_security.acting_as(internal("exploitation"), now=now):
        rows = OutboxMessage.objects.filter(status=status)
        if before is not None:
            rows = rows.filter(pk__lt=before)
        found = list(rows.order_by("-pk")[: PAGE + 1])
    lines = [_line(message) for message in found[:PAGE]]
    return TrayPage(lines, lines[-1].message_id if len(found) > PAGE else None)


def message(*, message_id: int, now: datetime) -> TrayLine | None:
    """Return one message, or None."""
    with row_security.acting_as(internal("exploitation"), now=now):
        row = OutboxMessage.objects.filter(pk=message_id).first()
    return _line(row) if row else None


@operation("outbox.retry")
def retry(trace: Trace, *, actor: Actor, now: datetime, message_id: int) -> None:
    """Send a failed message again, from its first attempt.

    Raises:
        UnableToAct: the actor does not operate the house.
        UnableToSettle: the message is not in failure.
    """
    with row_security.acting_as(_keeper(actor), now=now, operation="outbox.retry"):
        row = _failed(message_id)
        row.status, row.attempts, row.due_at, row.settled_at = Status.PENDING, 0, now, None
        row.save(update_fields=["status", "attempts", "due_at", "settled_at"])
        tasks.deliver.defer(message_id=row.pk)
    trace.about(patient_id=row.patient_id, entity=row)


@operation("outbox.abandon")
def abandon(trace: Trace, *, actor: Actor, now: datetime, message_id: int, reason: str) -> None:
    """Give up a failed message, saying why.

    Raises:
        UnableToAct: the actor does not operate the house.
        UnableToSettle: the message is not in failure, or the reason is empty.
    """
    why = reason.strip()
    if len(why) < 5:
        raise UnableToSettle(
            "Dites en quelques mots pourquoi ce message ne partira pas.", field="reason"
        )
    with row_security.acting_as(_keeper(actor), now=now, operation="outbox.abandon"):
        row = _failed(message_id)
        row.status, row.settled_at = Status.CANCELLED, now
        row.payload = row.payload | {"abandoned_because": why[:300]}
        row.save(update_fields=["status", "settled_at", "payload"])
    trace.about(patient_id=row.patient_id, entity=row, reason=why)


def _keeper(actor: Actor) -> Actor:
    """Return the house itself, on behalf of someone who may operate it."""
    if not actor.can(OPERATE):
        raise UnableToAct("Votre rôle ne permet pas d’exploiter Carbet.")
    return internal(actor.display_name)


def _failed(message_id: int) -> OutboxMessage:
    row = OutboxMessage.objects.select_for_update().filter(pk=message_id).first()
    if row is None or row.status != Status.FAILED:
        raise UnableToSettle("Ce message n’est plus en échec : quelqu’un s’en est déjà occupé.")
    return row


def _line(message: OutboxMessage) -> TrayLine:
    return TrayLine(
        message_id=message.pk,
        label=outbox.LABELS.get(message.topic, message.topic),
        to=str(message.payload.get("to", "")),
        status=message.status,
        status_label=Status(message.status).label,
        attempts=message.attempts,
        created_at=message.created_at,
        due_at=message.due_at,
        settled_at=message.settled_at,
        error=message.last_error,
        carrier=str(message.payload.get("carrier", "")),
        abandoned_because=str(message.payload.get("abandoned_because", "")),
    )
