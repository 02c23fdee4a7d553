"""What another software declares: agendas, slots, appointments, by its own identifiers."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from carbet.coordination.scheduling.choices import (
    FIRM,
    OPEN,
    SHOWN,
    AppointmentStatus,
    ParticipationStatus,
    SlotStatus,
)
from carbet.coordination.scheduling.models import (
    Appointment,
    AppointmentParticipant,
    Schedule,
    Slot,
)
from carbet.coordination.scheduling.operations.writing import (
    SlotTaken,
    check_carers,
    free_slot,
    locked,
    parts_of,
    take_slot,
    tell,
    touch,
    write,
)
from carbet.coordination.scheduling.rules import agreement
from carbet.coordination.scheduling.rules.spans import Span
from carbet.core import live
from carbet.core.actor import Actor, organization_key, role_key
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.registries.directory.models import Organization, PractitionerRole
from carbet.registries.patients.models import Patient


class UnableToDeclare(UnableTo):
    """What another software declares cannot stand."""


def declarer(actor: Actor) -> str:
    """Return under what name the declarations of a software are kept: its structure's."""
    return organization_key(actor.organization_id or 0)


# --- Agendas and slots --------------------------------------------------------------------------


@operation("agenda.declare", action="C")
def declare_schedule(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    role: PractitionerRole | None,
    organization: Organization,
    fields: dict[str, Any],
    pieces: list[Span] | None = None,
) -> tuple[Schedule, bool]:
    """Keep the agenda of a professional, or of a structure, as its own software says it.

    Return it, and whether it is new: the same identifier twice is one agenda.

    Args:
        pieces: the slots that its availability makes; None leaves slots as they are.

    Raises:
        UnableToAct: it is another structure's.
    """
    _check_house(actor, organization.pk)
    row = Schedule(
        organization=organization,
        practitioner_role=role,
        declared_by=declarer(actor),
        updated_at=now,
        **fields,
    )
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        known = Schedule.objects.get(
            declared_by=declarer(actor),
            identifier_system=fields["identifier_system"],
            identifier_value=fields["identifier_value"],
        )
        trace.about(entity=known, reason="déjà enregistré")
        return known, False
    _lay_out(row, pieces, now=now)
    trace.about(entity=row)
    return row, True


@operation("agenda.revise")
def revise_schedule(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    schedule: Schedule,
    fields: dict[str, Any],
    pieces: list[Span] | None = None,
) -> Schedule:
    """Bring an agenda to what its software says: free slots follow, those taken stay.

    Raises:
        UnableToAct: it is another structure's.
    """
    _check_house(actor, schedule.organization_id)
    row = Schedule.objects.select_for_update().get(pk=schedule.pk)
    for name, value in fields.items():
        setattr(row, name, value)
    row.updated_at, row.version = now, row.version + 1
    row.save()
    _lay_out(row, pieces if row.active else [], now=now)
    trace.about(entity=row)
    return row


def _lay_out(row: Schedule, pieces: list[Span] | None, *, now: datetime) -> None:
    """Open the slots of an agenda that are missing, withdraw the free ones no longer said."""
    if pieces is None:
        return
    wanted = {(piece.start, piece.end) for piece in pieces}
    standing = Slot.objects.filter(schedule=row).exclude(status=SlotStatus.ENTERED_IN_ERROR)
    held = {(slot.start, slot.end): slot for slot in standing}
    gone = [
        slot.pk
        for span, slot in held.items()
        if span not in wanted and slot.status == SlotStatus.FREE and not slot.identifier_value
    ]
    # Only what is still free: whoever booked one meanwhile keeps it.
    Slot.objects.filter(pk__in=gone, status=SlotStatus.FREE).update(
        status=SlotStatus.ENTERED_IN_ERROR, updated_at=now
    )
    Slot.objects.bulk_create(
        [
            Slot(schedule=row, start=start, end=end, updated_at=now)
            for start, end in sorted(wanted - held.keys())
        ],
        ignore_conflicts=True,
    )
    if row.practitioner_role_id is not None:
        live.announce([role_key(row.practitioner_role_id)], "appointment", now=now)


@operation("agenda.slot.declare", action="C")
def declare_slot(
    trace: Trace, *, actor: Actor, now: datetime, schedule: Schedule, fields: dict[str, Any]
) -> tuple[Slot, bool]:
    """Keep a slot that its software opens; the same identifier twice is one slot.

    Raises:
        UnableToAct: the agenda is another structure's.
        SlotTaken: another slot of this agenda stands at that time.
    """
    _check_house(actor, schedule.organization_id)
    # One at a time in an agenda, so that an identifier is not given twice.
    Schedule.objects.select_for_update().get(pk=schedule.pk)
    if fields["identifier_value"]:
        known = Slot.objects.filter(
            schedule=schedule,
            identifier_system=fields["identifier_system"],
            identifier_value=fields["identifier_value"],
        ).first()
        if known is not None:
            trace.about(entity=known, reason="déjà enregistré")
            return known, False
    row = Slot(schedule=schedule, updated_at=now, **fields)
    _save_slot(row)
    trace.about(entity=row)
    return row, True


