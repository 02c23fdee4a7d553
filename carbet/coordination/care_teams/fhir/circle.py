"""The circle in FHIR: CareTeam and RelatedPerson of the guide Cercle de soins 2.0 (CdS)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, QuerySet
from django.db.models.functions import JSONObject

from carbet.coordination.care_teams.choices import (
    Capacity,
    CareTeamStatus,
    MomentPrecision,
    ParticipantRole,
)
from carbet.coordination.care_teams.models import CareTeam, CareTeamParticipant, RelatedPerson
from carbet.core import fhir
from carbet.core.compiled import Compiled
from carbet.core.fhir import Issue, Json, Reading
from carbet.registries.patients.choices import Gender

CDS = "https://interop.esante.gouv.fr/ig/fhir/cds/StructureDefinition/"
CARE_TEAM = CDS + "cds-ihe-careteam"
RELATED_PERSON = CDS + "cds-fr-related-person"

PARTICIPATION = fhir.nos("TRE_R259-HL7ParticipationFunction")
ROLE_CLASSES = fhir.nos("TRE_R260-HL7RoleClass")
CARE_ROLES = fhir.nos("TRE_R85-RolePriseCharge")
TIES = fhir.nos("TRE_R216-HL7RoleCode")
# HL7 RoleClass: who acts for somebody who may not alone.
GUARDIAN = "GUARD"

_ROLE_SYSTEMS = {
    ParticipantRole.ATTENDING: PARTICIPATION,
    ParticipantRole.COORDINATOR: CARE_ROLES,
    ParticipantRole.MEMBER: CARE_ROLES,
}
MEMBER_TYPES = ("PractitionerRole", "Organization", "RelatedPerson")


# --- Out ----------------------------------------------------------------------------------------


_STAY = (
    *("practitioner_role_id", "organization_id", "related_person_id", "role"),
    *("started_at", "started_precision", "ended_at", "ended_precision"),
)


def _columns() -> QuerySet[CareTeam, dict[str, Any]]:
    columns = """id patient_id status name identifier_system identifier_value started_at
        started_precision ended_at ended_precision managing_organization_id updated_at version"""
    stays = CareTeamParticipant.objects.filter(care_team_id=OuterRef("pk")).order_by(
        "started_at", "pk"
    )
    said = stays.values(each=JSONObject(**{name: F(name) for name in _STAY}))
    return CareTeam.objects.values(*columns.split(), stays=ArraySubquery(said))


_ROWS = Compiled(_columns)


def care_teams(rows: QuerySet[CareTeam]) -> list[Json]:
    """Return the CareTeam resources of these circles with every stay, in one query."""
    return [care_team(row, row["stays"]) for row in _ROWS.rows(rows)]


def care_team(row: dict[str, Any], stays: list[dict[str, Any]]) -> Json:
    """Return the CareTeam resource of one version of a circle and of its stays."""
    identified = (
        fhir.identifier(row["identifier_system"], row["identifier_value"])
        if row["identifier_value"]
        else fhir.identifier(f"{settings.PUBLIC_URL}/cercle-de-soins", str(row["id"]))
    )
    found: Json = {
        "resourceType": "CareTeam",
        "id": str(row["id"]),
        "meta": fhir.meta(CARE_TEAM, version=row["version"], updated_at=row["updated_at"]),
        "identifier": [identified],
        "status": row["status"],
        "name": row["name"],
        "subject": fhir.reference("Patient", row["patient_id"]),
        "period": _period(row),
    }
    if stays:
        found["participant"] = [_participant(stay) for stay in stays]
    if row["managing_organization_id"]:
        found["managingOrganization"] = [
            fhir.reference("Organization", row["managing_organization_id"])
        ]
    return found


def related_persons(rows: QuerySet[RelatedPerson]) -> list[Json]:
    """Return the RelatedPerson resources of these relatives, in one query."""
    return [_related_person(row) for row in _RELATIVES.rows(rows)]


_RELATIVE = """id patient_id family given role relationship capacity phone gender address_line
    postal_code city country identifier_system identifier_value identifier_use active updated_at
    version"""
_RELATIVES = Compiled(lambda: RelatedPerson.objects.values(*_RELATIVE.split()))


def _participant(stay: dict[str, Any]) -> Json:
    found: Json = {"role": [role(stay["role"])]} if stay["role"] else {}
    if stay["practitioner_role_id"]:
        found["member"] = fhir.reference("PractitionerRole", stay["practitioner_role_id"])
    elif stay["organization_id"]:
        found["member"] = fhir.reference("Organization", stay["organization_id"])
    else:
        found["member"] = fhir.reference("RelatedPerson", stay["related_person_id"])
    found["period"] = _period(stay)
    return found


def _period(row: dict[str, Any]) -> Json:
    period = {"start": fhir.said_start(_moment(row["started_at"]), row["started_precision"])}
    if row["ended_at"]:
        period["end"] = fhir.said_end(_moment(row["ended_at"]), row["ended_precision"])
    return period


def _moment(value: datetime | str) -> datetime:
    # A moment gathered by PostgreSQL in a JSON array comes as text.
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def role(code: str) -> Json:
    """Return a role in the circle as a concept."""
    return fhir.concept(_ROLE_SYSTEMS.get(code, ROLE_CLASSES), code)


def capacities() -> str:
    """Return the system of the titles under which a relative speaks for the person."""
    return f"{settings.PUBLIC_URL}/fhir/CodeSystem/titre-du-representant"


def capacity(code: str) -> Json:
    """Return the title under which a relative speaks for the person, as a concept."""
    said = [fhir.coding(capacities(), code, str(Capacity(code).label))]
    if code != Capacity.TRUSTED:
        said.insert(0, fhir.coding(ROLE_CLASSES, GUARDIAN))
    return {"coding": said}


def _related_person(row: dict[str, Any]) -> Json:
    identified = (
        fhir.identifier(
            row["identifier_system"], row["identifier_value"], use=row["identifier_use"]
        )
        if row["identifier_value"]
        else fhir.identifier(f"{settings.PUBLIC_URL}/proche", str(row["id"]))
    )
    relationship = [role(row["role"])]
    if row["relationship"]:
        relationship.append(fhir.concept(TIES, row["relationship"]))
    if row["capacity"]:
        relationship.append(capacity(row["capacity"]))
    name: Json = {"use": "official", "family": row["family"]}
    if row["given"]:
        name["given"] = [row["given"]]
    found: Json = {
        "resourceType": "RelatedPerson",
        "id": str(row["id"]),
        "meta": fhir.meta(RELATED_PERSON, version=row["version"], updated_at=row["updated_at"]),
        "identifier": [identified],
        "active": row["active"],
        "patient": fhir.reference("Patient", row["patient_id"]),
        "relationship": relationship,
        "name": [name],
        "telecom": [{"system": "phone", "value": row["phone"]}],
    }
    if row["gender"]:
        found["gender"] = row["gender"]
    address: Json = {}
    if row["address_line"]:
        address["line"] = [row["address_line"]]
    for element, column in (
        ("city", "city"),
        ("postalCode", "postal_code"),
        ("country", "country"),
    ):
        if row[column]:
            address[element] = row[column]
    if address:
        found["address"] = [address]
    return found


# --- In -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StayRead:
    """What one participant of a CareTeam says: the reference is resolved by the caller."""

    member: Json
    role: str
    started_at: datetime
    started_precision: str
    ended_at: datetime | None
    ended_precision: str
    at: str


@dataclass(frozen=True)
class CareTeamRead:
    """What a CareTeam resource says, and issues."""

    fields: dict[str, Any]
    subject: Json
    managing_organization: Json | None
    stays: list[StayRead]
    issues: list[Issue]


@dataclass(frozen=True)
class RelatedPersonRead:
    """What a RelatedPerson resource says, and issues."""

    fields: dict[str, Any]
    patient: Json
    issues: list[Issue]


def read_care_team(resource: Json, at: str, *, now: datetime) -> CareTeamRead:
    """Read a CareTeam by the rules of `cds-ihe-careteam`: a name, a period, dated participants."""
    reading = Reading(resource, at)
    reading.keep_only("identifier status name subject period participant managingOrganization")
    for name in ("identifier", "status", "name", "subject", "period"):
        if name not in resource:
            reading.error("required", f"Élément obligatoire absent : {name} (CdS).", name)
    fields: dict[str, Any] = {
        "name": reading.text(resource.get("name"), 200, "name"),
        "status": resource.get("status", CareTeamStatus.ACTIVE),
        **_read_period(reading, resource.get("period"), "period", now=now),
        **_read_identifier(reading),
    }
    stays = [
        _read_stay(reading, participant, f"participant[{number}]", now=now)
        for number, participant in enumerate(resource.get("participant", []))
    ]
    managing = resource.get("managingOrganization", [])
    for number in range(1, len(managing)):
        reading.not_kept(f"managingOrganization[{number}]")
    return CareTeamRead(
        fields,
        resource.get("subject", {}),
        managing[0] if managing else None,
        stays,
        reading.issues,
    )


def read_related_person(resource: Json, at: str) -> RelatedPersonRead:
    """Read a RelatedPerson by the rules of `cds-fr-related-person`."""
    reading = Reading(resource, at)
    reading.keep_only("identifier active patient relationship name telecom gender address")
    for name in ("identifier", "relationship", "name", "telecom"):
        if name not in resource:
            reading.error("required", f"Élément obligatoire absent : {name} (CdS).", name)
    if resource.get("active") is False:
        reading.error("not-supported", "Un proche inactif n’est pas reçu.", "active")
    fields: dict[str, Any] = {"gender": "", **_read_identifier(reading)}
    fields["identifier_use"] = next(iter(resource.get("identifier", [])), {}).get("use", "")
    fields |= _read_relationship(reading) | _read_name(reading)
    fields["phone"] = _read_phone(reading)
    if (gender := resource.get("gender")) in Gender.values:
        fields["gender"] = gender
    elif gender:
        reading.not_kept("gender")
    for number, address in enumerate(resource.get("address", [])):
        if number:
            reading.not_kept(f"address[{number}]")
            continue
        line = ", ".join(each for each in address.get("line", []) if each)
        where = "address[0]"
        fields["address_line"] = reading.text(line, 200, f"{where}.line")
        fields["city"] = reading.text(address.get("city"), 80, f"{where}.city")
        fields["postal_code"] = reading.text(address.get("postalCode"), 10, f"{where}.postalCode")
        fields["country"] = reading.text(address.get("country"), 3, f"{where}.country")
    return RelatedPersonRead(fields, resource["patient"], reading.issues)


def _read_stay(reading: Reading, participant: Json, where: str, *, now: datetime) -> StayRead:
    if "member" not in participant:
        reading.error("required", "Chaque participant a un membre (CdS).", f"{where}.member")
    if "onBehalfOf" in participant:
        reading.not_kept(f"{where}.onBehalfOf")
    said = participant.get("role", [])
    code = ""
    if said:
        system = next(
            (
                system
                for system in (PARTICIPATION, ROLE_CLASSES, CARE_ROLES)
                if fhir.code_of(said, system)
            ),
            "",
        )
        code = fhir.code_of(said, system) if system else ""
        # Only what we can say again in the same system is received.
        if not code or len(code) > 12 or _ROLE_SYSTEMS.get(code, ROLE_CLASSES) != system:
            reading.error(
                "code-invalid",
                "Rôle inconnu : PCP (TRE_R259), un code de TRE_R260, 330 ou 353 (TRE_R85).",
                f"{where}.role[0]",
            )
            code = ""
        for number in range(1, len(said)):
            reading.not_kept(f"{where}.role[{number}]")
    period = _read_period(reading, participant.get("period"), f"{where}.period", now=now)
    return StayRead(
        member=participant.get("member", {}), role=code, at=reading.place(where), **period
    )


def _read_period(
    reading: Reading, period: Json | None, where: str, *, now: datetime
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "started_at": now,
        "started_precision": MomentPrecision.INSTANT,
        "ended_at": None,
        "ended_precision": MomentPrecision.INSTANT,
    }
    if not period or "start" not in period:
        reading.error("required", "La date de début est obligatoire (CdS).", f"{where}.start")
        return found
    start = fhir.span(period["start"])
    found["started_at"], found["started_precision"] = start.start, start.precision
    if "end" in period:
        end = fhir.span(period["end"])
        found["ended_at"] = end.start if end.precision == fhir.INSTANT else end.end
        found["ended_precision"] = end.precision
        is_whole = end.precision != fhir.INSTANT
        if found["ended_at"] < start.start or (is_whole and found["ended_at"] == start.start):
            reading.error("invariant", "La fin précède le début.", f"{where}.end")
    return found


def _read_identifier(reading: Reading) -> dict[str, Any]:
    said = reading.resource.get("identifier", [])
    for number in range(1, len(said)):
        reading.not_kept(f"identifier[{number}]")
    if not said:
        return {}
    if not said[0].get("value"):
        reading.error("required", "Un identifiant a une valeur.", "identifier[0].value")
    return {
        "identifier_system": reading.text(said[0].get("system"), 200, "identifier[0].system"),
        "identifier_value": reading.text(said[0].get("value"), 100, "identifier[0].value"),
    }


def _read_relationship(reading: Reading) -> dict[str, Any]:
    said = reading.resource.get("relationship", [])
    found_role, tie = fhir.code_of(said, ROLE_CLASSES), fhir.code_of(said, TIES)
    title = fhir.code_of(said, capacities())
    if title not in ("", *Capacity.values):
        reading.not_kept("relationship")
        title = ""
    if said and not found_role:
        reading.error("required", "Un rôle (TRE_R260) est obligatoire (CdS).", "relationship")
    return {
        "role": reading.text(found_role, 12, "relationship"),
        "relationship": reading.text(tie, 12, "relationship"),
        "capacity": title,
    }


def _read_name(reading: Reading) -> dict[str, Any]:
    said = reading.resource.get("name", [])
    for number in range(1, len(said)):
        reading.not_kept(f"name[{number}]")
    name = said[0] if said else {}
    if said and not name.get("family"):
        reading.error("required", "Le nom de famille est obligatoire (CdS).", "name[0].family")
    given = " ".join(each for each in name.get("given", []) if each)
    return {
        "family": reading.text(name.get("family"), 100, "name[0].family"),
        "given": reading.text(given, 100, "name[0].given"),
    }


def _read_phone(reading: Reading) -> str:
    said = reading.resource.get("telecom", [])
    number = next(
        (n for n, each in enumerate(said) if each.get("system") == "phone" and each.get("value")),
        None,
    )
    for other in range(len(said)):
        if other != number:
            reading.not_kept(f"telecom[{other}]")
    if number is None:
        if said:
            reading.error("not-supported", "Un numéro de téléphone est attendu.", "telecom")
        return ""
    return reading.text(said[number]["value"], 30, f"telecom[{number}].value")
