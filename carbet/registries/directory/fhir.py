"""The directory in FHIR: professionals, their roles and organizations (Annuaire Santé, FR Core)."""

from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, Q, QuerySet
from django.db.models.functions import JSONObject

from carbet.core import fhir, identifiers
from carbet.core.compiled import Compiled
from carbet.core.fhir import Issue, Json, Reading
from carbet.registries.directory.choices import Category, OrganizationKind
from carbet.registries.directory.models import Organization, Practitioner, PractitionerRole

AS = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/"
PRACTITIONER = AS + "as-practitioner"
PRACTITIONER_ROLE = AS + "as-practitionerrole"
ORGANIZATION = AS + "as-organization"

RPPS = "https://rpps.esante.gouv.fr"
IDNPS = "urn:oid:1.2.250.1.71.4.2.1"
IDNST = "urn:oid:1.2.250.1.71.4.2.2"
FINESS = "https://finess.esante.gouv.fr"
SIRENE = "https://sirene.fr"

HEALTH_PROFESSIONS = fhir.nos("TRE_G15-ProfessionSante")
SOCIAL_PROFESSIONS = fhir.nos("TRE_R94-ProfessionSocial")
CARE_ROLES = fhir.nos("TRE_R85-RolePriseCharge")
PRACTICE_MODES = fhir.nos("TRE_R23-ModeExercice")
SPECIALTIES = fhir.nos("TRE_R38-SpecialiteOrdinale")
ORGANIZATION_TYPES = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-3307"
ORGANIZATION_TYPE_SLICE = AS + "as-ext-organization-types"

_PROFESSIONS = {
    Category.MEDICAL: HEALTH_PROFESSIONS,
    Category.PARAMEDICAL: HEALTH_PROFESSIONS,
    Category.SOCIAL: SOCIAL_PROFESSIONS,
    Category.COORDINATION: CARE_ROLES,
    Category.ADMINISTRATIVE: CARE_ROLES,
}
_FINESS_TYPES = {OrganizationKind.LEGAL: "FINEJ", OrganizationKind.GEOGRAPHICAL: "FINEG"}


# --- Out ----------------------------------------------------------------------------------------


_PRACTITIONER = """id rpps identifier_system identifier_value civility family given active
    updated_at"""
_ROLE = """id practitioner_id organization_id profession profession_label category specialty mode
    secure_email phone started_on ended_at identifier_system identifier_value updated_at"""
_ORGANIZATION = """id kind part_of_id name finess identifier_system identifier_value address_line
    postal_code commune_id commune__name phone secure_email active updated_at"""


def _practitioner_columns() -> QuerySet[Practitioner, dict[str, Any]]:
    each = JSONObject(code=F("profession"), label=F("profession_label"), category=F("category"))
    held = PractitionerRole.objects.filter(practitioner_id=OuterRef("pk"))
    return Practitioner.objects.values(
        *_PRACTITIONER.split(), professions=ArraySubquery(held.values(each=each).distinct())
    )


_PRACTITIONERS = Compiled(_practitioner_columns)
_ROLES = Compiled(lambda: PractitionerRole.objects.values(*_ROLE.split()))
_ORGANIZATIONS = Compiled(lambda: Organization.objects.values(*_ORGANIZATION.split()))


def practitioners(rows: QuerySet[Practitioner]) -> list[Json]:
    """Return the Practitioner resources of these professionals, in one query."""
    return [_practitioner(row) for row in _PRACTITIONERS.rows(rows)]


def roles(rows: QuerySet[PractitionerRole]) -> list[Json]:
    """Return the PractitionerRole resources of these roles, in one query."""
    return [_role(row) for row in _ROLES.rows(rows)]


def organizations(rows: QuerySet[Organization]) -> list[Json]:
    """Return the Organization resources of these organizations, in one query."""
    return [_organization(row) for row in _ORGANIZATIONS.rows(rows)]


def _meta(row: dict[str, Any], profile: str) -> Json:
    moment = row["updated_at"]
    return fhir.meta(profile, version=int(moment.timestamp() * 1000), updated_at=moment)