@operation("agenda.slot.revise")
def revise_slot(
    trace: Trace, *, actor: Actor, now: datetime, slot: Slot, fields: dict[str, Any]
) -> Slot:
    """Bring a slot to what its software says, unless somebody booked it here.

    Raises:
        UnableToAct: the agenda is another structure's.
        SlotTaken: an appointment holds it, or another slot stands at that time.
    """
    _check_house(actor, slot.schedule.organization_id)
    row = Slot.objects.select_for_update().get(pk=slot.pk)
    if Appointment.objects.filter(slot=row, status__in=OPEN).exists():
        raise SlotTaken("Ce créneau est pris par un rendez-vous d’ici.", field="status")
    for name, value in fields.items():
        setattr(row, name, value)
    row.updated_at, row.version = now, row.version + 1
    _save_slot(row)
    trace.about(entity=row)
    return row


def _save_slot(row: Slot) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise SlotTaken(
            "Un autre créneau de cet agenda est à cette heure.", field="start"
        ) from error


def _check_house(actor: Actor, organization_id: int) -> None:
    if organization_id != actor.organization_id:
        raise UnableToAct("Cet agenda est celui d’une autre structure.")


# --- Appointments -------------------------------------------------------------------------------


@operation("appointment.declare", action="C")
def declare_appointment(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient | None,
    roles: Sequence[tuple[PractitionerRole, str]],
    organizations: Sequence[tuple[Organization, str]],
    slot: Slot | None,
    fields: dict[str, Any],
) -> tuple[Appointment, bool]:
    """Keep an appointment that another software asks for, or declares taken.

    A slot is the professional's own offer: who takes it has their agreement. Without one, only the
    professional's own structure speaks for them; else they are asked, whatever is declared.
    Return it, and whether it is new.

    Raises:
        UnableToDeclare: the identifier already names another appointment.
        UnableToSchedule: a professional outside the circle of the person.
        TimeTaken: somebody is already taken at that time.
        SlotTaken: somebody else has the slot.
    """
    known = _known(actor, fields)
    if known is not None:
        same = (known.start, known.end) == (fields["start"], fields["end"])
        if not same or known.patient_id != (patient.pk if patient else None):
            raise UnableToDeclare(
                "Un autre rendez-vous porte déjà cet identifiant.", field="identifier"
            )
        trace.about(patient_id=known.patient_id, entity=known, reason="déjà enregistré")
        return known, False
    if patient is not None and roles:
        check_carers(patient.pk, [role for role, _ in roles])
    row = Appointment(
        patient=patient,
        author_name=actor.display_name,
        declared_by=declarer(actor),
        updated_at=now,
        gesture=uuid.uuid4(),
        **fields,
    )
    row.open_to = _open_to(actor, roles, organizations) if patient is None else []
    parts = _parts(actor, roles, organizations)
    _settle(row, parts, slot=slot, said=fields["status"], now=now)
    write(row, parts)
    tell(row, parts, actor=actor, now=now, also=row.open_to)
    trace.about(patient_id=row.patient_id, entity=row)
    return row, True


@operation("appointment.revise")
def revise_appointment(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    appointment: Appointment,
    roles: Sequence[tuple[PractitionerRole, str]],
    organizations: Sequence[tuple[Organization, str]],
    slot: Slot | None,
    fields: dict[str, Any],
    version: int | None = None,
) -> Appointment:
    """Bring an appointment to what the software that declared it says now (GAP, flow 6b).

    Whoever is no longer named no longer takes part; another time, or somebody new, is agreed again.

    Raises:
        UnableToAct: another structure declared it.
        UnableToSchedule: it changed meanwhile.
        TimeTaken: somebody is already taken at that time.
        SlotTaken: somebody else has the slot.
    """
    if appointment.declared_by != declarer(actor):
        raise UnableToAct("Ce rendez-vous a été déclaré par une autre structure.")
    row = locked(appointment, version=version)
    if row.patient_id is not None and roles:
        check_carers(row.patient_id, [role for role, _ in roles])
    moved = (row.start, row.end) != (fields["start"], fields["end"])
    held = {(part.practitioner_role_id, part.organization_id): part for part in parts_of(row)}
    said = _parts(actor, roles, organizations)
    parts = []
    for part in said:
        known = held.pop((part.practitioner_role_id, part.organization_id), None)
        if known is None:
            parts.append(part)
            continue
        # Who had agreed to this time still does.
        if moved or known.status == ParticipationStatus.DECLINED:
            known.status = part.status
        parts.append(known)
    for gone in held.values():
        gone.status = ParticipationStatus.DECLINED
        parts.append(gone)
    wanted = slot.pk if slot is not None else (None if moved else row.slot_id)
    if row.slot_id is not None and (row.slot_id != wanted or fields["status"] not in OPEN):
        free_slot(row, now=now)
        row.slot = None
    for name, value in fields.items():
        if name != "created_at":
            setattr(row, name, value)
    if row.patient_id is None:
        row.open_to = sorted({*row.open_to, *_open_to(actor, roles, organizations)})
    if moved:
        row.reminded_at = None
    _settle(row, parts, slot=slot, said=fields["status"], now=now)
    touch(row, now=now)
    write(row, parts)
    tell(row, parts, actor=actor, now=now, also=row.open_to)
    trace.about(patient_id=row.patient_id, entity=row)
    return row


