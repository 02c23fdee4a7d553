"""What another system says of a structure or a professional: matched, or declared."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from carbet.core import fhir, identifiers
from carbet.core.fhir import Issue, Json, Reading
from carbet.registries.directory.choices import OrganizationKind
from carbet.registries.directory.fhir.vocabulary import (
    FINESS,
    IDNPS,
    IDNST,
    ORGANIZATION_TYPES,
    RPPS,
)


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
        elif system == IDNPS and len(value) == 12 and value[0] == "8":
            # One whose key is wrong is kept apart, as invented examples have it.
            found |= Q(identifier_system=RPPS, identifier_value=value[1:])
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