def profession(category: str, code: str, label: str) -> Json:
    """Return a profession as a concept: coded when its code is of a national nomenclature."""
    if code.isdigit() and category in _PROFESSIONS:
        return {"coding": [fhir.coding(_PROFESSIONS[Category(category)], code)], "text": label}
    return {"text": label}


def _other_identifier(row: dict[str, Any]) -> list[Json]:
    if not row["identifier_value"]:
        return []
    return [fhir.identifier(row["identifier_system"], row["identifier_value"])]


def _practitioner(row: dict[str, Any]) -> Json:
    held: list[Json] = []
    if row["rpps"]:
        held = [
            fhir.identifier(IDNPS, "8" + row["rpps"], use="official", type_code="IDNPS"),
            fhir.identifier(RPPS, row["rpps"], use="official", type_code="RPPS"),
        ]
    held += _other_identifier(row)
    name: Json = {"use": "usual", "family": row["family"], "given": [row["given"]]}
    if row["civility"]:
        name["prefix"] = [row["civility"]]
    found: Json = {
        "resourceType": "Practitioner",
        "id": str(row["id"]),
        "meta": _meta(row, PRACTITIONER),
        "active": row["active"],
        "name": [name],
    }
    if held:
        found["identifier"] = held
    if row["professions"]:
        found["qualification"] = [
            {"code": profession(each["category"], each["code"], each["label"])}
            for each in sorted(row["professions"], key=lambda each: str(each["code"]))
        ]
    return found


def _role(row: dict[str, Any]) -> Json:
    found: Json = {
        "resourceType": "PractitionerRole",
        "id": str(row["id"]),
        "meta": _meta(row, PRACTITIONER_ROLE),
        "active": row["ended_at"] is None,
        "practitioner": fhir.reference("Practitioner", row["practitioner_id"]),
        "organization": fhir.reference("Organization", row["organization_id"]),
        "code": [
            profession(row["category"], row["profession"], row["profession_label"]),
            fhir.concept(PRACTICE_MODES, row["mode"]),
        ],
    }
    if held := _other_identifier(row):
        found["identifier"] = held
    period: Json = {}
    if row["started_on"]:
        period["start"] = row["started_on"].isoformat()
    if row["ended_at"]:
        period["end"] = fhir.instant(row["ended_at"])
    if period:
        found["period"] = period
    if row["specialty"]:
        found["specialty"] = [fhir.concept(SPECIALTIES, row["specialty"])]
    telecom: list[Json] = []
    if row["phone"]:
        telecom.append({"system": "phone", "value": row["phone"]})
    if row["secure_email"]:
        telecom.append(fhir.secure_mailbox(row["secure_email"]))
    if telecom:
        found["telecom"] = telecom
    return found


def _organization(row: dict[str, Any]) -> Json:
    kind, finess = row["kind"], row["finess"]
    held: list[Json] = []
    if finess:
        held.append(fhir.identifier(IDNST, "1" + finess, use="official", type_code="IDNST"))
        held.append(
            fhir.identifier(
                FINESS, finess, use="official", type_code=_FINESS_TYPES[OrganizationKind(kind)]
            )
        )
    held += _other_identifier(row)
    found: Json = {
        "resourceType": "Organization",
        "id": str(row["id"]),
        "meta": _meta(row, ORGANIZATION),
        "active": row["active"],
        "type": [
            {
                "extension": [
                    fhir.extension(ORGANIZATION_TYPE_SLICE, valueCode="organizationType")
                ],
                "coding": [fhir.coding(ORGANIZATION_TYPES, kind)],
            }
        ],
        "name": row["name"],
    }
    if held:
        found["identifier"] = held
    telecom: list[Json] = []
    if row["phone"]:
        telecom.append({"system": "phone", "value": row["phone"]})
    if row["secure_email"]:
        telecom.append(fhir.secure_mailbox(row["secure_email"]))
    if telecom:
        found["telecom"] = telecom
    address: Json = {}
    if row["commune_id"]:
        address["extension"] = [fhir.insee_extension(row["commune_id"])]
        address["city"] = row["commune__name"]
    if row["address_line"]:
        address["line"] = [row["address_line"]]
    if row["postal_code"]:
        address["postalCode"] = row["postal_code"]
    if address:
        found["address"] = [address]
    if row["part_of_id"]:
        found["partOf"] = fhir.reference("Organization", row["part_of_id"])
    return found