def _known(actor: Actor, fields: dict[str, Any]) -> Appointment | None:
    if not fields["identifier_value"]:
        return None
    return Appointment.objects.filter(
        declared_by=declarer(actor),
        identifier_system=fields["identifier_system"],
        identifier_value=fields["identifier_value"],
    ).first()


def _parts(
    actor: Actor,
    roles: Sequence[tuple[PractitionerRole, str]],
    organizations: Sequence[tuple[Organization, str]],
) -> list[AppointmentParticipant]:
    """Return those who take part: their own structure speaks for them, nobody else does."""
    parts = [
        AppointmentParticipant(
            practitioner_role=role, organization_id=role.organization_id, status=status
        )
        for role, status in roles
    ]
    parts += [
        AppointmentParticipant(organization_id=place.pk, status=status)
        for place, status in organizations
    ]
    for part in parts:
        if part.organization_id != actor.organization_id:
            part.status = ParticipationStatus.NEEDS_ACTION
    return parts


def _open_to(
    actor: Actor,
    roles: Sequence[tuple[PractitionerRole, str]],
    organizations: Sequence[tuple[Organization, str]],
) -> list[str]:
    keys = {declarer(actor)}
    for role, _ in roles:
        keys |= {role_key(role.pk), organization_key(role.organization_id)}
    keys |= {organization_key(place.pk) for place, _ in organizations}
    return sorted(keys)


def _settle(
    row: Appointment,
    parts: Sequence[AppointmentParticipant],
    *,
    slot: Slot | None,
    said: str,
    now: datetime,
) -> None:
    """Take the slot and give the appointment its status, from what is said and who may say it."""
    if said in OPEN and row.start is not None and row.end is not None and row.slot is None:
        slot = slot or _slot_at(row.start, row.end, parts)
        if slot is not None:
            firm = said in FIRM
            row.slot = take_slot(
                slot, status=SlotStatus.BUSY if firm else SlotStatus.TENTATIVE, now=now
            )
    if row.slot is not None and said in FIRM:
        owner = row.slot.schedule
        for part in parts:
            same_role = owner.practitioner_role_id is not None and (
                part.practitioner_role_id == owner.practitioner_role_id
            )
            same_place = owner.practitioner_role_id is None and (
                part.practitioner_role_id is None and part.organization_id == owner.organization_id
            )
            if same_role or same_place:
                part.status = ParticipationStatus.ACCEPTED
    taking = [part.status for part in parts if part.status != ParticipationStatus.DECLINED]
    row.status = agreement.status_declared(said, taking)
    if row.status not in SHOWN:
        row.awaits_author = False
    if row.status == AppointmentStatus.CANCELLED and not row.cancel_reason:
        row.cancel_reason = "other"


def _slot_at(
    start: datetime, end: datetime, parts: Sequence[AppointmentParticipant]
) -> Slot | None:
    """Return the slot that the participants open at exactly that time (SAS names no slot)."""
    held = [part.practitioner_role_id for part in parts if part.practitioner_role_id is not None]
    return (
        Slot.objects.filter(
            schedule__practitioner_role_id__in=held,
            schedule__active=True,
            start=start,
            end=end,
        )
        .exclude(status__in=(SlotStatus.ENTERED_IN_ERROR, SlotStatus.UNAVAILABLE))
        .order_by("pk")
        .first()
    )


@operation("agenda.close")
def withdraw_declared(trace: Trace, *, actor: Actor, now: datetime, schedule: Schedule) -> Schedule:
    """Close an agenda that its software ends: its free slots go, what was booked stays.

    Raises:
        UnableToAct: it is another structure's.
    """
    _check_house(actor, schedule.organization_id)
    row = Schedule.objects.select_for_update().get(pk=schedule.pk)
    row.active, row.updated_at, row.version = False, now, row.version + 1
    row.save(update_fields=["active", "updated_at", "version"])
    Slot.objects.filter(schedule=row, status=SlotStatus.FREE).update(
        status=SlotStatus.ENTERED_IN_ERROR, updated_at=now
    )
    trace.about(entity=row)
    return row
