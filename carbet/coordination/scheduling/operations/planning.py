"""Fix a time, move it, cancel it, wait for one."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.scheduling.choices import (
    FIRM,
    AppointmentStatus,
    CancelReason,
    ParticipationStatus,
    SlotStatus,
    VisitKind,
)
from carbet.coordination.scheduling.models import Appointment, AppointmentParticipant, Slot
from carbet.coordination.scheduling.operations.writing import (
    SlotTaken,
    TimeTaken,
    UnableToSchedule,
    check_carers,
    check_time,
    first_answer,
    free_slot,
    is_open,
    locked,
    new_participants,
    parts_of,
    take_slot,
    tell,
    touch,
    write,
)
from carbet.coordination.scheduling.rules import agreement
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableToAct, operation
from carbet.registries.directory.models import PractitionerRole
from carbet.registries.patients.models import Patient

__all__ = ["SlotTaken", "TimeTaken", "UnableToSchedule"]


def written_before(gesture: uuid.UUID, patient_id: int | None) -> Appointment | None:
    """Return the appointment that the same gesture wrote."""
    return Appointment.objects.filter(gesture=gesture, patient_id=patient_id).first()


@operation("appointment.schedule", action="C")
def schedule(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    roles: Sequence[PractitionerRole],
    start: datetime,
    end: datetime,
    gesture: uuid.UUID,
    kind: str = VisitKind.HOME,
    description: str = "",
    accept_overlap: bool = False,
    slot: Slot | None = None,
) -> Appointment:
    """Fix a time with professionals of the circle; the same gesture twice is one appointment.

    It is agreed at once when all are the actor, somebody the actor works for, or colleagues of the
    same structure; else those others are asked.

    Args:
        accept_overlap: stands although somebody is already taken at that time.
        slot: the slot that it takes; its time is the slot's.

    Raises:
        UnableToSchedule: an impossible time, or a professional outside the circle.
        TimeTaken: somebody is already taken at that time.
        SlotTaken: the slot is gone.
    """
    before = written_before(gesture, patient.pk)
    if before is not None:
        trace.about(patient_id=patient.pk, entity=before, reason="déjà enregistré")
        return before
    check_carers(patient.pk, roles)
    if slot is not None:
        start, end = slot.start, slot.end
    check_time(start, end, now=now)
    row = Appointment(
        patient_id=patient.pk,
        status=AppointmentStatus.PROPOSED,
        kind=VisitKind(kind),
        description=description.strip(),
        start=start,
        end=end,
        overlap_accepted=accept_overlap,
        author_role_id=actor.role_id,
        author_name=actor.display_name,
        created_at=now,
        updated_at=now,
        gesture=gesture,
    )
    parts = new_participants(row, roles, actor=actor)
    row.status = agreement.status_after([part.status for part in parts], awaits_author=False)
    if slot is not None:
        firm = row.status in FIRM
        taken = take_slot(slot, status=SlotStatus.BUSY if firm else SlotStatus.TENTATIVE, now=now)
        row.slot = taken
    write(row, parts)
    tell(row, parts, actor=actor, now=now)
    trace.about(patient_id=patient.pk, entity=row)
    return row


@operation("appointment.ask", action="C")
def ask_as_person(
    trace: Trace, *, actor: Actor, now: datetime, patient: Patient, slot: Slot, gesture: uuid.UUID
) -> Appointment:
    """Ask for a free slot at the person's own door: the professional confirms.

    Raises:
        UnableToAct: the actor is no person.
        UnableToSchedule: the professional is not in the circle, or the slot is past.
        SlotTaken: the slot is gone.
    """
    if not actor.is_person or actor.account_id is None:
        raise UnableToAct("Cette demande se fait depuis l’espace de la personne.")
    before = written_before(gesture, patient.pk)
    if before is not None:
        trace.about(patient_id=patient.pk, entity=before, reason="déjà enregistré")
        return before
    role = slot.schedule.practitioner_role
    if role is None:
        raise UnableToSchedule("Ce créneau ne se demande pas en ligne.", field="slot")
    check_carers(patient.pk, [role])
    if slot.start <= now:
        raise UnableToSchedule("Ce créneau est passé.", field="slot")
    row = Appointment(
        patient_id=patient.pk,
        status=AppointmentStatus.PROPOSED,
        kind=slot.schedule.kind,
        start=slot.start,
        end=slot.end,
        slot=take_slot(slot, status=SlotStatus.TENTATIVE, now=now),
        author_account_id=actor.account_id,
        author_name=actor.display_name,
        created_at=now,
        updated_at=now,
        gesture=gesture,
    )
    part = AppointmentParticipant(
        practitioner_role=role,
        organization_id=role.organization_id,
        status=ParticipationStatus.NEEDS_ACTION,
    )
    write(row, [part])
    tell(row, [part], actor=actor, now=now, also=actor.grantees)
    trace.about(patient_id=patient.pk, entity=row)
    return row


@operation("appointment.move")
def move(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    appointment: Appointment,
    start: datetime,
    end: datetime,
    version: int | None = None,
    accept_overlap: bool = False,
    kind: str | None = None,
    description: str | None = None,
) -> Appointment:
    """Give an appointment another time; those who did not choose it are asked again.

    One visit of a series moves alone. From the waiting list, it gets its first time.

    Raises:
        UnableToSchedule: it is over, changed meanwhile, or the time is impossible.
        TimeTaken: somebody is already taken at that time.
    """
    row = locked(appointment, version=version)
    waiting = row.status == AppointmentStatus.WAITLIST
    if not (is_open(row) or waiting):
        raise UnableToSchedule("Ce rendez-vous ne se déplace plus.")
    check_time(start, end, now=now)
    parts = parts_of(row)
    if (start, end) != (row.start, row.end):
        free_slot(row, now=now)
        row.slot = None
        row.start, row.end, row.reminded_at = start, end, None
        for part in parts:
            if part.practitioner_role is not None:
                part.status = first_answer(part.practitioner_role, actor)
        chose = actor.role_id is not None and any(
            part.status == ParticipationStatus.ACCEPTED for part in parts
        )
        # Whoever asked must agree to another time, unless it is they who chose it.
        asked_by_other = row.author_role_id not in (None, actor.role_id) or (
            row.author_account_id is not None
        )
        row.awaits_author = bool(chose and asked_by_other and row.status != FIRM[0] and not waiting)
        row.status = agreement.status_after(
            [part.status for part in parts], awaits_author=row.awaits_author
        )
    if kind is not None:
        row.kind = VisitKind(kind)
    if description is not None:
        row.description = description.strip()
    row.overlap_accepted = accept_overlap
    touch(row, now=now)
    write(row, parts)
    tell(row, parts, actor=actor, now=now, also=_person_keys(row, now=now))
    trace.about(patient_id=row.patient_id, entity=row)
    return row


@operation("appointment.cancel")
def cancel(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    appointment: Appointment,
    reason: str,
    comment: str = "",
    following: bool = False,
    version: int | None = None,
) -> int:
    """Cancel an appointment with its reason, or it and all that follow in its series.

    It stays readable, with who cancelled it; its slot is free again. Return how many.

    Raises:
        UnableToSchedule: it is over, or changed meanwhile.
    """
    row = locked(appointment, version=version)
    if not is_open(row) and row.status != AppointmentStatus.WAITLIST:
        raise UnableToSchedule("Ce rendez-vous est déjà clos.")
    rows = [row]
    if following and row.series is not None:
        rows += list(
            Appointment.objects.select_for_update(of=("self",))
            .filter(series_id=row.series_id, recurrence_id__gt=row.recurrence_id)
            .order_by("recurrence_id")
        )
        series = row.series
        series.ended_at = now
        series.save(update_fields=["ended_at"])
    count = 0
    for each in rows:
        if not is_open(each) and each.status != AppointmentStatus.WAITLIST:
            continue
        free_slot(each, now=now)
        each.slot = None
        each.status, each.awaits_author = AppointmentStatus.CANCELLED, False
        each.cancel_reason, each.cancel_comment = CancelReason(reason), comment.strip()
        touch(each, now=now)
        parts = parts_of(each)
        write(each, parts)
        trace.about(patient_id=each.patient_id, entity=each, reason=CancelReason(reason).label)
        count += 1
    tell(row, parts_of(row), actor=actor, now=now, also=_person_keys(row, now=now))
    return count


@operation("appointment.reinstate")
def reinstate(
    trace: Trace, *, actor: Actor, now: datetime, appointment: Appointment
) -> Appointment:
    """Undo a cancellation: it stands again at its time, for those who had agreed.

    Raises:
        UnableToSchedule: it is not cancelled, or its time is past.
        TimeTaken: the time was given to something else meanwhile.
    """
    row = locked(appointment)
    if row.status != AppointmentStatus.CANCELLED or row.start is None:
        raise UnableToSchedule("Ce rendez-vous n’est pas annulé.")
    if row.start < now:
        raise UnableToSchedule("L’heure de ce rendez-vous est passée.")
    parts = parts_of(row)
    for part in parts:
        if part.status == ParticipationStatus.DECLINED and part.practitioner_role is not None:
            part.status = first_answer(part.practitioner_role, actor)
    row.status = agreement.status_after([part.status for part in parts], awaits_author=False)
    row.cancel_reason = row.cancel_comment = ""
    touch(row, now=now)
    write(row, parts)
    tell(row, parts, actor=actor, now=now, also=_person_keys(row, now=now))
    trace.about(patient_id=row.patient_id, entity=row)
    return row


@operation("appointment.close")
def close(
    trace: Trace, *, actor: Actor, now: datetime, appointment: Appointment, took_place: bool
) -> Appointment:
    """Say that a visit took place, or that nobody was there.

    Raises:
        UnableToSchedule: it is not agreed, or has not begun.
    """
    row = locked(appointment)
    if row.status not in FIRM or row.start is None:
        raise UnableToSchedule("Seul un rendez-vous confirmé se clôt.")
    if row.start > now + timedelta(hours=1):
        raise UnableToSchedule("Ce rendez-vous n’a pas encore eu lieu.")
    row.status = AppointmentStatus.FULFILLED if took_place else AppointmentStatus.NOSHOW
    touch(row, now=now)
    parts = parts_of(row)
    write(row, parts)
    tell(row, (), actor=actor, now=now)
    trace.about(patient_id=row.patient_id, entity=row)
    return row


@operation("appointment.wait", action="C")
def join_waiting_list(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    roles: Sequence[PractitionerRole],
    gesture: uuid.UUID,
    kind: str = VisitKind.OFFICE,
    description: str = "",
    requested_start: datetime | None = None,
    requested_end: datetime | None = None,
) -> Appointment:
    """Put a person on the waiting list of professionals, with what was wished for.

    Raises:
        UnableToSchedule: a professional outside the circle.
    """
    before = written_before(gesture, patient.pk)
    if before is not None:
        trace.about(patient_id=patient.pk, entity=before, reason="déjà enregistré")
        return before
    check_carers(patient.pk, roles)
    row = Appointment(
        patient_id=patient.pk,
        status=AppointmentStatus.WAITLIST,
        kind=VisitKind(kind),
        description=description.strip(),
        requested_start=requested_start,
        requested_end=requested_end,
        author_role_id=actor.role_id,
        author_name=actor.display_name,
        created_at=now,
        updated_at=now,
        gesture=gesture,
    )
    parts = [
        AppointmentParticipant(
            practitioner_role=role,
            organization_id=role.organization_id,
            status=ParticipationStatus.NEEDS_ACTION,
        )
        for role in roles
    ]
    write(row, parts)
    tell(row, parts, actor=actor, now=now)
    trace.about(patient_id=patient.pk, entity=row)
    return row


@operation("appointment.exchange")
def exchange(
    trace: Trace, *, actor: Actor, now: datetime, first: Appointment, second: Appointment
) -> None:
    """Exchange two visits that follow each other in a round: the second takes place first.

    The round begins when it began and ends when it ended; each visit keeps its length.

    Raises:
        UnableToSchedule: one is not agreed any more.
        TimeTaken: another professional who takes part is not free then.
    """
    rows = {
        row.pk: row
        for row in Appointment.objects.select_for_update(of=("self",))
        .filter(pk__in=[first.pk, second.pk])
        .order_by("pk")
    }
    one, two = rows.get(first.pk), rows.get(second.pk)
    if one is None or two is None or {one.status, two.status} - set(FIRM):
        raise UnableToSchedule("Seuls deux rendez-vous confirmés s’échangent.")
    if one.start is None or one.end is None or two.start is None or two.end is None:
        raise UnableToSchedule("Seuls deux rendez-vous confirmés s’échangent.")
    begins, ends = one.start, max(one.end, two.end)
    later, sooner = (ends - (one.end - one.start), ends), (begins, begins + (two.end - two.start))
    parts = {row.pk: parts_of(row) for row in (one, two)}
    try:
        with transaction.atomic():
            # For a moment neither holds its time, else each would refuse the other.
            for row in (one, two):
                for part in parts[row.pk]:
                    part.blocking = False
                    part.save(update_fields=["blocking"])
            kept = one.overlap_accepted, two.overlap_accepted
            one.overlap_accepted = two.overlap_accepted = True
            for row, (start, end) in ((one, later), (two, sooner)):
                free_slot(row, now=now)
                row.start, row.end, row.reminded_at = start, end, None
                row.slot = None
                touch(row, now=now)
                row.save()
            one.overlap_accepted, two.overlap_accepted = kept
            for row in (one, two):
                write(row, parts[row.pk])
    except IntegrityError as error:
        raise TimeTaken("Cet échange ne convient pas à un autre professionnel.") from error
    for row in (one, two):
        tell(row, parts[row.pk], actor=actor, now=now, also=_person_keys(row, now=now))
        trace.about(patient_id=row.patient_id, entity=row)


def _person_keys(row: Appointment, *, now: datetime) -> set[str]:
    """Return the portal accounts to refresh, as far as the actor may know them."""
    if row.patient_id is None:
        return set()
    return care_teams.portal_keys(patient_id=row.patient_id, on=now)
