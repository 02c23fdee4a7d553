"""When one may be seen: slots opened and withdrawn, absences, and the secret calendar address."""

import secrets
import uuid
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from carbet.coordination.scheduling import access
from carbet.coordination.scheduling.choices import AbsenceKind, SlotStatus, VisitKind
from carbet.coordination.scheduling.models import Absence, CalendarFeed, Schedule, Slot
from carbet.coordination.scheduling.rules import spans
from carbet.coordination.scheduling.rules.spans import Span
from carbet.core import live
from carbet.core.actor import Actor, role_key
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.registries.directory.models import PractitionerRole

MOST_SLOTS = 200
LONGEST_ABSENCE = timedelta(days=366)


class UnableToOpenSlots(UnableTo):
    """The slots or the absence cannot stand as given."""


def _check_own(actor: Actor, role_id: int | None) -> None:
    if role_id is None or role_id not in access.own_roles(actor):
        raise UnableToAct("Cet agenda n’est pas le vôtre.")


@operation("agenda.slots.open", action="C")
def open_slots(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    role: PractitionerRole,
    windows: list[Span],
    minutes: int,
    kind: str = VisitKind.OFFICE,
) -> list[Slot]:
    """Open the slots of `minutes` that fit in these windows; what is open already stays as it is.

    Raises:
        UnableToAct: the agenda is somebody else's.
        UnableToOpenSlots: no slot fits, in the past, or too many at once.
    """
    _check_own(actor, role.pk)
    pieces = [piece for window in windows for piece in spans.cut(window, minutes)]
    if not pieces:
        raise UnableToOpenSlots(
            "Aucun créneau de cette durée ne tient entre ces heures.", field="until_time"
        )
    if any(piece.start < now for piece in pieces):
        raise UnableToOpenSlots("Ces heures sont déjà passées.", field="on")
    if len(pieces) > MOST_SLOTS:
        raise UnableToOpenSlots(
            f"Cela ferait {len(pieces)} créneaux : {MOST_SLOTS} au plus à la fois.", field="until"
        )
    schedule, _ = Schedule.objects.get_or_create(
        practitioner_role=role,
        kind=VisitKind(kind),
        declared_by="",
        defaults={"organization_id": role.organization_id, "updated_at": now},
    )
    opened = []
    for piece in pieces:
        slot = Slot(schedule=schedule, start=piece.start, end=piece.end, updated_at=now)
        try:
            with transaction.atomic():
                slot.save()
        except IntegrityError:
            continue
        opened.append(slot)
    if not opened:
        raise UnableToOpenSlots("Ces créneaux sont déjà ouverts.", field="on")
    live.announce([role_key(role.pk)], "appointment", now=now)
    trace.about(entity=f"Slot x{len(opened)}")
    return opened


@operation("agenda.slots.withdraw")
def withdraw_slot(trace: Trace, *, actor: Actor, now: datetime, slot: Slot) -> None:
    """Withdraw a slot that nobody took.

    Raises:
        UnableToAct: the agenda is somebody else's.
        UnableToOpenSlots: somebody took it.
    """
    _check_own(actor, slot.schedule.practitioner_role_id)
    row = Slot.objects.select_for_update().get(pk=slot.pk)
    if row.status != SlotStatus.FREE:
        raise UnableToOpenSlots("Ce créneau est pris : annulez d’abord le rendez-vous.")
    row.status, row.updated_at, row.version = SlotStatus.ENTERED_IN_ERROR, now, row.version + 1
    row.save(update_fields=["status", "updated_at", "version"])
    live.announce([role_key(slot.schedule.practitioner_role_id or 0)], "appointment", now=now)
    trace.about(entity=row)


@operation("agenda.absence.declare", action="C")
def declare_absence(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    role: PractitionerRole,
    start: datetime,
    end: datetime,
    gesture: uuid.UUID,
    kind: str = AbsenceKind.LEAVE,
) -> Absence:
    """Say that a professional is away; the same gesture twice is one absence.

    Raises:
        UnableToAct: the agenda is somebody else's.
        UnableToOpenSlots: it ends before it begins, is over, or lasts more than a year.
    """
    _check_own(actor, role.pk)
    before = Absence.objects.filter(gesture=gesture, practitioner_role=role).first()
    if before is not None:
        trace.about(entity=before, reason="déjà enregistré")
        return before
    if end <= start:
        raise UnableToOpenSlots("La fin doit venir après le début.", field="end")
    if end <= now:
        raise UnableToOpenSlots("Cette absence est déjà passée.", field="end")
    if end - start > LONGEST_ABSENCE:
        raise UnableToOpenSlots("Une absence dure un an au plus.", field="end")
    absence = Absence.objects.create(
        practitioner_role=role,
        start=start,
        end=end,
        kind=AbsenceKind(kind),
        created_at=now,
        gesture=gesture,
    )
    live.announce([role_key(role.pk)], "appointment", now=now)
    trace.about(entity=absence)
    return absence


@operation("agenda.absence.cancel")
def cancel_absence(trace: Trace, *, actor: Actor, now: datetime, absence: Absence) -> None:
    """Take an absence back.

    Raises:
        UnableToAct: the agenda is somebody else's.
    """
    _check_own(actor, absence.practitioner_role_id)
    Absence.objects.filter(pk=absence.pk, cancelled_at__isnull=True).update(cancelled_at=now)
    live.announce([role_key(absence.practitioner_role_id)], "appointment", now=now)
    trace.about(entity=absence)


@operation("agenda.feed.open", action="C")
def open_feed(trace: Trace, *, actor: Actor, now: datetime) -> str:
    """Make a secret address for the actor's own agenda; the former one, if any, closes.

    Return the secret: it is shown once and only its digest is kept.

    Raises:
        UnableToAct: the actor works under no role.
    """
    if actor.role_id is None or actor.account_id is None:
        raise UnableToAct("Choisissez d’abord le rôle sous lequel vous travaillez.")
    _revoke(actor, now)
    secret = secrets.token_urlsafe(32)
    feed = CalendarFeed.objects.create(
        account_id=actor.account_id,
        practitioner_role_id=actor.role_id,
        digest=access.digest_of(secret),
        created_at=now,
    )
    trace.about(entity=feed)
    return secret


@operation("agenda.feed.revoke")
def revoke_feed(trace: Trace, *, actor: Actor, now: datetime) -> int:
    """Close the secret address of the actor's own agenda. Return how many were open."""
    closed = _revoke(actor, now)
    trace.about(entity=f"CalendarFeed x{closed}")
    return closed


def _revoke(actor: Actor, now: datetime) -> int:
    return CalendarFeed.objects.filter(
        account_id=actor.account_id, practitioner_role_id=actor.role_id, revoked_at__isnull=True
    ).update(revoked_at=now)
