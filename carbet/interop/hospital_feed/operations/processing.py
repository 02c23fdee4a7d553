"""Carry out what hospitals sent: one message at a time, in the order of each person."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, connection, transaction

from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation
from carbet.core.outbox import backoff
from carbet.interop.hospital_feed import access
from carbet.interop.hospital_feed.choices import UNSETTLED, ErrorCode, MessageStatus
from carbet.interop.hospital_feed.models import HospitalMessage
from carbet.interop.hospital_feed.operations import identities, papers, receipts, stays
from carbet.interop.hospital_feed.operations.effects import Effect, Task
from carbet.interop.hospital_feed.operations.identifying import Unidentified
from carbet.interop.hospital_feed.operations.keeping import route_of, text_of
from carbet.interop.hospital_feed.rules import header as headers
from carbet.interop.hospital_feed.rules import reading
from carbet.interop.hospital_feed.rules.header import Unacceptable

MOST_ATTEMPTS = 6
NO_ROUTE = "Aucune route pour cet établissement émetteur : ouvrez-la, puis rejouez."


_BEFORE = (
    "SELECT id FROM hospital_feed_hospitalmessage"
    " WHERE keys && %s::bigint[] AND id < %s AND status = ANY (%s) ORDER BY id LIMIT 1"
)


@dataclass(frozen=True)
class Done:
    """What one turn did: whether there was anything to do."""

    worked: bool
    retry_in: timedelta | None = None


@operation("feed.process")
def process_next(trace: Trace, *, actor: Actor, now: datetime) -> Done:
    """Carry out the oldest message whose turn it is; its effect and its state are one commit.

    A later message of the same person waits behind one that is not settled. What fails by accident
    is tried again; what is wrong waits to be mended; whom nobody knows waits in the tray.
    """
    row = (
        HospitalMessage.objects.select_for_update(skip_locked=True)
        .filter(status=MessageStatus.WAITING, due_at__lte=now)
        .order_by("pk")
        .first()
    )
    if row is None:
        trace.about(entity="HospitalMessage x0")
        return Done(worked=False)
    if (before := _unsettled_before(row)) is not None:
        row.status, row.behind_id = MessageStatus.BLOCKED, before
        row.save(update_fields=["status", "behind"])
        trace.about(entity=row, reason=f"après {before}")
        return Done(worked=True)
    row.attempts += 1
    retry_in = None
    try:
        with transaction.atomic():
            effect = _carry_out(row, now=now)
    except Unacceptable as error:
        _stop(row, MessageStatus.DEAD, error.message, code=error.code, place=error.place)
    except Unidentified as error:
        _stop(row, MessageStatus.HELD, error.reason, code=ErrorCode.KEY, place="PID-3")
        _tell_identity(row, now=now)
    except UnableTo as error:
        _stop(row, MessageStatus.DEAD, error.message, code=ErrorCode.INTERNAL)
    except (OperationalError, InterfaceError):
        # The database itself: this transaction is lost, and the message is still to be done.
        raise
    except Exception as error:  # noqa: BLE001 - whatever a room raises is shown
        said = f"Essai {row.attempts} : {type(error).__name__}"
        if row.attempts >= MOST_ATTEMPTS:
            _stop(row, MessageStatus.DEAD, said, code=ErrorCode.INTERNAL)
        else:
            retry_in = backoff(row.attempts)
            row.due_at = now + retry_in
            _stop(row, MessageStatus.WAITING, said, code=ErrorCode.INTERNAL)
    else:
        row.patient_id = effect.patient_id
        row.reason, row.error_code, row.error_place = effect.text[:300], "", ""
        settle(row, effect.status, now=now)
    trace.about(patient_id=row.patient_id, entity=row, reason=row.get_status_display())
    return Done(worked=True, retry_in=retry_in)


def settle(row: HospitalMessage, status: str, *, now: datetime) -> None:
    """Close a message and let those that waited behind it go on."""
    row.status, row.settled_at, row.behind_id = status, now, None
    row.save()
    HospitalMessage.objects.filter(behind_id=row.pk, status=MessageStatus.BLOCKED).update(
        status=MessageStatus.WAITING, behind=None, due_at=now
    )


def _carry_out(row: HospitalMessage, *, now: datetime) -> Effect:
    if row.event in headers.UNUSED and route_of(row) is not None:
        return Effect("Événement sans effet dans Carbet.", status=MessageStatus.IGNORED)
    return _HANDLERS[_family(row)](task_of(row, now=now))


def task_of(row: HospitalMessage, *, now: datetime) -> Task:
    """Return a message read, with its sender.

    Raises:
        Unacceptable: it has no route, or cannot be read.
    """
    route = route_of(row)
    if route is None:
        raise Unacceptable(ErrorCode.VALUE, NO_ROUTE, "MSH-4")
    text = headers.text_of(text_of(row), row.charset)
    return Task(
        message=reading.parse(text),
        row=row,
        route=route,
        actor=access.sender(route),
        now=now,
    )


def _tell_identity(row: HospitalMessage, *, now: datetime) -> None:
    """Keep the identity of a message that is held: the identity cell sees whom it must bring near.

    What cannot be kept of it changes nothing: the message waits all the same.
    """
    with contextlib.suppress(Unacceptable), transaction.atomic():
        identities.keep_met(task_of(row, now=now))


def _family(row: HospitalMessage) -> str:
    if row.type == "ADT":
        return "identity" if row.event in headers.IDENTITIES | {"A08"} else "stay"
    return row.type


_HANDLERS: dict[str, Callable[[Task], Effect]] = {
    "stay": stays.record,
    "identity": identities.record,
    "MDM": papers.file,
    "ORU": papers.file,
    "ZAM": receipts.record,
}


def _unsettled_before(row: HospitalMessage) -> int | None:
    """Return the oldest message of the same persons that is not settled, None when there is none.

    It is locked: it cannot be settled before this one waits for it.
    """
    if not row.keys:
        return None
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_BEFORE, [row.keys, row.pk, [each.value for each in UNSETTLED]])
            found = cursor.fetchone()
        if found is None:
            return None
        before = HospitalMessage.objects.select_for_update().filter(
            pk=found[0], status__in=UNSETTLED
        )
        # Settled while we waited for its lock: there may be another.
        if before.exists():
            return int(found[0])


def _stop(
    row: HospitalMessage, status: str, reason: str, *, code: ErrorCode, place: str = ""
) -> None:
    row.status, row.reason = status, reason[:300]
    row.error_code, row.error_place = code, place[:20]
    row.save()
