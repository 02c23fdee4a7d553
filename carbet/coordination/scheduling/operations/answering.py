"""Answer what is asked: a professional, whoever asked, the person at her own door."""

from datetime import datetime

from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.scheduling import access
from carbet.coordination.scheduling.choices import (
    ASKED,
    AppointmentStatus,
    CancelReason,
    ParticipationStatus,
)
from carbet.coordination.scheduling.models import Appointment, AppointmentParticipant
from carbet.coordination.scheduling.operations.writing import (
    UnableToSchedule,
    free_slot,
    hold_slot,
    is_open,
    locked,
    parts_of,
    tell,
    touch,
    write,
)
from carbet.coordination.scheduling.rules import agreement
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableToAct, operation


class UnableToAnswer(UnableToSchedule):
    """There is nothing to answer any more."""


@operation("appointment.answer")
def answer(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    appointment: Appointment,
    accept: bool,
    reason: str = "",
    accept_overlap: bool = False,
    version: int | None = None,
) -> Appointment:
    """Accept or decline for oneself, or for whom one works; all accepted, it is agreed.

    Declined by everyone, it is cancelled and its slot is free again.

    Raises:
        UnableToAct: nothing is asked of the actor.
        UnableToAnswer: it is over.
        TimeTaken: accepting would book somebody twice.
    """
    row = locked(appointment, version=version)
    parts = parts_of(row)
    mine = set(access.is_part_of(parts, actor))
    if not mine:
        raise UnableToAct("Cette demande s’adresse à quelqu’un d’autre.")
    if not is_open(row):
        raise UnableToAnswer("Ce rendez-vous est déjà clos.")
    for part in parts:
        if part.pk in mine:
            part.status = ParticipationStatus.ACCEPTED if accept else ParticipationStatus.DECLINED
    if accept and accept_overlap:
        row.overlap_accepted = True
    _settle(row, parts, now=now, reason=reason)
    tell(row, parts, actor=actor, now=now, also=_portal(row, now=now))
    trace.about(patient_id=row.patient_id, entity=row, reason="accepté" if accept else "décliné")
    return row


@operation("appointment.agree")
def agree_as_author(
    trace: Trace, *, actor: Actor, now: datetime, appointment: Appointment, accept: bool
) -> Appointment:
    """Agree, as whoever asked, to the other time that was proposed; or give the request up.

    Raises:
        UnableToAct: somebody else asked.
        UnableToAnswer: no other time waits for an answer.
    """
    row = locked(appointment)
    if row.author_role_id is None or row.author_role_id not in access.own_roles(actor):
        raise UnableToAct("Cette demande n’est pas la vôtre.")
    _agree(row, trace, actor=actor, now=now, accept=accept)
    return row


@operation("appointment.answer_own")
def accept_own(
    trace: Trace, *, actor: Actor, now: datetime, appointment: Appointment
) -> Appointment:
    """Agree, as the person who asked, to the other time that was proposed.

    Raises:
        UnableToAct: the actor is no person.
        UnableToAnswer: no other time waits for an answer.
    """
    row = _own(appointment, actor)
    if row.author_account_id != actor.account_id:
        raise UnableToAct("Cette demande n’est pas la vôtre.")
    _agree(row, trace, actor=actor, now=now, accept=True)
    return row


@operation("appointment.decline_own")
def decline_own(
    trace: Trace, *, actor: Actor, now: datetime, appointment: Appointment
) -> Appointment:
    """Give up, as the person, an appointment to come.

    Raises:
        UnableToAct: the actor is no person.
        UnableToAnswer: it is over.
    """
    row = _own(appointment, actor)
    if not is_open(row) or (row.start is not None and row.start <= now):
        raise UnableToAnswer("Ce rendez-vous ne s’annule plus.")
    free_slot(row, now=now)
    row.slot = None
    row.status, row.patient_status = AppointmentStatus.CANCELLED, ParticipationStatus.DECLINED
    row.cancel_reason, row.awaits_author = CancelReason.PERSON, False
    touch(row, now=now)
    parts = parts_of(row)
    write(row, parts)
    tell(row, parts, actor=actor, now=now, also=actor.grantees)
    trace.about(patient_id=row.patient_id, entity=row)
    return row


def _own(appointment: Appointment, actor: Actor) -> Appointment:
    if not actor.is_person or appointment.patient_id is None:
        raise UnableToAct("Cette réponse se fait depuis l’espace de la personne.")
    return locked(appointment)


def _agree(row: Appointment, trace: Trace, *, actor: Actor, now: datetime, accept: bool) -> None:
    if not row.awaits_author or row.status not in ASKED:
        raise UnableToAnswer("Aucun autre horaire n’attend votre réponse.")
    parts = parts_of(row)
    row.awaits_author = False
    if accept:
        _settle(row, parts, now=now)
    else:
        free_slot(row, now=now)
        row.slot = None
        row.status, row.cancel_reason = AppointmentStatus.CANCELLED, CancelReason.OTHER
        touch(row, now=now)
        write(row, parts)
    tell(row, parts, actor=actor, now=now, also=_portal(row, now=now))
    trace.about(patient_id=row.patient_id, entity=row)


def _settle(
    row: Appointment, parts: list[AppointmentParticipant], *, now: datetime, reason: str = ""
) -> None:
    """Give the appointment the status that the answers make."""
    row.status = agreement.status_after(
        [part.status for part in parts], awaits_author=row.awaits_author
    )
    if row.status == AppointmentStatus.CANCELLED:
        free_slot(row, now=now)
        row.slot = None
        row.cancel_reason, row.cancel_comment = CancelReason.PROFESSIONAL, reason.strip()[:200]
    else:
        hold_slot(row, now=now)
    touch(row, now=now)
    write(row, parts)


def _portal(row: Appointment, *, now: datetime) -> set[str]:
    if row.patient_id is None:
        return set()
    return care_teams.portal_keys(patient_id=row.patient_id, on=now)
