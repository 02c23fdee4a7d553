"""Read a transaction: its entries, what each asks, and what their references point to."""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from carbet.core.fhir import Issue, Json, Refused, refuse
from carbet.interop.fhir_api.choices import LARGEST_BUNDLE
from carbet.interop.fhir_api.rules import structure
from carbet.interop.fhir_api.rules.registry import RESOURCES
from carbet.interop.fhir_api.rules.search import is_ours, number_of

# Members before the person, the person before her circle, what is written in her record last.
ORDER = (
    *("Organization", "Practitioner", "PractitionerRole", "Patient", "RelatedPerson", "CareTeam"),
    *("DocumentReference", "Observation"),
)
# What is written in the notebook: a transaction may hold nothing else (CdL, MES).
ENTRIES = frozenset({"DocumentReference", "Observation"})
# After the number of a version, what merges say of a person (`Patient.link`).
_MATCH = re.compile(r'(?:W/)?"([0-9]{1,9})(?:-[0-9msy-]{1,60})?"')


@dataclass(eq=False)
class Entry:
    """One resource that a system sends, and what became of it.

    `at` is its FHIRPath; `number` the id that a PUT names; `if_match` the version it had read.
    """

    resource: Json
    at: str
    method: str = "POST"
    full_url: str = ""
    number: int | None = None
    if_match: int | None = None
    row: Any = None
    created: bool = False
    warnings: tuple[Issue, ...] = ()

    @property
    def type(self) -> str:
        return str(self.resource["resourceType"])

    @property
    def identifiers(self) -> list[Json]:
        return [each for each in self.resource.get("identifier", []) if each]


@dataclass(frozen=True)
class Pointed:
    """What a reference points to: an entry, one of our rows, or whoever bears an identifier."""

    type: str
    entry: Entry | None = None
    number: int | None = None
    identifier: Json | None = None


def read_single(resource: Json, resource_type: str) -> Entry:
    """Return the entry of a resource sent alone.

    Raises:
        Refused: 400, the resource is not of this type or of the right shape.
    """
    if issues := structure.check(resource, resource_type, expected=resource_type):
        raise Refused(400, *issues)
    return Entry(resource=resource, at=resource_type)


def read_bundle(bundle: Json) -> list[Entry]:
    """Return the entries of a transaction of CdS, CdL or MES, in its order.

    Raises:
        Refused: 400 when the shape is wrong, 422 when the profile is not respected.
    """
    if issues := structure.check(bundle, "Bundle", expected="Bundle"):
        raise Refused(400, *issues)
    if bundle["type"] != "transaction":
        raise refuse(400, "not-supported", "Seul type = transaction est reçu.", "Bundle.type")
    said = bundle.get("entry", [])
    if len(said) > LARGEST_BUNDLE:
        raise refuse(422, "too-costly", f"Plus de {LARGEST_BUNDLE} entrées.", "Bundle.entry")
    issues = []
    entries = []
    for number, each in enumerate(said):
        entry, found = _read_entry(each, f"Bundle.entry[{number}]")
        issues += found
        if entry is not None:
            entries.append(entry)
    issues += _check_profile(entries)
    if issues:
        raise Refused(422, *issues)
    return entries


def digest_of(bundle: Json) -> str:
    """Return the digest of what a transaction says, whatever the order of its keys."""
    return hashlib.sha256(orjson.dumps(bundle, option=orjson.OPT_SORT_KEYS)).hexdigest()


def match_version(text: str) -> int | None:
    """Return the version that an If-Match names, or None when it names none."""
    found = _MATCH.fullmatch(text.strip())
    return int(found[1]) if found else None


def _read_entry(said: Json, at: str) -> tuple[Entry | None, list[Issue]]:
    resource, request = said.get("resource"), said.get("request")
    issues: list[Issue] = []
    if resource is None:
        issues.append(Issue("required", "Une entrée porte une ressource.", f"{at}.resource"))
    if request is None:
        issues.append(Issue("required", "Une entrée porte une requête.", f"{at}.request"))
    if resource is None or request is None:
        return None, issues
    kind, method, url = resource["resourceType"], request["method"], request["url"]
    entry = Entry(
        resource=resource,
        at=f"{at}.resource",
        method=method,
        full_url=said.get("fullUrl", ""),
    )
    if kind not in ORDER:
        where = f"{at}.resource"
        issues.append(Issue("not-supported", f"Type de ressource non reçu : {kind}.", where))
        return None, issues
    if method == "POST":
        # The published transaction of CdL names the resource's own id as well.
        if url.strip("/") not in (kind, f"{kind}/{resource.get('id', '')}"):
            issues.append(
                Issue("value", f"url = « {kind} » attendu pour POST.", f"{at}.request.url")
            )
    elif method == "PUT":
        target, _, identity = url.strip("/").partition("/")
        entry.number = number_of(identity)
        if target != kind or entry.number is None:
            issues.append(
                Issue(
                    "value",
                    "PUT modifie une ressource d’ici, « Type/numéro ». Pour une nouvelle : POST.",
                    f"{at}.request.url",
                )
            )
    else:
        issues.append(Issue("not-supported", "POST ou PUT seulement.", f"{at}.request.method"))
    if "ifMatch" in request:
        entry.if_match = match_version(request["ifMatch"])
        if entry.if_match is None:
            issues.append(Issue("value", 'W/"version" attendu.', f"{at}.request.ifMatch"))
    if "ifNoneExist" in request and not _is_own_identifier(entry, request["ifNoneExist"]):
        # We look for each resource by its identifiers already; nothing else may be looked for.
        issues.append(
            Issue(
                "not-supported",
                "Condition servie : identifier=système|valeur de la ressource elle-même.",
                f"{at}.request.ifNoneExist",
            )
        )
    return entry, issues


