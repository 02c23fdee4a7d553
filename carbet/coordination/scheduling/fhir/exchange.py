"""Receive what another software says of the agenda: create, find again, bring to a new version."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.scheduling import operations
from carbet.coordination.scheduling.fhir import reading
from carbet.coordination.scheduling.fhir.reading import Said
from carbet.coordination.scheduling.models import Appointment, Schedule, Slot
from carbet.core.actor import Actor, Level
from carbet.core.fhir import Issue, Json, Refused, refuse
from carbet.core.operation import UnableTo, UnableToAct

T = TypeVar("T")
_PLACES = {"roles": "participant", "minutes": "end"}
_HIDDEN = "Cette ressource n’existe pas, ou ne vous est pas ouverte."


@dataclass(frozen=True)
class Kept:
    """One resource as it was kept, whether it is new, and what of it was not kept."""

    row: Any
    created: bool
    issues: list[Issue]


def create(resource: Json, *, actor: Actor, now: datetime, base: str) -> Kept:
    """Keep a resource sent for the first time, or find it again by its identifier.

    Raises:
        Refused: 403, 409 (somebody has the slot or the time) or 422, at the exact place.
    """
    kind = resource["resourceType"]
    said = _READERS[kind](resource, actor=actor, now=now, base=base)
    _check(said)
    row, created = _attempt(kind, lambda: _create(kind, said, actor=actor, now=now))
    return Kept(row, created, said.issues)


def _create(kind: str, said: Said, *, actor: Actor, now: datetime) -> tuple[Any, bool]:
    if kind == "Schedule":
        role = said.roles[0][0] if said.roles else None
        return operations.declare_schedule(
            actor=actor,
            now=now,
            role=role,
            organization=role.organization if role is not None else said.organizations[0][0],
            fields=said.fields,
            pieces=said.pieces,
        )
    if kind == "Slot":
        return operations.declare_slot(
            actor=actor, now=now, schedule=said.schedule, fields=said.fields
        )
    _check_person(said, actor)
    return operations.declare_appointment(
        actor=actor,
        now=now,
        patient=said.patient,
        roles=said.roles,
        organizations=said.organizations,
        slot=said.slot,
        fields=said.fields | {"patient_status": said.patient_status},
    )


def update(
    resource: Json,
    *,
    actor: Actor,
    now: datetime,
    base: str,
    number: int | None = None,
    identifier: tuple[str, str] | None = None,
    version: int | None = None,
) -> Kept:
    """Bring a resource to what is sent, found by our number or by its own identifier (flow 6b).

    Args:
        identifier: its system and value; when nothing bears it, the resource is created.
        version: the one that was read (If-Match), when said.

    Raises:
        Refused: 403, 404, 409, 412 or 422, at the exact place.
    """
    kind = resource["resourceType"]
    row = _find(kind, number=number, identifier=identifier, declarer=operations.declarer(actor))
    if row is None and identifier is not None:
        return create(resource, actor=actor, now=now, base=base)
    if row is None:
        raise refuse(404, "not-found", _HIDDEN, kind)
    if version is not None and version != row.version:
        raise refuse(412, "conflict", "Modifié entre-temps : relisez la ressource.", kind)
    said = _READERS[kind](resource, actor=actor, now=now, base=base)
    _check(said)
    row = _attempt(kind, lambda: _update(kind, row, said, actor=actor, now=now))
    return Kept(row, False, said.issues)


def _update(kind: str, row: Any, said: Said, *, actor: Actor, now: datetime) -> Any:
    if kind == "Schedule":
        owner = said.roles[0][0].pk if said.roles else None
        if owner != row.practitioner_role_id:
            raise refuse(
                422, "business-rule", "Un agenda ne change pas de titulaire.", f"{kind}.actor"
            )
        return operations.revise_schedule(
            actor=actor, now=now, schedule=row, fields=said.fields, pieces=said.pieces
        )
    if kind == "Slot":
        if said.schedule is None or said.schedule.pk != row.schedule_id:
            raise refuse(
                422, "business-rule", "Un créneau reste dans son agenda.", f"{kind}.schedule"
            )
        return operations.revise_slot(actor=actor, now=now, slot=row, fields=said.fields)
    patient_id = said.patient.pk if said.patient is not None else None
    if patient_id != row.patient_id:
        raise refuse(
            422,
            "business-rule",
            "Un rendez-vous ne change pas de personne.",
            said.patient_at or f"{kind}.participant",
        )
    _check_person(said, actor)
    return operations.revise_appointment(
        actor=actor,
        now=now,
        appointment=row,
        roles=said.roles,
        organizations=said.organizations,
        slot=said.slot,
        fields=said.fields | {"patient_status": said.patient_status},
    )


def delete(kind: str, *, number: int | None, actor: Actor, now: datetime) -> None:
    """Close an agenda: its free slots go, what was booked stays.

    Raises:
        Refused: 403 it is another structure's, 404 there is none.
    """
    row = _find(kind, number=number, identifier=None, declarer="")
    if row is None:
        raise refuse(404, "not-found", _HIDDEN, kind)
    _attempt(kind, lambda: operations.withdraw_declared(actor=actor, now=now, schedule=row))


def _find(
    kind: str, *, number: int | None, identifier: tuple[str, str] | None, declarer: str
) -> Any:
    model: Any = {"Schedule": Schedule, "Slot": Slot, "Appointment": Appointment}[kind]
    rows = model.objects.select_related("schedule") if kind == "Slot" else model.objects.all()
    if identifier is None:
        return rows.filter(pk=number).first() if number is not None else None
    rows = rows.filter(identifier_system=identifier[0], identifier_value=identifier[1])
    own = {"schedule__declared_by": declarer} if kind == "Slot" else {"declared_by": declarer}
    return rows.filter(**own).order_by("pk").first()


def _check(said: Said) -> None:
    errors = [issue for issue in said.issues if issue.severity == "error"]
    if errors:
        raise Refused(422, *errors[:20])


def _check_person(said: Said, actor: Actor) -> None:
    """Let only who may write in the record book for the person: row security says the same."""
    if said.patient is None:
        return
    writers = care_teams.keys_of_level(patient_id=said.patient.pk, level=Level.WRITE)
    if not set(writers) & set(actor.grantees):
        raise refuse(403, "forbidden", "Votre structure peut lire, pas écrire.", said.patient_at)


def _attempt(kind: str, act: Callable[[], T]) -> T:
    """Act; a refusal of the room becomes the FHIR refusal at its place."""
    try:
        return act()
    except (operations.SlotTaken, operations.TimeTaken) as refusal:
        place = f"{kind}.{refusal.field or 'start'}"
        raise refuse(409, "conflict", refusal.message, place) from refusal
    except (operations.UnableToDeclare, operations.AlreadyDeclared) as refusal:
        raise refuse(409, "duplicate", refusal.message, f"{kind}.identifier") from refusal
    except UnableToAct as refusal:
        raise refuse(403, "forbidden", refusal.message, kind) from refusal
    except UnableTo as refusal:
        name = refusal.field or ""
        place = f"{kind}.{_PLACES.get(name, name)}" if name else kind
        raise refuse(422, "business-rule", refusal.message, place) from refusal


_READERS: dict[str, Callable[..., Said]] = {
    "Schedule": reading.read_schedule,
    "Slot": reading.read_slot,
    "Appointment": reading.read_appointment,
}
