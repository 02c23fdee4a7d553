"""What `Patient/$match` is asked: read whole, or refused with the exact place (FHIR R4)."""

from dataclasses import dataclass
from datetime import datetime

from carbet.core.fhir import Issue, Json, Refused
from carbet.interop.fhir_api.rules import structure
from carbet.registries.matching.rules import Traits
from carbet.registries.patients import fhir as patients_fhir

# A system that asks who somebody is gets an answer, never a list to browse.
MOST_MATCHES = 5
_PARAMETERS = {
    "resource": "resource",
    "onlyCertainMatches": "valueBoolean",
    "count": "valueInteger",
}


@dataclass(frozen=True)
class MatchAsked:
    """Who is looked for, and how the answer is bounded."""

    traits: Traits
    only_certain: bool = False
    count: int = MOST_MATCHES


def read_match(body: Json, *, now: datetime) -> MatchAsked:
    """Return what is asked by a Parameters resource, or by the bare Patient.

    Raises:
        Refused: 400 when it is no such request, 422 when too little is known of the person.
    """
    if body.get("resourceType") == "Patient":
        return MatchAsked(_traits(body, "Patient", now=now))
    if body.get("resourceType") != "Parameters":
        raise Refused(400, Issue("structure", "Ressource Parameters attendue.", "resourceType"))
    told = body.get("parameter")
    if not isinstance(told, list) or not 0 < len(told) <= 20:
        raise Refused(
            400, Issue("required", "Paramètre « resource » manquant.", "Parameters.parameter")
        )
    found: dict[str, tuple[object, str]] = {}
    issues: list[Issue] = []
    for number, each in enumerate(told):
        at = f"Parameters.parameter[{number}]"
        name = each.get("name") if isinstance(each, dict) else None
        if not isinstance(name, str) or name not in _PARAMETERS:
            issues.append(Issue("not-supported", "Paramètre non servi ici.", f"{at}.name"))
        elif name in found:
            issues.append(Issue("duplicate", "Paramètre dit deux fois.", f"{at}.name"))
        elif _PARAMETERS[name] not in each:
            issues.append(Issue("required", f"{_PARAMETERS[name]} attendu.", at))
        else:
            found[name] = (each[_PARAMETERS[name]], f"{at}.{_PARAMETERS[name]}")
    certain, at_certain = found.get("onlyCertainMatches", (False, ""))
    if not isinstance(certain, bool):
        issues.append(Issue("value", "Vrai ou faux attendu.", at_certain))
    count, at_count = found.get("count", (MOST_MATCHES, ""))
    if not isinstance(count, int) or isinstance(count, bool) or not 0 < count < 2**31:
        issues.append(Issue("value", "Nombre entier positif attendu.", at_count))
        count = MOST_MATCHES
    if "resource" not in found and not issues:
        issues.append(Issue("required", "Paramètre « resource » manquant.", "Parameters.parameter"))
    if issues:
        raise Refused(400, *issues)
    patient, at = found["resource"]
    return MatchAsked(
        _traits(patient, at, now=now), only_certain=bool(certain), count=min(count, MOST_MATCHES)
    )


def _traits(patient: object, at: str, *, now: datetime) -> Traits:
    if not isinstance(patient, dict):
        raise Refused(400, Issue("structure", "Une ressource est un objet JSON.", at))
    if issues := structure.check(patient, at, expected="Patient"):
        raise Refused(400, *issues)
    traits, issues = patients_fhir.read_described(patient, at, now=now)
    if issues:
        raise Refused(422, *issues)
    return traits