def _is_own_identifier(entry: Entry, condition: str) -> bool:
    own = {f"{each.get('system', '')}|{each.get('value', '')}" for each in entry.identifiers}
    said = parse_qsl(condition.lstrip("?"), keep_blank_values=True)
    return bool(said) and all(name == "identifier" and value in own for name, value in said)


def _check_profile(entries: list[Entry]) -> list[Issue]:
    """Check `cds-bundle-transaction-creation` and `-maj`: one CareTeam, one Patient, others.

    Without a circle, a transaction of notes or measures speaks of one Patient, or of one of ours.
    """
    issues = []
    counts = Counter(entry.type for entry in entries)
    is_notebook = not counts["CareTeam"] and any(counts[kind] for kind in ENTRIES)
    if is_notebook and counts["Patient"] > 1:
        issues.append(Issue("structure", "Un seul Patient par transaction (CdL).", "Bundle.entry"))
    for kind in ("CareTeam", "Patient"):
        if counts[kind] != 1 and not is_notebook:
            issues.append(
                Issue("required", f"Un {kind}, et un seul, par transaction (CdS).", "Bundle.entry")
            )
    addresses = Counter(entry.full_url for entry in entries if entry.full_url)
    issues += [
        Issue("duplicate", "Deux entrées ont la même adresse fullUrl.", "Bundle.entry.fullUrl")
        for address, times in addresses.items()
        if times > 1
    ]
    return issues


def resolve(reference: Json, entries: list[Entry], *, base: str, types: tuple[str, ...]) -> Pointed:
    """Return what a reference points to. No address is ever fetched.

    Tried in order: the fullUrl of an entry (`urn:uuid:…` or absolute), the type and id of an entry,
    a row of ours by `Type/number` or by our own address, the identifier that the reference bears.

    Raises:
        ValueError: it points to nothing that we can know, or to another type; a French sentence.
    """
    text = reference.get("reference", "")
    if text:
        found = _in_entries(text, entries)
        if found is None:
            found = _in_house(text, base)
        if found is not None:
            if found.type not in types:
                raise ValueError(
                    f"Référence à {found.type or 'un type inconnu'} : {', '.join(types)} attendu."
                )
            return found
    if identifier := reference.get("identifier"):
        kind = reference.get("type") or (types[0] if len(types) == 1 else "")
        if kind not in types:
            raise ValueError("Une référence par identifiant dit son type.")
        return Pointed(kind, identifier=identifier)
    raise ValueError(
        "Référence inconnue : elle ne mène à aucune entrée ni à aucune ressource d’ici."
    )


def _in_entries(text: str, entries: list[Entry]) -> Pointed | None:
    for entry in entries:
        if entry.full_url and entry.full_url == text:
            return Pointed(entry.type, entry=entry)
    if text.startswith("urn:"):
        return None
    # Published examples mix absolute addresses and relative ones: the end of the path is the same.
    tail = "/".join(urlsplit(text).path.strip("/").split("/")[-2:])
    found = [
        entry
        for entry in entries
        if tail == f"{entry.type}/{entry.resource.get('id', '')}"
        or (entry.full_url and _tail(entry.full_url) == tail)
    ]
    return Pointed(found[0].type, entry=found[0]) if len(found) == 1 else None


def _tail(address: str) -> str:
    parts = urlsplit(address).path.strip("/").split("/")[-2:]
    return "/".join(parts) if len(parts) == 2 else ""


def _in_house(text: str, base: str) -> Pointed | None:
    if "://" in text:
        if not is_ours(text, base):
            return None
        text = urlsplit(text).path[len(urlsplit(base).path) :].strip("/")
    kind, _, identity = text.partition("/")
    number = number_of(identity.partition("/_history/")[0])
    return Pointed(kind, number=number) if kind in RESOURCES and number else None
