"""Mend what could not be carried out: write a field anew, replay it, or give it up, saying why."""

from datetime import datetime

from carbet.core import row_security, sealing
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation
from carbet.interop.hospital_feed import access
from carbet.interop.hospital_feed.choices import STOPPED, ErrorCode, MessageStatus
from carbet.interop.hospital_feed.models import HospitalMessage, RawMessage
from carbet.interop.hospital_feed.operations import identities, receipts
from carbet.interop.hospital_feed.operations.keeping import route_of, text_of
from carbet.interop.hospital_feed.operations.processing import settle, task_of
from carbet.interop.hospital_feed.operations.waking import wake
from carbet.interop.hospital_feed.rules import documents, mending, reading
from carbet.interop.hospital_feed.rules import header as headers
from carbet.interop.hospital_feed.rules.header import Unacceptable


class UnableToMend(UnableTo):
    """The message is settled already, or a reason is missing."""


@operation("feed.replay")
def replay(trace: Trace, *, actor: Actor, now: datetime, message_id: int) -> HospitalMessage:
    """Give a stopped message another turn, from its first attempt.

    Raises:
        UnableToAct: the actor does not operate the house.
        UnableToMend: it is not stopped.
    """
    with row_security.acting_as(access.keeper(actor), now=now, operation="feed.replay"):
        row = _stopped(message_id)
        row.status, row.attempts, row.due_at = MessageStatus.WAITING, 0, now
        row.save(update_fields=["status", "attempts", "due_at"])
        wake()
    trace.about(patient_id=row.patient_id, entity=row)
    return row


@operation("feed.mend", action="U")
def mend(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    message_id: int,
    version: int,
    place: str,
    value: str,
    reason: str,
) -> HospitalMessage:
    """Write one field of a stopped message anew, and carry it out again.

    What came is kept: each mended text is one more, with who wrote it and why.

    Args:
        version: how many times it had been mended, when it was read.
        place: of the field, "ZBE-4".

    Raises:
        UnableToAct: the actor does not operate the house.
        UnableToMend: it is not stopped, somebody mended it meanwhile, or the field cannot be so.
    """
    why = " ".join(reason.replace("\x00", "").split())
    if not 5 <= len(why) <= 250:
        raise UnableToMend("Dites en quelques mots pourquoi.", field="reason")
    with row_security.acting_as(access.keeper(actor), now=now, operation="feed.mend"):
        row = _stopped(message_id)
        if row.mended != version:
            raise UnableToMend("Quelqu’un vient de corriger ce message : relisez-le d’abord.")
        try:
            data = mending.mended(text_of(row), place=place, value=value, charset=row.charset)
        except mending.WrongMend as error:
            raise UnableToMend(error.message, field=error.field) from error
        key = sealing.sealing_key()
        RawMessage.objects.create(
            message=row,
            number=row.mended + 1,
            data=sealing.sealed(
                data, key=key, file_id=row.pk, rank=row.mended + 1, kind="hospital message"
            ),
            sealed_with=key,
            recorded_at=now,
            author_name=actor.display_name,
            reason=f"{place.strip().upper()} : {why}"[:300],
        )
        segment, number = mending.place_of(place)
        if f"{segment}-{number}" == mending.CHARSET:
            row.charset = value.strip()
        row.mended += 1
        row.status, row.attempts, row.due_at = MessageStatus.WAITING, 0, now
        row.save(update_fields=["charset", "mended", "status", "attempts", "due_at"])
        wake()
    trace.about(patient_id=row.patient_id, entity=row, reason=f"{segment}-{number} : {why}")
    return row


@operation("feed.accept_domain", action="C")
def accept_domain(trace: Trace, *, actor: Actor, now: datetime, message_id: int) -> HospitalMessage:
    """Open the identity domain that a stopped message speaks of, and carry the message out again.

    Raises:
        UnableToAct: the actor does not operate the house.
        UnableToMend: it is not stopped for that, or its sender has no route any more.
    """
    with row_security.acting_as(access.keeper(actor), now=now, operation="feed.accept_domain"):
        row = _stopped(message_id)
        if not is_domain_unknown(row):
            raise UnableToMend("Ce message n’attend aucun domaine d’identité.")
        try:
            task = task_of(row, now=now)
            opened = identities.accept_domains(task)
        except Unacceptable as error:
            raise UnableToMend(error.message) from error
        row.status, row.attempts, row.due_at = MessageStatus.WAITING, 0, now
        row.save(update_fields=["status", "attempts", "due_at"])
        wake()
    said = ", ".join(str(domain) for domain in opened)
    trace.about(patient_id=row.patient_id, entity=row, reason=said)
    return row


def is_domain_unknown(row: HospitalMessage) -> bool:
    """Tell whether a message is stopped because its identity domain must be accepted."""
    return row.error_code == ErrorCode.KEY and row.error_place in ("PID-3.4", "MRG-1.4")


@operation("feed.abandon")
def abandon(trace: Trace, *, actor: Actor, now: datetime, message_id: int, reason: str) -> None:
    """Give a stopped message up; those of the same person that waited behind it go on.

    Raises:
        UnableToAct: the actor does not operate the house.
        UnableToMend: it is not stopped, or the reason is empty.
    """
    why = " ".join(reason.replace("\x00", "").split())
    if len(why) < 5:
        raise UnableToMend(
            "Dites en quelques mots pourquoi ce message est abandonné.", field="reason"
        )
    if len(why) > 300:
        raise UnableToMend("300 signes au plus.", field="reason")
    with row_security.acting_as(access.keeper(actor), now=now, operation="feed.abandon"):
        row = _stopped(message_id)
        row.reason = f"{actor.display_name} : {why}"[:300]
        _say_given_up(row, now=now)
        settle(row, MessageStatus.ABANDONED, now=now)
        wake()
    trace.about(patient_id=row.patient_id, entity=row, reason=why)


def _say_given_up(row: HospitalMessage, *, now: datetime) -> None:
    """Tell a sender that awaits a receipt that its document is not filed."""
    route = route_of(row)
    if route is None or row.type not in ("MDM", "ORU"):
        return
    try:
        message = reading.parse(headers.text_of(text_of(row), row.charset))
    except Unacceptable:
        return
    if documents.yes_or_no(message).get("ACK_RECEPTION"):
        receipts.ask(row, route, accepted=False, now=now)


def _stopped(message_id: int) -> HospitalMessage:
    row = HospitalMessage.objects.select_for_update().filter(pk=message_id).first()
    if row is None or row.status not in STOPPED:
        raise UnableToMend("Ce message n’est plus arrêté : quelqu’un s’en est déjà occupé.")
    return row
