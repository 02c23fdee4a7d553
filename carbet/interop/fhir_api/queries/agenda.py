"""How the agenda is sought: slots, agendas and appointments (GAP 3.0.0, flows 4a and 4b; SAS)."""

import math
from collections.abc import Callable
from typing import Any

from django.db.models import Model, Q

from carbet.coordination.scheduling.models import (
    Appointment,
    AppointmentParticipant,
    Schedule,
    Slot,
)
from carbet.core.fhir import refuse
from carbet.interop.fhir_api.queries.offer import (
    Condition,
    organization_identified,
    pointing,
    practised,
    practitioner_identified,
    professional_named,
    through,
)
from carbet.interop.fhir_api.rules.search import Target, Token, number_of
from carbet.registries.directory import fhir as directory_fhir
from carbet.registries.directory.models import Organization, Practitioner, PractitionerRole

MODELS: dict[str, type[Model]] = {"Schedule": Schedule, "Slot": Slot, "Appointment": Appointment}
_ACT_CODES = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def _status(token: Token) -> Q:
    return Q(status=token.code)


def _declared(token: Token) -> Q:
    found = Q(identifier_value=token.code)
    return found if token.system is None else found & Q(identifier_system=token.system)


def _said_coding(name: str, *, path: str = "said") -> Callable[[Token], Q]:
    """Return the condition that what another software said holds a coding."""

    def condition(token: Token) -> Q:
        coding = {"code": token.code} | ({"system": token.system} if token.system else {})
        return Q(**{f"{path}__{name}__contains": [{"coding": [coding]}]})

    return condition


def _specialised(path: str) -> Callable[[Token], Q]:
    def condition(token: Token) -> Q:
        known = token.system is None or directory_fhir.number_of(token.system) in ("R38", "R04")
        held = Q(**{f"{path}specialty": token.code}) | Q(
            **{f"{path}skills__contains": [token.code]}
        )
        return held if known else Q(pk__in=[])

    return condition


def _placed(path: str) -> Callable[[str], Q]:
    return lambda text: (
        Q(**{f"{path}city__iexact": text})
        | Q(**{f"{path}postal_code": text})
        | Q(**{f"{path}commune__name__istartswith": text})
        | Q(**{f"{path}address_line__icontains": text})
    )


def _close_to(path: str) -> Callable[[str], Q]:
    """Return the condition that a commune is in the square around "latitude|longitude|20|km"."""

    def condition(text: str) -> Q:
        said = text.split("|")
        try:
            latitude, longitude = float(said[0]), float(said[1])
            far = float(said[2]) if len(said) > 2 and said[2] else 50.0
        except (ValueError, IndexError) as error:
            raise refuse(400, "invalid", "latitude|longitude|distance|km est attendu.") from error
        metres = {"km": 1000.0, "m": 1.0}.get(said[3] if len(said) > 3 else "km")
        if metres is None or not (abs(latitude) <= 90 and abs(longitude) <= 180 and 0 < far < 1e6):
            raise refuse(400, "invalid", "Coordonnées ou distance impossibles.")
        tall = far * metres / 1000 / 111.2
        wide = tall / max(math.cos(math.radians(latitude)), 0.01)
        return Q(
            **{
                f"{path}commune__latitude__range": (latitude - tall, latitude + tall),
                f"{path}commune__longitude__range": (longitude - wide, longitude + wide),
            }
        )

    return condition


def _of_agenda(schedule: str) -> dict[str, Callable[[Any], Q]]:
    """Return the conditions through the actor of an agenda; `schedule` leads to it."""
    role, place = f"{schedule}practitioner_role__", f"{schedule}organization__"
    identified = through(f"{role}practitioner", practitioner_identified, Practitioner)
    housed = through(f"{schedule}organization", organization_identified, Organization)
    named = through(f"{role}practitioner", professional_named, Practitioner)  # type: ignore[arg-type]
    return {
        "Practitioner.identifier": identified,
        "PractitionerRole.practitioner.identifier": identified,
        "PractitionerRole.name": named,
        "PractitionerRole.role": through(
            f"{schedule}practitioner_role", practised, PractitionerRole
        ),
        "PractitionerRole.specialty": _specialised(role),
        "PractitionerRole.address": _placed(place),
        "PractitionerRole.location.address": _placed(place),
        "PractitionerRole.location.near": _close_to(place),
        "PractitionerRole.organization.identifier": housed,
        "Organization.identifier": housed,
        "Location.organization.identifier": housed,
        "Location.name": lambda text: Q(**{f"{place}name__icontains": text}),
        "Location.address": _placed(place),
        "Location.near": _close_to(place),
        "HealthcareService.organization.identifier": housed,
        "HealthcareService.organization.name": lambda text: Q(**{f"{place}name__icontains": text}),
        "HealthcareService.organization.address": _placed(place),
    }


