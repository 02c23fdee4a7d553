"""Who may see whose agenda, and which appointments of a person one may change."""

import hashlib
from collections.abc import Iterable
from datetime import datetime

from carbet.coordination.care_teams import access as care_teams
from carbet.coordination.care_teams.access import NoSuchRecord
from carbet.coordination.scheduling.models import (
    Absence,
    Appointment,
    AppointmentParticipant,
    CalendarFeed,
    Slot,
)
from carbet.core.actor import Actor, Level, organization_key, role_key
from carbet.registries.directory import access as directory
from carbet.registries.directory.models import PractitionerRole
from carbet.registries.patients.models import Patient

__all__ = ["NoSuchRecord", "get_appointment", "get_calendar", "own_roles"]


def get_calendar(
    *,
    actor: Actor,
    patient_id: int,
    now: datetime,
    level: Level = Level.READ,
    purpose: str = "agenda.read",
) -> Patient:
    """Return the person whose agenda the actor opens, and trace it.

    Raises:
        NoSuchRecord: there is none, or not for this actor at this level.
    """
    return care_teams.get_record(
        actor=actor, patient_id=patient_id, now=now, level=level, purpose=purpose
    )


def get_appointment(*, patient: Patient, appointment_id: int) -> Appointment:
    """Return an appointment of an agenda already entered, with its slot and its series.

    Raises:
        NoSuchRecord: it is not about this person.
    """
    found = (
        Appointment.objects.filter(patient_id=patient.pk, pk=appointment_id)
        .select_related("series", "slot")
        .first()
    )
    if found is None:
        raise NoSuchRecord
    return found


def get_unnamed(*, actor: Actor, appointment_id: int) -> Appointment:
    """Return an appointment that names nobody and that the actor is asked to answer.

    Raises:
        NoSuchRecord: there is none, it names a person, or it is asked of somebody else.
    """
    found = (
        Appointment.objects.filter(pk=appointment_id, patient__isnull=True)
        .prefetch_related("participants")
        .first()
    )
    if found is None or not is_part_of(found.participants.all(), actor):
        raise NoSuchRecord
    return found


def own_roles(actor: Actor) -> tuple[int, ...]:
    """Return the roles whose agenda the actor keeps: their own, and those they work for."""
    own = (actor.role_id,) if actor.role_id is not None else ()
    return (*own, *actor.delegated_role_ids)


def get_own_role(*, actor: Actor, role_id: int | None) -> PractitionerRole:
    """Return the role whose agenda the actor keeps: one asked for, or the first of theirs.

    Raises:
        NoSuchRecord: it is somebody else's.
    """
    wanted = role_id if role_id is not None else actor.role_id
    if wanted is None or wanted not in own_roles(actor):
        raise NoSuchRecord
    found = (
        PractitionerRole.objects.select_related("practitioner", "organization__commune")
        .filter(pk=wanted)
        .first()
    )
    if found is None:
        raise NoSuchRecord
    return found


def get_own_roles(
    *, actor: Actor, role_id: int | None
) -> tuple[PractitionerRole, list[PractitionerRole]]:
    """Return the role whose agenda is asked for, and every role whose agenda the actor keeps.

    Raises:
        NoSuchRecord: it is somebody else's.
    """
    wanted = role_id if role_id is not None else actor.role_id
    kept = list(
        PractitionerRole.objects.select_related("practitioner", "organization__commune")
        .filter(pk__in=own_roles(actor))
        .order_by("pk")
    )
    for role in kept:
        if role.pk == wanted:
            return role, kept
    raise NoSuchRecord


def is_part_of(participants: Iterable[AppointmentParticipant], actor: Actor) -> list[int]:
    """Return the participants (row numbers) for whom the actor may answer."""
    roles = set(own_roles(actor))
    return [
        part.pk
        for part in participants
        if part.practitioner_role_id in roles
        or (
            part.practitioner_role_id is None
            and organization_key(part.organization_id) in actor.grantees
        )
    ]


def get_own_absence(*, actor: Actor, absence_id: int) -> Absence:
    """Return an absence of an agenda that the actor keeps.

    Raises:
        NoSuchRecord: it is somebody else's.
    """
    found = Absence.objects.filter(
        pk=absence_id, practitioner_role_id__in=own_roles(actor), cancelled_at__isnull=True
    ).first()
    if found is None:
        raise NoSuchRecord
    return found


def get_own_slot(*, actor: Actor, slot_id: int) -> Slot:
    """Return a slot of an agenda that the actor keeps.

    Raises:
        NoSuchRecord: it is somebody else's.
    """
    found = (
        Slot.objects.select_related("schedule")
        .filter(pk=slot_id, schedule__practitioner_role_id__in=own_roles(actor))
        .first()
    )
    if found is None:
        raise NoSuchRecord
    return found


def digest_of(secret: str) -> str:
    """Return what is kept of a feed's secret: it cannot be found again from it."""
    return hashlib.sha256(f"carbet.agenda:{secret}".encode()).hexdigest()


def get_feed(*, secret: str, now: datetime) -> CalendarFeed | None:
    """Return the feed that a secret opens, or None: revoked, unknown, account or role closed."""
    feed = (
        CalendarFeed.objects.select_related(
            "account", "practitioner_role__practitioner", "practitioner_role__organization"
        )
        .filter(digest=digest_of(secret), revoked_at__isnull=True)
        .first()
    )
    if feed is None or not feed.account.may_sign_in:
        return None
    role = feed.practitioner_role
    ended = role.ended_at is not None and role.ended_at <= now
    if ended or role.practitioner.account_id != feed.account_id:
        return None
    if not directory.may_act(role_id=role.pk, now=now):
        return None
    return feed


def may_be_seen_by(participant: AppointmentParticipant) -> tuple[str, ...]:
    """Return the grantee keys of a participant."""
    keys = (organization_key(participant.organization_id),)
    if participant.practitioner_role_id is not None:
        keys += (role_key(participant.practitioner_role_id),)
    return keys
