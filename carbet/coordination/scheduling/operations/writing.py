"""What every change of the agenda shares: one writer of rows, one way to tell those concerned."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from carbet.coordination.alerts import operations as alerts
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.scheduling import access, queries
from carbet.coordination.scheduling.choices import (
    ASKED,
    FIRM,
    OPEN,
    SHOWN,
    ParticipationStatus,
    SlotStatus,
)
from carbet.coordination.scheduling.models import LONGEST, Appointment, AppointmentParticipant, Slot
from carbet.coordination.scheduling.rules import agreement
from carbet.coordination.tasks import operations as tasks
from carbet.coordination.tasks.choices import TaskStatus
from carbet.core import live
from carbet.core.actor import Actor, Level, for_house, role_key
from carbet.core.operation import UnableTo
from carbet.registries.directory.models import PractitionerRole

TARGET = "agenda"
EARLIEST, LATEST = timedelta(days=31), timedelta(days=366 * 2)


class UnableToSchedule(UnableTo):
    """The appointment cannot stand as asked."""


class TimeTaken(UnableToSchedule):
    """Somebody is already taken at that time: PostgreSQL said so."""


class SlotTaken(UnableToSchedule):
    """Somebody else took the slot first."""


class AlreadyDeclared(UnableToSchedule):
    """Another appointment bears the identifier that its software gave it."""


def check_time(start: datetime, end: datetime, *, now: datetime) -> None:
    """Refuse a time that no visit has.

    Raises:
        UnableToSchedule: it ends before it begins, lasts more than a day, is too far.
    """
    if end <= start:
        raise UnableToSchedule("La fin doit venir après le début.", field="minutes")
    if end - start > LONGEST:
        raise UnableToSchedule("Un rendez-vous dure au plus 24 heures.", field="minutes")
    if start < now - EARLIEST:
        raise UnableToSchedule("Cette date est passée depuis plus d’un mois.", field="start")
    if start > now + LATEST:
        raise UnableToSchedule("Un rendez-vous se fixe deux ans à l’avance au plus.", field="start")


def check_carers(patient_id: int, roles: Sequence[PractitionerRole]) -> None:
    """Refuse professionals from whom the record is closed: they would see an empty line."""
    if not roles:
        raise UnableToSchedule("Dites avec qui.", field="roles")
    if not queries.are_carers(patient_id=patient_id, roles=roles):
        raise UnableToSchedule(
            "Un des professionnels n’est pas dans le cercle de soins : ajoutez-le d’abord.",
            field="roles",
        )


def take_slot(slot: Slot, *, status: str, now: datetime) -> Slot:
    """Take a slot, alone: whoever else wants it waits here, then is told that it is gone.

    Raises:
        SlotTaken: it is not free any more.
    """
    row = Slot.objects.select_for_update().filter(pk=slot.pk).first()
    if row is None or row.status != SlotStatus.FREE:
        raise SlotTaken("Ce créneau vient d’être pris. Choisissez-en un autre.", field="slot")
    _mark_slot(row, status, now)
    return row


def free_slot(appointment: Appointment, *, now: datetime) -> None:
    """Give a slot back when its appointment no longer holds it."""
    if appointment.slot_id is None:
        return
    row = Slot.objects.select_for_update().filter(pk=appointment.slot_id).first()
    if row is not None and row.status in (SlotStatus.BUSY, SlotStatus.TENTATIVE):
        _mark_slot(row, SlotStatus.FREE, now)


def hold_slot(appointment: Appointment, *, now: datetime) -> None:
    """Say on the slot whether its appointment is agreed or only asked for."""
    if appointment.slot_id is None:
        return
    wanted = SlotStatus.BUSY if appointment.status in FIRM else SlotStatus.TENTATIVE
    row = Slot.objects.select_for_update().filter(pk=appointment.slot_id).first()
    if row is not None and row.status not in (wanted, SlotStatus.ENTERED_IN_ERROR):
        _mark_slot(row, wanted, now)


def _mark_slot(row: Slot, status: str, now: datetime) -> None:
    row.status, row.updated_at, row.version = status, now, row.version + 1
    row.save(update_fields=["status", "updated_at", "version"])


def new_participants(
    appointment: Appointment, roles: Sequence[PractitionerRole], *, actor: Actor
) -> list[AppointmentParticipant]:
    """Return those who take part, not yet written, each with what they are held to answer."""
    return [
        AppointmentParticipant(
            practitioner_role=role,
            organization_id=role.organization_id,
            status=first_answer(role, actor),
        )
        for role in roles
    ]


def first_answer(role: PractitionerRole, actor: Actor) -> str:
    """Return what a role is held to have answered to what this actor writes."""
    return agreement.answer_at_once(
        role_id=role.pk,
        organization_id=role.organization_id,
        actor_roles=access.own_roles(actor),
        actor_place=actor.organization_id,
    )


def write(appointment: Appointment, participants: Sequence[AppointmentParticipant]) -> None:
    """Write an appointment and those who take part, each repeating its time.

    Raises:
        TimeTaken: a professional or the person is already taken: the constraint said so.
        SlotTaken: somebody else has the slot.
    """
    blocking = appointment.status in FIRM and not appointment.overlap_accepted
    shown = appointment.status in SHOWN
    try:
        with transaction.atomic():
            appointment.save()
            for part in participants:
                part.appointment = appointment
                part.patient_id = appointment.patient_id
                part.start, part.end = appointment.start, appointment.end
                declined = part.status == ParticipationStatus.DECLINED
                part.blocking, part.shown = blocking and not declined, shown and not declined
                part.open_to = appointment.open_to
                part.save()
    except IntegrityError as error:
        raise clash_of(error) from error


def clash_of(error: IntegrityError) -> Exception:
    """Return the refusal that a constraint means, or the error itself when it is another."""
    said = str(error)
    if "professional_once_at_a_time" in said:
        return TimeTaken("Le professionnel a déjà un rendez-vous à cette heure.", field="start")
    if "appointment_person_once" in said:
        return TimeTaken("La personne a déjà un rendez-vous à cette heure.", field="start")
    if "appointment_slot_once" in said:
        return SlotTaken("Ce créneau vient d’être pris. Choisissez-en un autre.", field="slot")
    if "appointment_identifier" in said:
        return AlreadyDeclared("Un autre rendez-vous porte cet identifiant.", field="identifier")
    return error


def locked(appointment: Appointment, *, version: int | None = None) -> Appointment:
    """Return the row, locked, as long as it is the version that was on screen.

    Raises:
        UnableToSchedule: it changed meanwhile, or is closed to the actor.
    """
    row = Appointment.objects.select_for_update(of=("self",)).filter(pk=appointment.pk).first()
    if row is None:
        raise UnableToSchedule("Ce rendez-vous ne vous est pas ouvert en écriture.")
    if version is not None and row.version != version:
        raise UnableToSchedule(
            "Ce rendez-vous a changé entre-temps. Relisez-le avant d’enregistrer."
        )
    return row


def parts_of(appointment: Appointment) -> list[AppointmentParticipant]:
    """Return those who take part, with their roles."""
    return list(
        AppointmentParticipant.objects.filter(appointment=appointment)
        .select_related("practitioner_role__practitioner")
        .order_by("pk")
    )


def touch(appointment: Appointment, *, now: datetime) -> None:
    """Make it a new version."""
    appointment.updated_at, appointment.version = now, appointment.version + 1


def tell(
    appointment: Appointment,
    parts: Iterable[AppointmentParticipant],
    *,
    actor: Actor,
    now: datetime,
    also: Iterable[str] = (),
) -> None:
    """Alert the professionals concerned and whoever asked; refresh every screen of the circle."""
    keys = {
        role_key(part.practitioner_role_id)
        for part in parts
        if part.practitioner_role_id is not None
    }
    if appointment.author_role_id is not None:
        keys.add(role_key(appointment.author_role_id))
    keys -= {role_key(role) for role in access.own_roles(actor)}
    if appointment.patient_id is not None:
        _ask(appointment, list(parts), actor=actor, now=now)
        readers = set(care_teams.keys_of_level(patient_id=appointment.patient_id, level=Level.READ))
        keys &= readers | {role_key(part.practitioner_role_id or 0) for part in parts}
        alerts.raise_alert(
            actor=actor,
            now=now,
            patient_id=appointment.patient_id,
            recipients=keys,
            kind=AlertKind.APPOINTMENT,
            target=TARGET,
        )
    else:
        readers = set(appointment.open_to)
    own = {role_key(role) for role in access.own_roles(actor)}
    live.announce(readers | keys | own | set(also), "appointment", now=now)


def _ask(
    appointment: Appointment,
    parts: list[AppointmentParticipant],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Put what waits for an answer in the list of tasks of whoever is asked; take it off after."""
    asks = [part.status == ParticipationStatus.NEEDS_ACTION for part in parts]
    if not any(asks) and appointment.version == 1:
        return  # agreed from the start
    waits = appointment.status in ASKED
    items = [
        tasks.Item(
            source=f"appointment:{appointment.pk}:{part.practitioner_role_id}",
            owner=role_key(part.practitioner_role_id),
            text="Répondre à une demande de rendez-vous",
            due_on=timezone.localdate(appointment.start) if appointment.start else None,
            status=_TASK[ParticipationStatus(part.status)]
            if waits or part.status in (ParticipationStatus.ACCEPTED, ParticipationStatus.DECLINED)
            else TaskStatus.CANCELLED,
            reason="décliné",
        )
        for part in parts
        if part.practitioner_role_id is not None
    ]
    tasks.follow(
        actor=for_house(actor),
        now=now,
        patient_id=appointment.patient_id,
        items=items,
        target=TARGET,
    )


_TASK = {
    ParticipationStatus.NEEDS_ACTION: TaskStatus.REQUESTED,
    ParticipationStatus.TENTATIVE: TaskStatus.ACCEPTED,
    ParticipationStatus.ACCEPTED: TaskStatus.COMPLETED,
    ParticipationStatus.DECLINED: TaskStatus.REJECTED,
}


def is_open(appointment: Appointment) -> bool:
    """Tell whether it may still be moved, answered or cancelled."""
    return appointment.status in OPEN
