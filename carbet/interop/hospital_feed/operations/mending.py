"""Mend what could not be carried out: replay it, or give it up, saying why."""

from datetime import datetime

from carbet.core import row_security
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation
from carbet.interop.hospital_feed import access
from carbet.interop.hospital_feed.choices import STOPPED, MessageStatus
from carbet.interop.hospital_feed.models import HospitalMessage
from carbet.interop.hospital_feed.operations.processing import settle
from carbet.interop.hospital_feed.operations.waking import wake


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
        settle(row, MessageStatus.ABANDONED, now=now)
        wake()
    trace.about(patient_id=row.patient_id, entity=row, reason=why)


def _stopped(message_id: int) -> HospitalMessage:
    row = HospitalMessage.objects.select_for_update().filter(pk=message_id).first()
    if row is None or row.status not in STOPPED:
        raise UnableToMend("Ce message n’est plus arrêté : quelqu’un s’en est déjà occupé.")
    return row
