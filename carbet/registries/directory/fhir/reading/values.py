"""Safe access to what an outside resource holds, whatever its shape."""

from datetime import date, datetime
from typing import Any

from carbet.core import fhir
from carbet.core.fhir import Json
from carbet.registries.directory.fhir import vocabulary as v
from carbet.registries.directory.fhir.reading.said import UnableToRead


def text(value: Any) -> str:
    """Return a text without its margins, or nothing when it is not one."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value).strip()


def listed(value: Any) -> list[Json]:
    """Return the objects of a list; an object alone is a list of one."""
    if isinstance(value, dict):
        return [value]
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def codings(element: Any) -> list[tuple[str, str, str]]:
    """Return (number of the nomenclature or address, code, label) of concepts and codings."""
    found = []
    for concept in listed(element):
        for each in listed(concept.get("coding")) or ([concept] if "code" in concept else []):
            system, code = text(each.get("system")), text(each.get("code"))
            if code:
                found.append((v.number_of(system) or system, code, text(each.get("display"))))
    return found


def extensions(element: Json, *urls: str) -> list[Json]:
    """Return the extensions of an element that bear one of these addresses."""
    return [each for each in listed(element.get("extension")) if each.get("url") in urls]


def sub_value(extension: Json, name: str) -> Any:
    """Return the value[x] of a sub-extension, whatever its type, or None."""
    for each in extensions(extension, name):
        return value_of(each)
    return None


def value_of(extension: Json) -> Any:
    """Return the value[x] of an extension, or None."""
    for name, value in extension.items():
        if name.startswith("value"):
            return value
    return None


def values_of(extension: Json) -> list[tuple[str, str, str]]:
    """Return (nomenclature, code, label) of the codes that an extension bears as its value."""
    return codings(value_of(extension))


def moment(said: str, where: str) -> datetime:
    """Read an instant or a date.

    Raises:
        UnableToRead: no calendar has it.
    """
    try:
        return fhir.span(said).start
    except ValueError as error:
        raise UnableToRead(f"Date illisible : {where}.") from error


def day(said: Any, where: str) -> date | None:
    """Read the day of a date, when there is one."""
    told = text(said)
    if not told:
        return None
    moment(told, where)
    parts = [*told[:10].split("-"), "01", "01"][:3]
    return date(*map(int, parts))
