"""Mailboxes of the red list: taken out before anything is read, known by their fingerprints."""

import hashlib
from typing import Any

from carbet.core.fhir import Json
from carbet.registries.directory.fhir import vocabulary as v
from carbet.registries.directory.fhir.reading.said import UnableToRead
from carbet.registries.directory.fhir.reading.values import extensions, sub_value, text

_DEEPEST = 40


def without_red_list(value: Any, hidden: list[Json], depth: int) -> Any:
    """Return a copy without any mailbox of the red list; `hidden` gets their fingerprints."""
    if depth > _DEEPEST:
        raise UnableToRead("La ressource est trop profonde pour être lue.")
    if isinstance(value, dict):
        return {name: without_red_list(each, hidden, depth + 1) for name, each in value.items()}
    if not isinstance(value, list):
        return value
    found = []
    for each in value:
        if isinstance(each, dict) and _is_red(each):
            if address := text(each.get("value")):
                hidden.append({"fingerprint": address_fingerprint(address), "red_list": True})
            continue
        found.append(without_red_list(each, hidden, depth + 1))
    return found


def address_fingerprint(address: str) -> str:
    """Return the fingerprint by which a mailbox is known without its address."""
    return hashlib.sha256(address.strip().lower().encode()).hexdigest()


def _is_red(contact: Json) -> bool:
    return any(
        sub_value(metadata, "listeRouge") in (True, "true", "1", 1)
        for metadata in extensions(contact, v.MAILBOX)
    )
