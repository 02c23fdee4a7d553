"""What an outside directory says in FHIR, read into our columns, with nothing lost (Annuaire, ROR).

Reading is tolerant of shape (an object for a list of one, as in official examples) and strict on
what would harm: identifiers whose key is wrong, dates that no calendar has, a red list. It knows no
database: what points to other resources is said by the source's own numbers.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from carbet.core.fhir import Json
from carbet.registries.directory.fhir.keeping import keep
from carbet.registries.directory.fhir.reading import actors, places
from carbet.registries.directory.fhir.reading.links import logical, target_of
from carbet.registries.directory.fhir.reading.reader import Reader
from carbet.registries.directory.fhir.reading.red_list import address_fingerprint, without_red_list
from carbet.registries.directory.fhir.reading.row import as_row
from carbet.registries.directory.fhir.reading.said import (
    KINDS,
    LONGEST_ID,
    Context,
    Said,
    UnableToRead,
)
from carbet.registries.directory.fhir.reading.values import (
    codings,
    day,
    extensions,
    listed,
    moment,
    sub_value,
    text,
    value_of,
)
from carbet.registries.directory.fhir.writing import REFERENCES, elements

__all__ = [
    "KINDS",
    "Context",
    "Reader",
    "Said",
    "UnableToRead",
    "address_fingerprint",
    "codings",
    "day",
    "extensions",
    "listed",
    "moment",
    "read",
    "resources_of",
    "sub_value",
    "target_of",
    "text",
    "value_of",
]

_OF_THE_ANSWER = frozenset({"id", "text"})

_READERS: dict[str, Callable[[Reader], None]] = {
    "Organization": actors.organization,
    "Practitioner": actors.practitioner,
    "PractitionerRole": actors.role,
    "Location": places.location,
    "HealthcareService": places.healthcare_service,
    "Endpoint": places.endpoint,
}


def read(resource: Any, context: Context) -> Said:
    """Read one resource of an outside directory.

    Raises:
        UnableToRead: it is not one that we keep, or something in it would harm.
    """
    if not isinstance(resource, dict):
        raise UnableToRead("Une ressource est attendue, autre chose est venu.")
    kind, source_id = text(resource.get("resourceType")), text(resource.get("id"))
    hidden: list[Json] = []
    try:
        said = orjson.dumps(resource)
        # Most resources have no mailbox on any list: they need no copy.
        if b"listeRouge" in said:
            resource = without_red_list(resource, hidden, 0)
            said = orjson.dumps(resource)
        if b"\\u0000" in said:
            raise UnableToRead("La ressource contient un caractère nul.")
        if kind not in _READERS:
            raise UnableToRead(f"Type de ressource non repris : {kind[:40] or 'aucun'}.")
        if not source_id or len(source_id) > LONGEST_ID:
            raise UnableToRead("La ressource n’a pas d’identifiant technique (id).")
        if _is_cut(resource):
            raise UnableToRead("Copie partielle (SUBSETTED) : la ressource entière est attendue.")
        references = said.count(b'"reference":')
        return _read(resource, kind, source_id, context, hidden, references)
    except UnableToRead as error:
        error.kind, error.source_id = kind[:20], source_id[:LONGEST_ID]
        error.hidden = [each["fingerprint"] for each in hidden]
        raise


def _read(
    resource: Json,
    kind: str,
    source_id: str,
    context: Context,
    hidden: list[Json],
    references: int,
) -> Said:
    said = Said(kind=kind, source_id=source_id)
    meta = resource.get("meta") if isinstance(resource.get("meta"), dict) else {}
    if updated := text(meta.get("lastUpdated")):
        said.said_at = moment(updated, "meta.lastUpdated")
    # What is about the answer would make every answer differ.
    told = {name: value for name, value in resource.items() if name not in _OF_THE_ANSWER}
    told["meta"] = {n: each for n, each in meta.items() if n not in ("lastUpdated", "versionId")}
    said.digest = hashlib.blake2b(
        orjson.dumps([told, hidden], option=orjson.OPT_SORT_KEYS), digest_size=16
    ).hexdigest()
    _READERS[kind](Reader(resource, said, context))
    said.attached.setdefault("mailboxes", []).extend(hidden)
    links = frozenset(REFERENCES[kind])
    written = elements(kind, as_row(kind, said))
    # References elsewhere than in the links are few: only they ask for a copy.
    if references > sum(name in resource for name in links):
        resource = logical(resource, links, context, 0)
    said.kept = keep(resource, written, links)
    if kind == "HealthcareService" and not text(resource.get("name")):
        # An offer that came without a name is given back with the one we found for it.
        said.kept.pop("name", None)
    return said


def _is_cut(resource: Json) -> bool:
    """Tell whether a server left elements out (`_elements`, `_summary`): they would be erased."""
    meta = resource.get("meta")
    tags = listed(meta.get("tag")) if isinstance(meta, dict) else []
    return any(text(tag.get("code")) == "SUBSETTED" for tag in tags)


def resources_of(document: Any) -> Iterable[Any]:
    """Return the resources of a document: a bundle, a list, or one alone."""
    if isinstance(document, dict) and document.get("resourceType") == "Bundle":
        return [each.get("resource") for each in listed(document.get("entry"))]
    return document if isinstance(document, list) else [document]
