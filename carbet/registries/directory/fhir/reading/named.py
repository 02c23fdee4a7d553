"""A structure that a link tells by its number alone, as the aggregators of the SAS do."""

from typing import Any

from carbet.core import identifiers
from carbet.core.fhir import Json
from carbet.registries.directory.choices import OrganizationKind
from carbet.registries.directory.fhir import vocabulary as v
from carbet.registries.directory.fhir.reading.values import listed, text

_LEAST_DIGITS = 10


def structure_columns(reference: Json, resource: Json) -> tuple[dict[str, Any], Json] | None:
    """Return the columns by which a structure is known or made, and its address if it is told.

    The address is the one of the place that the resource contains. None: no number tells it.
    """
    said = listed(reference.get("identifier"))
    value, system = (text(said[0].get(name)) for name in ("value", "system")) if said else ("", "")
    is_national = value.isascii() and value.isdigit() and len(value) >= _LEAST_DIGITS
    if not system and is_national and value[0] in "01234":
        system = v.IDNST
    if not system or not value or len(value) > 100 or len(system) > 200:
        return None
    fields: dict[str, Any] = {
        "kind": OrganizationKind.GEOGRAPHICAL.value,
        "name": text(reference.get("display"))[:200] or f"Structure n° {value}",
        "identifiers": [f"{system}|{value}"],
        "purpose": "office" if system == v.IDNST and value[0] in "04" else "other",
    }
    finess = value[1:] if system == v.IDNST and value[0] == "1" else value
    if identifiers.is_finess(finess) and system in (v.IDNST, v.FINESS):
        fields["finess"] = finess
    else:
        fields |= {"identifier_system": system, "identifier_value": value}
        if system == v.IDNST and value[0] == "3" and len(value) == 15:
            fields["siret"] = value[1:]
    for contained in listed(resource.get("contained")):
        if contained.get("resourceType") == "Location":
            held = listed(contained.get("address"))
            return fields, held[0] if held else {}
    return fields, {}