# --- In -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OrganizationRead:
    """What an Organization resource says, and issues."""

    fields: dict[str, Any]
    issues: list[Issue]


def rpps_of(system: str, value: str) -> str:
    """Return the RPPS that an identifier carries, or nothing.

    The IDNPS is "8" and the RPPS; some published examples put it under the RPPS system: it is read.
    """
    if system not in (RPPS, IDNPS):
        return ""
    if len(value) == 12 and value[0] == "8":
        value = value[1:]
    return value if identifiers.is_rpps(value) else ""


def finess_of(system: str, value: str) -> str:
    """Return the FINESS number that an identifier carries, as such or as IDNST "1" + FINESS."""
    if system == IDNST and value[:1] == "1":
        return value[1:]
    return value if system == FINESS else ""


def match_organizations(held: list[Json]) -> Q:
    """Return the condition that an organization bears one of these identifiers."""
    found = Q(pk__in=[])
    for each in held:
        system, value = each.get("system", ""), each.get("value", "")
        if finess := finess_of(system, value):
            condition = Q(finess=finess)
            if kind := _kind(each):
                condition &= Q(kind=kind)
            found |= condition
        elif system and value:
            found |= Q(identifier_system=system, identifier_value=value)
    return found


def match_practitioners(held: list[Json]) -> Q:
    """Return the condition that a professional bears one of these identifiers."""
    found = Q(pk__in=[])
    for each in held:
        system, value = each.get("system", ""), each.get("value", "")
        if rpps := rpps_of(system, value):
            found |= Q(rpps=rpps)
        elif system and value:
            found |= Q(identifier_system=system, identifier_value=value)
    return found


def read_organization(resource: Json, at: str) -> OrganizationRead:
    """Read an Organization that the directory does not know yet."""
    reading = Reading(resource, at)
    reading.keep_only("identifier active type name telecom address")
    fields: dict[str, Any] = {
        "name": reading.text(resource.get("name"), 200, "name"),
        "kind": OrganizationKind.GEOGRAPHICAL,
        "finess": "",
        "identifier_system": "",
        "identifier_value": "",
    }
    if not fields["name"]:
        reading.error("required", "Une structure a un nom.", "name")
    code = fhir.code_of(resource.get("type", []), ORGANIZATION_TYPES)
    if code in OrganizationKind.values:
        fields["kind"] = code
    for number, each in enumerate(resource.get("identifier", [])):
        where = f"identifier[{number}]"
        system, value = each.get("system", ""), each.get("value", "")
        if not system or not value:
            reading.error("required", "Un identifiant a un système et une valeur.", where)
        elif finess := finess_of(system, value):
            if not identifiers.is_finess(finess):
                reading.error("value", "Numéro FINESS incorrect (clé).", f"{where}.value")
            fields["finess"] = finess[:9]
            fields["kind"] = _kind(each) or fields["kind"]
        elif not fields["identifier_value"]:
            fields["identifier_system"] = reading.text(system, 200, f"{where}.system")
            fields["identifier_value"] = reading.text(value, 100, f"{where}.value")
        else:
            reading.not_kept(where)
    if not fields["finess"] and not fields["identifier_value"]:
        reading.error("required", "Une structure a un identifiant.", "identifier")
    for number, each in enumerate(resource.get("telecom", [])):
        if each.get("system") == "phone" and "phone" not in fields:
            fields["phone"] = reading.text(each.get("value"), 20, f"telecom[{number}].value")
        else:
            reading.not_kept(f"telecom[{number}]")
    for number, address in enumerate(resource.get("address", [])):
        if number:
            reading.not_kept(f"address[{number}]")
            continue
        line = ", ".join(each for each in address.get("line", []) if each)
        fields["address_line"] = reading.text(line, 200, "address[0].line")
        fields["postal_code"] = reading.text(address.get("postalCode"), 5, "address[0].postalCode")
    return OrganizationRead(fields, reading.issues)


def _kind(held: Json) -> str:
    for each in fhir.codings(held.get("type")):
        if each.get("code") == "FINEJ":
            return OrganizationKind.LEGAL
        if each.get("code") == "FINEG":
            return OrganizationKind.GEOGRAPHICAL
    return ""
