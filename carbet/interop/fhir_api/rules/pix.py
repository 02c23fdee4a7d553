"""What `Patient/$ihe-pix` is asked: one identifier, and which domains to answer (IHE ITI-83)."""

from collections.abc import Iterable
from dataclasses import dataclass

from carbet.core.fhir import Issue, Json, Refused, refuse

_LONGEST = 300
_MOST_TARGETS = 20
# How to answer, wherever it is said: IHE's own examples say it in the body.
_RESULT = ("_format", "_pretty")
# As a token in an address; in a body also as the types that callers use.
_KINDS = {
    "sourceIdentifier": ("valueString", "valueIdentifier"),
    "targetSystem": ("valueUri", "valueString"),
}


@dataclass(frozen=True)
class PixAsked:
    """The identifier said, and the systems wanted: all when none is said."""

    system: str
    value: str
    targets: list[str]


def read_query(said: Iterable[tuple[str, str]]) -> PixAsked:
    """Return what an address asks.

    Raises:
        Refused: 400, with one issue for each parameter that is wrong.
    """
    told = [(name, value, name) for name, value in said if name not in _RESULT]
    return _asked(told)


def read_parameters(body: Json) -> PixAsked:
    """Return what a Parameters resource asks.

    Raises:
        Refused: 400, with the exact places.
    """
    if body.get("resourceType") != "Parameters":
        raise refuse(400, "structure", "Ressource Parameters attendue.", "resourceType")
    parameters = body.get("parameter")
    if not isinstance(parameters, list) or not 0 < len(parameters) <= _MOST_TARGETS + 3:
        raise refuse(
            400, "required", "Paramètre « sourceIdentifier » manquant.", "Parameters.parameter"
        )
    told: list[tuple[str, str, str]] = []
    for number, each in enumerate(parameters):
        at = f"Parameters.parameter[{number}]"
        name = each.get("name") if isinstance(each, dict) else None
        if name in _RESULT:
            continue
        if not isinstance(name, str) or name not in _KINDS:
            raise refuse(400, "not-supported", "Paramètre non servi ici.", f"{at}.name")
        kind = next((kind for kind in _KINDS[name] if kind in each), None)
        if kind is None:
            raise refuse(400, "required", f"{_KINDS[name][0]} attendu.", at)
        value = each[kind]
        if kind == "valueIdentifier" and isinstance(value, dict):
            value = f"{value.get('system', '')}|{value.get('value', '')}"
        if not isinstance(value, str):
            raise refuse(400, "value", "Texte attendu.", f"{at}.{kind}")
        told.append((name, value, f"{at}.{kind}"))
    return _asked(told)


def _asked(told: list[tuple[str, str, str]]) -> PixAsked:
    issues: list[Issue] = []
    sources: list[str] = []
    targets: list[str] = []
    for name, value, at in told:
        if name not in _KINDS:
            shown = "".join(sign for sign in name[:40] if sign.isalnum() or sign in "._:-$")
            issues.append(Issue("not-supported", "Paramètre non servi ici.", shown))
        elif not value or len(value) > _LONGEST or not value.isprintable():
            issues.append(Issue("value", "Valeur vide, trop longue ou illisible.", at))
        elif name == "sourceIdentifier":
            sources.append(value)
        else:
            targets.append(value)
    if not issues and len(sources) != 1:
        told_once = "Dites « sourceIdentifier » une fois, « système|valeur »."
        issues.append(Issue("required", told_once, "sourceIdentifier"))
    if not issues and len(targets) > _MOST_TARGETS:
        issues.append(Issue("too-costly", "Trop de domaines demandés.", "targetSystem"))
    if issues:
        raise Refused(400, *issues[:20])
    system, bar, value = sources[0].partition("|")
    if not (bar and system):
        said = "sourceIdentifier Assigning Authority not found"
        raise refuse(400, "code-invalid", said, "sourceIdentifier")
    if not value:
        raise refuse(400, "required", "Dites la valeur, « système|valeur ».", "sourceIdentifier")
    return PixAsked(system, value, targets)