def _owner(schedule: str) -> Callable[[Target], Q]:
    def condition(target: Target) -> Q:
        column = {
            "PractitionerRole": "practitioner_role_id",
            "Practitioner": "practitioner_role__practitioner_id",
            "Organization": "organization_id",
        }.get(target.type)
        if not column or not target.number:
            return Q(pk__in=[])
        return Q(**{f"{schedule}{column}": target.number})

    return condition


def _of_part(to_condition: Callable[[Any], Q]) -> Callable[[Any], Q]:
    def condition(value: Any) -> Q:
        held = AppointmentParticipant.objects.filter(to_condition(value))
        return Q(pk__in=held.values("appointment_id"))

    return condition


def _acting(target: Target) -> Q:
    if target.type == "Patient":
        return pointing("patient_id")(target)
    return _of_part(_owner(""))(target)


def _met_by(kind: str) -> Callable[[Token], Q]:
    """Return the condition on the types of service: what was said, else how people meet."""
    path = "schedule__" if kind == "Slot" else ""
    said = _said_coding("serviceType")

    def condition(token: Token) -> Q:
        found = said(token)
        if token.system in (None, _ACT_CODES):
            found |= Q(**{f"{path}kind": token.code})
        return found

    return condition


def conditions(
    moment: Callable[..., Condition], person: Condition
) -> dict[tuple[str, str], Condition]:
    """Return the condition of each parameter of the agenda.

    Args:
        moment: makes the condition on a column that is a moment, or on a period.
        person: the condition that a person bears an identifier.
    """
    identified = _of_part(
        through("practitioner_role__practitioner", practitioner_identified, Practitioner)
    )
    slot_specialty = _specialised("schedule__practitioner_role__")
    own_specialty = _specialised("practitioner_role__")
    said_specialty = _said_coding("specialty")
    found: dict[tuple[str, str], Condition] = {
        ("Schedule", "identifier"): _declared,
        ("Schedule", "active"): lambda token: Q(active=token.code == "true"),
        ("Schedule", "actor"): _owner(""),
        ("Schedule", "specialty"): lambda token: own_specialty(token) | said_specialty(token),
        ("Schedule", "service-type"): _met_by("Schedule"),
        ("Schedule", "date"): moment("horizon_start", until="horizon_end"),
        # One and the same slot meets all of it: see `_offered`.
        ("Schedule", "_has:Slot:schedule:start"): lambda _: Q(),
        ("Schedule", "_has:Slot:schedule:status"): lambda _: Q(),
        ("Slot", "identifier"): _declared,
        ("Slot", "status"): _status,
        ("Slot", "start"): moment("start"),
        ("Slot", "schedule"): pointing("schedule_id"),
        ("Slot", "specialty"): lambda token: slot_specialty(token) | said_specialty(token),
        ("Slot", "service-type"): _met_by("Slot"),
        ("Slot", "schedule.actor"): _owner("schedule__"),
        ("Appointment", "identifier"): _declared,
        ("Appointment", "status"): _status,
        ("Appointment", "date"): moment("start"),
        ("Appointment", "created"): moment("created_at"),
        ("Appointment", "description"): lambda text: (
            Q(description__icontains=text) | Q(said__comment__icontains=text)
        ),
        ("Appointment", "priority"): lambda token: (
            Q(said__priority=int(token.code)) if token.code.isdecimal() else Q(pk__in=[])
        ),
        ("Appointment", "service-type"): _met_by("Appointment"),
        ("Appointment", "patient"): pointing("patient_id"),
        ("Appointment", "actor"): _acting,
        ("Appointment", "practitioner"): _of_part(pointing("practitioner_role__practitioner_id")),
        ("Appointment", "slot"): pointing("slot_id"),
        ("Appointment", "patient.identifier"): person,
        ("Appointment", "actor:Patient.identifier"): person,
        ("Appointment", "practitioner.identifier"): identified,
        ("Appointment", "actor:Practitioner.identifier"): identified,
        ("Appointment", "actor:Organization.identifier"): _of_part(
            through("organization", organization_identified, Organization)
        ),
    }
    for kind in MODELS:
        found[kind, "_id"] = _by_id
        found[kind, "_lastUpdated"] = moment("updated_at")
    for kind, prefix, path in (("Schedule", "actor", ""), ("Slot", "schedule.actor", "schedule__")):
        for name, condition in _of_agenda(path).items():
            found[kind, f"{prefix}:{name}"] = condition
    return found


def _by_id(token: Token) -> Q:
    return Q(pk=number_of(token.code)) if token.system is None else Q(pk__in=[])
