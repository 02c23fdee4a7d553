"""What an outside directory says in FHIR, read into our columns, with nothing lost (Annuaire, ROR).

Reading is tolerant of shape (an object for a list of one, as in official examples) and strict on
what would harm: identifiers whose key is wrong, dates that no calendar has, a red list. It knows no
database: what points to other resources is said by the source's own numbers.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import orjson

from carbet.core import fhir, identifiers, names
from carbet.core.fhir import Json
from carbet.registries.directory.choices import MailboxKind, OrganizationKind
from carbet.registries.directory.fhir import vocabulary as v
from carbet.registries.directory.fhir.keeping import fingerprint, keep
from carbet.registries.directory.fhir.writing import REFERENCES, elements
from carbet.registries.directory.rules.nomenclature import (
    ESTABLISHMENT_PURPOSES,
    PROFESSIONS,
    SECTOR_PURPOSES,
    SPECIALTIES,
)

KINDS = (
    "Organization",
    "Practitioner",
    "Location",
    "HealthcareService",
    "PractitionerRole",
    "Endpoint",
)
_DEEPEST = 40
_LONGEST_ID = 64
_OF_THE_ANSWER = frozenset({"id", "text"})


@dataclass(frozen=True)
class Context:
    """What reading must know: the communes of the territory, the moment, how strict to be."""

    now: datetime
    # The postal codes of each INSEE code of the territory.
    communes: dict[str, list[str]]
    # Official examples bear invented numbers, whose key is wrong.
    invented_numbers: bool = False
    source_system: str = ""


@dataclass
class Said:
    """A resource as read: our columns, its links, what is kept beside, what hangs on it.

    `attached`: rows of other tables, under "mailboxes", "hours", "closures", "capacities", "terms".
    """

    kind: str
    source_id: str
    label: str = ""
    said_at: datetime | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    references: dict[str, Json] = field(default_factory=dict)
    kept: Json = field(default_factory=dict)
    attached: dict[str, list[Json]] = field(default_factory=dict)
    digest: str = ""


class UnableToRead(Exception):
    """A resource cannot be kept; the sentence says why, in French, without any address."""

    def __init__(self, reason: str, *, kind: str = "", source_id: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind
        self.source_id = source_id
        # Fingerprints of its mailboxes on the red list: hidden even so.
        self.hidden: list[str] = []


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
            resource = _without_red_list(resource, hidden, 0)
            said = orjson.dumps(resource)
        if b"\\u0000" in said:
            raise UnableToRead("La ressource contient un caractère nul.")
        if kind not in _READERS:
            raise UnableToRead(f"Type de ressource non repris : {kind[:40] or 'aucun'}.")
        if not source_id or len(source_id) > _LONGEST_ID:
            raise UnableToRead("La ressource n’a pas d’identifiant technique (id).")
        references = said.count(b'"reference":')
        return _read(resource, kind, source_id, context, hidden, references)
    except UnableToRead as error:
        error.kind, error.source_id = kind[:20], source_id[:_LONGEST_ID]
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
    written = elements(kind, _as_row(kind, said))
    # References elsewhere than in the links are few: only they ask for a copy.
    if references > sum(name in resource for name in links):
        resource = _logical(resource, links, context, 0)
    said.kept = keep(resource, written, links)
    # A link to a second place would be lost by our one column: it is kept as it came.
    return said


# --- Safe access --------------------------------------------------------------------------------


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


def _without_red_list(value: Any, hidden: list[Json], depth: int) -> Any:
    """Return a copy without any mailbox of the red list; `hidden` gets their fingerprints."""
    if depth > _DEEPEST:
        raise UnableToRead("La ressource est trop profonde pour être lue.")
    if isinstance(value, dict):
        return {name: _without_red_list(each, hidden, depth + 1) for name, each in value.items()}
    if not isinstance(value, list):
        return value
    found = []
    for each in value:
        if isinstance(each, dict) and _is_red(each):
            if address := text(each.get("value")):
                hidden.append({"fingerprint": address_fingerprint(address), "red_list": True})
            continue
        found.append(_without_red_list(each, hidden, depth + 1))
    return found


def _is_red(contact: Json) -> bool:
    return any(
        sub_value(metadata, "listeRouge") in (True, "true", "1", 1)
        for metadata in extensions(contact, v.MAILBOX)
    )


def address_fingerprint(address: str) -> str:
    """Return the fingerprint by which a mailbox is known without its address."""
    return hashlib.sha256(address.strip().lower().encode()).hexdigest()


def _logical(value: Any, links: frozenset[str], context: Context, depth: int) -> Any:
    """Return a copy whose references to the source's numbers are logical: ours are others."""
    if isinstance(value, list):
        return [_logical(each, frozenset(), context, depth + 1) for each in value]
    if not isinstance(value, dict):
        return value
    found = {
        name: each
        if depth == 0 and name in links
        else _logical(each, frozenset(), context, depth + 1)
        for name, each in value.items()
    }
    pointed = target_of(found)
    if pointed and depth:
        found.pop("reference")
        kind, number = pointed
        found.setdefault("type", kind)
        if context.source_system:
            found.setdefault("identifier", {"system": context.source_system, "value": number})
    return found


def target_of(reference: Any) -> tuple[str, str] | None:
    """Return the type and number of a reference to a resource of the source, or None."""
    if not isinstance(reference, dict) or not isinstance(reference.get("reference"), str):
        return None
    said = reference["reference"]
    if said.startswith(("#", "urn:")) or "?" in said:
        return None
    *_, kind, number = ["", *said.split("/_history")[0].rsplit("/", 2)][-2:]
    return (kind, number) if kind in KINDS and 0 < len(number) <= _LONGEST_ID else None


def _as_row(kind: str, said: Said) -> dict[str, Any]:
    """Return what was read as a row of ours, for writing."""
    row = _EMPTY[kind] | said.fields | {"commune__name": None}
    row["boxes"] = [
        each | {"kind": each.get("kind", "")}
        for each in said.attached.get("mailboxes", ())
        if not each.get("red_list")
    ]
    for name, attached in (("opening", "hours"), ("closing", "closures"), ("beds", "capacities")):
        row[name] = said.attached.get(attached, [])
    return row


_COMMON = {"active": True, "source": "x", "identifiers": [], "commune_id": None, "insee": ""}
_PLACE = {"address_line": "", "postal_code": "", "city": "", "phone": ""}
_EMPTY: dict[str, dict[str, Any]] = {
    "Organization": _COMMON
    | _PLACE
    | {
        "finess": "", "siret": "", "identifier_system": "", "identifier_value": "", "alias": "",
        "category_code": "", "sector": "", "legal_status": "", "fax": "", "email": "",
        "secure_email": "", "opened_on": None, "closed_on": None,
    },
    "Practitioner": _COMMON
    | {
        "rpps": None, "identifier_system": "", "identifier_value": "", "civility": "", "given": "",
        "qualifications": [], "professions": [],
    },
    "PractitionerRole": _COMMON
    | {
        "profession": "", "profession_label": "", "category": "", "specialty": "", "skills": [],
        "mode": "", "activity_kind": "", "function": "", "liberal_activity": "",
        "home_visits": None, "secure_email": "", "phone": "", "started_on": None,
        "ended_at": None, "identifier_system": "", "identifier_value": "",
    },
    "Location": _COMMON
    | _PLACE
    | {
        "name": "", "description": "", "function": "", "latitude": None, "longitude": None,
        "equipment": [],
    },
    "HealthcareService": _COMMON
    | {
        "comment": "", "phone": "", "secure_email": "", "field": "", "category": "",
        "activities": [], "activity": "", "care_mode": "", "temporality": "", "modalities": [],
        "acts": [], "equipment": [], "professions": [], "competences": [], "specialisations": [],
        "publics": [], "age_low": None, "age_high": None, "zones": [], "psychiatric_sectors": [],
        "appointment_required": None, "sensitive": False,
    },
    "Endpoint": _COMMON | {"name": "", "payload_types": []},
}  # fmt: skip


# --- One resource -------------------------------------------------------------------------------


class Reader:
    """One resource being read into what was said."""

    def __init__(self, resource: Json, said: Said, context: Context) -> None:
        self.resource = resource
        self.said = said
        self.context = context
        self.fields = said.fields

    def get(self, name: str) -> list[Json]:
        return listed(self.resource.get(name))

    def put(self, column: str, value: Any, limit: int = 0) -> None:
        """Keep a value that was said; a text too long is cut, and kept whole beside."""
        if value not in (None, "", []):
            self.fields[column] = value[:limit] if limit else value

    def active(self, *, default: bool = True) -> None:
        said = self.resource.get("active")
        self.fields["active"] = said if isinstance(said, bool) else default

    def refer(self, column: str, element: str, *, mandatory: bool = False) -> None:
        """Keep a link to another resource of the source, and what to say if it is never found."""
        held = listed(self.resource.get(element))
        found = target_of(held[0]) if held else None
        if found is None or found[0] != REFERENCES[self.said.kind][element][1]:
            if held:
                # Nothing to point to: the element is given back as it came.
                self.said.references[column] = {"id": None} | self._instead(element)
            return
        self.said.references[column] = {"id": found[1]} | self._instead(element)

    def _instead(self, element: str) -> Json:
        logical = _logical({"_": self.resource.get(element)}, frozenset(), self.context, 0)["_"]
        return {"element": element, "instead": {"as": logical, "if": fingerprint(None)}}

    def terms(self, element: Any) -> None:
        """Remember the labels that come with national codes."""
        for concept in listed(element):
            for each in listed(concept.get("coding")):
                system, label = text(each.get("system")), text(each.get("display"))
                code = text(each.get("code"))
                if label and code and len(code) <= 40 and "/NOS/" in system:
                    name = system.partition("/NOS/")[2].partition("/")[0]
                    self.said.attached.setdefault("terms", []).append(
                        {"nomenclature": name[:80], "code": code, "label": label[:300]}
                    )

    def numbers(self) -> list[tuple[str, str, str]]:
        """Return (system, value, code of the type) of the identifiers, and keep them all."""
        found = []
        for each in self.get("identifier"):
            value = text(each.get("value"))
            if value:
                kinds = [code for _, code, _ in codings(each.get("type"))]
                found.append(
                    (text(each.get("system")).rstrip("/"), value, kinds[0] if kinds else "")
                )
        self.put("identifiers", list(dict.fromkeys(f"{s}|{n}"[:330] for s, n, _ in found)))
        return found

    def region(self) -> None:
        meta = self.resource.get("meta")
        for tag in listed(meta.get("tag")) if isinstance(meta, dict) else ():
            code = text(tag.get("code"))
            if len(code) == 2 and code.isalnum():
                self.fields["region"] = code
                return

    def reach(self, element: str = "telecom", *, keep_email: bool = False) -> None:
        """Keep telephone, fax, address and mailboxes."""
        for each in self.get(element):
            system, value = text(each.get("system")), text(each.get("value"))
            if not value:
                continue
            if _is_mailbox(each, value):
                self.mailbox(each, value)
            elif system not in self.fields and (
                system in ("phone", "fax") or (system == "email" and keep_email)
            ):
                self.put(system, value, 254 if system == "email" else 20)

    def mailbox(self, contact: Json, address: str) -> None:
        if len(address) > 254:
            raise UnableToRead("Adresse de messagerie trop longue.")
        metadata = (extensions(contact, v.MAILBOX) or [{}])[0]
        kinds = [code for _, code, _ in codings(sub_value(metadata, "type"))]
        self.said.attached.setdefault("mailboxes", []).append(
            {
                "address": address,
                "fingerprint": address_fingerprint(address),
                "kind": kinds[0] if kinds and kinds[0] in MailboxKind.values else "",
                "description": text(sub_value(metadata, "description"))[:500],
                "responsible": text(sub_value(metadata, "responsible"))[:200],
                "service_name": text(sub_value(metadata, "service"))[:200],
                "red_list": False,
            }
        )

    def write_to(self) -> None:
        """Keep the first mailbox as the address to write to."""
        held = self.said.attached.get("mailboxes", [])
        self.fields["secure_email"] = held[0]["address"] if held else ""

    def address(self, held: Json, insee: str = "") -> None:
        lines = held.get("line")
        parts = [text(each) for each in lines] if isinstance(lines, list) else [text(lines)]
        line = ", ".join(filter(None, parts))
        if not line:
            line = " ".join(
                text(value_of(part))
                for each in listed(held.get("_line"))
                for part in listed(each.get("extension"))
            )
        self.put("address_line", line, 200)
        postal = text(held.get("postalCode"))
        self.put("postal_code", postal, 5)
        self.put("city", text(held.get("city")), 100)
        insee = insee or fhir.insee_code(held)
        self.commune(insee, postal)

    def commune(self, insee: str, postal: str) -> None:
        """Keep the commune: by its INSEE code, else by a postal code that one commune only has."""
        if len(insee) == 5:
            self.put("insee", insee)
        communes = self.context.communes
        if insee in communes:
            self.fields["commune_id"] = insee
        elif not insee and postal:
            bearing = [code for code, held in communes.items() if postal in held]
            if len(bearing) == 1:
                self.fields["commune_id"] = bearing[0]


def _is_mailbox(contact: Json, value: str) -> bool:
    if text(contact.get("system")) != "email":
        return False
    kinds = [code for each in extensions(contact, v.EMAIL_TYPE) for _, code, _ in _values(each)]
    domain = value.rpartition("@")[2].lower()
    return (
        "MSSANTE" in kinds
        or bool(extensions(contact, v.MAILBOX))
        or domain == "mssante.fr"
        or domain.endswith(".mssante.fr")
    )


def _values(extension: Json) -> list[tuple[str, str, str]]:
    return codings(value_of(extension))


def _organization(reader: Reader) -> None:
    resource, fields = reader.resource, reader.fields
    kind, finess = "", ""
    for system, value, kind_code in reader.numbers():
        system = system.replace("http://", "https://")
        told = {"FINEJ": OrganizationKind.LEGAL, "FINEG": OrganizationKind.GEOGRAPHICAL}
        kind = kind or told.get(kind_code, "")
        if system == v.FINESS or kind_code in told:
            finess = finess or value
        elif system == v.SIRENE and len(value) == 14:
            reader.put("siret", value)
        elif system == v.INTERNAL_ORGANIZATION:
            kind = kind or OrganizationKind.INTERNAL
            _identify(fields, system, value)
        elif system == v.IDNST and value[:1] == "1" and len(value) == 10:
            finess = finess or value[1:]
        elif not finess:
            _identify(fields, system, value)
    if finess and identifiers.is_finess(finess):
        fields["finess"] = finess
        fields.pop("identifier_system", None)
        fields.pop("identifier_value", None)
    elif finess:
        if not reader.context.invented_numbers:
            raise UnableToRead(f"Numéro FINESS incorrect (clé) : {finess[:20]}.")
        fields["identifier_system"], fields["identifier_value"] = v.FINESS, finess[:100]
    for number, code, label in codings(resource.get("type")):
        if number == v.ORGANIZATION_TYPES and code in OrganizationKind.values:
            kind = code
        elif number == "R02":
            reader.put("sector", code, 8)
        elif number == "R66":
            reader.put("category_code", code, 4)
            reader.put("category_label", label, 120)
        elif number == "R72":
            reader.put("legal_status", code, 8)
    if not kind and fields.get("legal_status") and not fields.get("category_code"):
        kind = OrganizationKind.LEGAL
    fields["kind"] = kind or OrganizationKind.GEOGRAPHICAL
    fields["purpose"] = (
        ESTABLISHMENT_PURPOSES.get(fields.get("category_code", ""))
        or SECTOR_PURPOSES.get(fields.get("sector", ""))
        or "other"
    )
    reader.active()
    alias = resource.get("alias")
    aliases = [text(each) for each in alias] if isinstance(alias, list) else [text(alias)]
    reader.put("alias", next(filter(None, aliases), ""), 200)
    name = text(resource.get("name")) or fields.get("alias", "")
    if not name:
        raise UnableToRead("La structure n’a pas de nom.")
    reader.put("name", name, 200)
    reader.said.label = fields["name"]
    reader.reach(keep_email=True)
    reader.write_to()
    for contact in reader.get("contact"):
        for each in listed(contact.get("telecom")):
            if "phone" not in fields and text(each.get("system")) == "phone":
                reader.put("phone", text(each.get("value")), 20)
    for each in reader.get("address")[:1]:
        reader.address(each)
    for each in extensions(resource, v.ORGANIZATION_PERIOD):
        period = value_of(each)
        if isinstance(period, dict):
            reader.put("opened_on", day(period.get("start"), "organization-period.start"))
            reader.put("closed_on", day(period.get("end"), "organization-period.end"))
    closed = fields.get("closed_on")
    if closed and closed <= reader.context.now.date():
        fields["active"] = False
    reader.region()
    reader.refer("part_of_id", "partOf")
    reader.terms(resource.get("type"))


def _identify(fields: dict[str, Any], system: str, value: str) -> None:
    if "identifier_value" not in fields and system:
        fields["identifier_system"], fields["identifier_value"] = system[:200], value[:100]


def _practitioner(reader: Reader) -> None:
    fields = reader.fields
    for system, value, kind in reader.numbers():
        if system in (v.RPPS, v.IDNPS) or kind in ("RPPS", "IDNPS"):
            rpps = value[1:] if len(value) == 12 and value[0] == "8" else value
            if identifiers.is_rpps(rpps):
                fields.setdefault("rpps", rpps)
            elif value[:1] != "0" or len(value) != 10:
                # "0" and nine characters is the dead form that carried an ADELI number.
                if not reader.context.invented_numbers:
                    raise UnableToRead(f"Numéro RPPS incorrect (clé) : {value[:20]}.")
                _identify(fields, v.RPPS, rpps)
        else:
            _identify(fields, system, value)
    if "rpps" in fields:
        fields.pop("identifier_system", None)
        fields.pop("identifier_value", None)
    reader.active()
    known = reader.get("name")
    known.sort(key=lambda each: {"official": 0, "usual": 1}.get(text(each.get("use")), 2))
    name = known[0] if known else {}
    given = name.get("given")
    given_names = [text(each) for each in given] if isinstance(given, list) else [text(given)]
    fields["family"] = text(name.get("family"))[:100]
    fields["given"] = " ".join(filter(None, given_names))[:100]
    if not fields["family"] and not fields.get("rpps"):
        raise UnableToRead("Le professionnel n’a ni nom ni RPPS.")
    for part in ("prefix", "suffix"):
        held = name.get(part)
        for each in held if isinstance(held, list) else ():
            if "civility" not in fields:
                reader.put("civility", text(each), 10)
    fields["search"] = names.comparison_form(f"{fields['given']} {fields['family']}").lower()[:220]
    reader.said.label = " ".join(
        filter(None, (fields.get("civility"), fields["given"], fields["family"]))
    )[:200]
    qualifications, codes = [], []
    for each in reader.get("qualification"):
        held = [
            [v.nomenclature(text(coding.get("system"))), text(coding.get("code"))]
            for coding in listed((each.get("code") or {}).get("coding"))
            if text(coding.get("code"))
        ]
        period = each.get("period") if isinstance(each.get("period"), dict) else {}
        if held:
            qualifications.append(
                {"codes": held} | {n: period[n] for n in ("start", "end") if text(period.get(n))}
            )
            codes += ["|".join(pair)[:120] for pair in held]
        for number, code, _ in codings(each.get("code")):
            ended = period.get("end") and moment(text(period["end"]), "qualification.period.end")
            if number in ("G15", "R94", "R291") and not (ended and ended < reader.context.now):
                fields["profession"] = code[:12]
        reader.terms(each.get("code"))
    fields["qualifications"], fields["qualification_codes"] = qualifications, codes
    reader.reach()


def _role(reader: Reader) -> None:
    resource, fields = reader.resource, reader.fields
    for system, value, _ in reader.numbers():
        if system:
            _identify(fields, system, value)
    for number, code, label in codings(resource.get("code")):
        if number in ("G15", "R94", "R291", "R85", "R95"):
            known = PROFESSIONS.get(code)
            fields["profession"] = code[:12]
            fields["profession_label"] = (label or (known.label if known else code))[:100]
            fields["category"] = known.category if known else "other"
        for column, wanted in (
            ("activity_kind", "R22"), ("function", "R21"), ("liberal_activity", "R24"),
        ):  # fmt: skip
            if number == wanted:
                reader.put(column, code, 12)
        if number == "R23" and len(code) == 1:
            fields["mode"] = code
    fields.setdefault("mode", "")
    for each in extensions(resource, v.EXERCISE_MODE):
        for _, code, _ in _values(each):
            if len(code) == 1:
                fields["mode"] = code
    for each in extensions(resource, v.HOME_VISIT):
        if isinstance(each.get("valueBoolean"), bool):
            fields["home_visits"] = each["valueBoolean"]
    skills = [code for number, code, _ in codings(resource.get("specialty")) if number == "R38"]
    skills = list(dict.fromkeys(code[:8] for code in skills))
    if skills:
        fields["skills"] = skills
        fields["specialty"] = skills[0]
        fields["specialty_label"] = SPECIALTIES.get(skills[0], skills[0])[:120]
    period = resource.get("period")
    period = period if isinstance(period, dict) else {}
    reader.put("started_on", day(period.get("start"), "period.start"))
    if ended := text(period.get("end")):
        try:
            fields["ended_at"] = fhir.span(ended).end
        except ValueError as error:
            raise UnableToRead("Date illisible : period.end.") from error
        if fhir.span(ended).precision == fhir.INSTANT:
            fields["ended_at"] -= timedelta(microseconds=1)
    reader.active()
    if not fields.pop("active") and "ended_at" not in fields:
        fields["ended_at"] = reader.said.said_at or reader.context.now
    reader.reach()
    reader.write_to()
    fields.pop("fax", None)
    reader.said.label = f"Exercice {fields.get('identifier_value', reader.said.source_id)}"[:200]
    reader.refer("practitioner_id", "practitioner")
    reader.refer("organization_id", "organization")
    reader.refer("healthcare_service_id", "healthcareService")
    if not (reader.said.references.get("practitioner_id") or {}).get("id"):
        raise UnableToRead("L’exercice ne dit pas de quel professionnel il est.")
    reader.terms(resource.get("specialty"))


def _location(reader: Reader) -> None:
    resource, fields = reader.resource, reader.fields
    reader.numbers()
    fields["active"] = text(resource.get("status")) != "inactive"
    reader.put("name", text(resource.get("name")), 200)
    reader.put("description", text(resource.get("description")), 1000)
    for number, code, _ in codings(resource.get("type")):
        if number == "R343":
            reader.put("function", code, 8)
    insee = ""
    for each in extensions(resource, v.COMMUNE):
        for _, code, _ in _values(each):
            insee = code
    for held in reader.get("address")[:1]:
        reader.address(held, insee)
    if insee and "insee" not in fields:
        reader.commune(insee, "")
    position = resource.get("position")
    if isinstance(position, dict):
        place = [position.get("latitude"), position.get("longitude")]
        if all(isinstance(each, int | float) and not isinstance(each, bool) for each in place):
            if not (abs(place[0]) <= 90 and abs(place[1]) <= 180):
                raise UnableToRead("Coordonnées impossibles : position.")
            fields["latitude"], fields["longitude"] = place
    equipment = [
        code
        for each in listed(resource.get("extension"))
        if each.get("url") in (v.LOCATION_EQUIPMENT, v.LOCATION_EQUIPMENT.replace("ment", "ement"))
        for _, code, _ in codings(sub_value(each, "equipmentType"))
    ]
    reader.put("equipment", list(dict.fromkeys(code[:40] for code in equipment)))
    reader.reach()
    fields.pop("fax", None)
    reader.said.attached.pop("mailboxes", None)
    reader.said.label = (fields.get("name") or fields.get("city") or reader.said.source_id)[:200]
    reader.region()
    reader.refer("organization_id", "managingOrganization")
    reader.said.attached["capacities"] = [
        _capacity(reader, each, number)
        for number, each in enumerate(extensions(resource, v.CAPACITY))
    ]
    reader.terms(resource.get("type"))


def _capacity(reader: Reader, extension: Json, number: int) -> Json:
    """Read one capacity: its seven mandatory parts are there, or the place is refused."""
    where = f"capacité n° {number + 1}"
    held: Json = {column: "" for _, column, _ in v.CAPACITY_PARTS}
    for name, column, _ in v.CAPACITY_PARTS:
        value = sub_value(extension, name)
        if value is None:
            if name in v.MANDATORY_CAPACITY_PARTS:
                raise UnableToRead(f"Partie obligatoire absente : {name} ({where}).")
        elif column == "number":
            if not (text(value).isascii() and text(value).isdigit()) or int(text(value)) > 99_999:
                raise UnableToRead(f"Nombre de lits ou de places incorrect ({where}).")
            held[column] = int(text(value))
        elif column == "updated_at":
            held[column] = moment(text(value), f"capacityUpdateDate ({where})").isoformat()
        else:
            codes = codings(value)
            if not codes:
                raise UnableToRead(f"Code attendu : {name} ({where}).")
            held[column] = codes[0][1][: 2 if column == "status" else 8]
            reader.terms(value)
    return held


def _healthcare_service(reader: Reader) -> None:
    resource, fields = reader.resource, reader.fields
    reader.numbers()
    reader.active()
    name = text(resource.get("name"))
    reader.put("comment", text(resource.get("comment")), 2000)
    columns = {
        "R213": "care_mode", "R240": "temporality", "R338": "modalities", "R210": "acts",
        "R212": "equipment", "R245": "specialisations", "R350": "professions", "R94": "professions",
        "G15": "professions", "R85": "professions", "R243": "competences",
    }  # fmt: skip
    for number, code, _ in codings(resource.get("characteristic")):
        column = columns.get(number, "")
        if column in ("care_mode", "temporality"):
            fields.setdefault(column, code[:8])
        elif column:
            held = fields.setdefault(column, [])
            if code[:40] not in held:
                held.append(code[:40])
    for element, column, wanted in (("category", "category", "R244"), ("type", "field", "R227")):
        for number, code, _ in codings(resource.get(element)):
            if number == wanted:
                fields.setdefault(column, code[:8])
    activities = codings(resource.get("specialty"))
    told = [(code, label) for number, code, label in activities if number == "R211"]
    reader.put("activities", list(dict.fromkeys(code[:40] for code, _ in told)))
    reader.put("activity", next((label for _, label in told if label), ""), 120)
    reader.put("name", name or fields.get("activity", ""), 200)
    if "name" not in fields:
        raise UnableToRead("L’offre n’a pas de nom.")
    reader.said.label = fields["name"]
    if isinstance(resource.get("appointmentRequired"), bool):
        fields["appointment_required"] = resource["appointmentRequired"]
    _service_extensions(reader)
    reader.reach()
    fields.pop("fax", None)
    reader.write_to()
    _opening(reader)
    reader.region()
    reader.refer("organization_id", "providedBy")
    reader.refer("location_id", "location")
    if not (reader.said.references.get("organization_id") or {}).get("id"):
        raise UnableToRead("L’offre ne dit pas quelle structure la porte (providedBy).")
    for element in ("category", "type", "specialty", "characteristic"):
        reader.terms(resource.get(element))


def _service_extensions(reader: Reader) -> None:
    fields = reader.fields
    publics: list[str] = []
    zones: list[str] = []
    sectors: list[str] = []
    for each in listed(reader.resource.get("extension")):
        url = each.get("url")
        if url == v.SENSITIVE:
            fields["sensitive"] = each.get("valueBoolean") is True
        elif url == v.PATIENT_TYPE:
            for part in extensions(each, "supportedPatientInfo"):
                publics += [code[:40] for _, code, _ in _values(part)]
                reader.terms(value_of(part))
            ages = sub_value(each, "ageRange")
            for end, column in (("low", "age_low"), ("high", "age_high")):
                held = ages.get(end) if isinstance(ages, dict) else None
                value = held.get("value") if isinstance(held, dict) else None
                if isinstance(value, int | float) and not isinstance(value, bool):
                    fields[column] = min(max(int(value), 0), 200)
        elif url == v.PSYCHIATRIC_SECTOR:
            sectors.append(text(value_of(each))[:40])
        elif url == v.TERRITORIAL_DIVISION:
            zones += [c[:40] for _, c, _ in codings(sub_value(each, "codeTerritorialDivision"))]
        elif url == v.CONTACT and "phone" not in fields:
            for part in extensions(each, v.CONTACT_TELECOM):
                channel = [
                    code
                    for ext in listed(part.get("extension"))
                    if str(ext.get("url", "")).endswith("communication-channel")
                    for _, code, _ in _values(ext)
                ]
                if channel and channel[0] in ("1", "2"):
                    reader.put("phone", text(sub_value(part, "telecomAddress")), 20)
    reader.put("publics", list(dict.fromkeys(publics)))
    reader.put("zones", list(dict.fromkeys(zones)))
    reader.put("psychiatric_sectors", list(dict.fromkeys(filter(None, sectors))))


_DAYS = dict(zip(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), range(1, 8), strict=True))


def _opening(reader: Reader) -> None:
    """Read when the service opens in a week, and when it does not receive."""
    hours: list[Json] = []
    for each in reader.get("availableTime"):
        days = [_DAYS[d] for d in each.get("daysOfWeek", ()) if isinstance(d, str) and d in _DAYS]
        for part in extensions(each, v.WEEKDAY):
            if (number := text(value_of(part))) in "1234567" and number:
                days.append(int(number))
        opens, closes = text(each.get("availableStartTime")), text(each.get("availableEndTime"))
        for said in filter(None, (opens, closes)):
            _check_time(said)
        if each.get("allDay") is True or (opens and closes):
            times = (None, None) if each.get("allDay") is True else (opens[:8], closes[:8])
            hours += [
                {"weekday": number, "opens_at": times[0], "closes_at": times[1]} | _valid(each)
                for number in dict.fromkeys(days)
            ]
    closures: list[Json] = []
    for each in reader.get("notAvailable"):
        during = each.get("during")
        during = during if isinstance(during, dict) else {}
        start = day(during.get("start"), "notAvailable.during.start")
        end = day(during.get("end"), "notAvailable.during.end")
        if start or end:
            closures.append(
                {
                    "starts_on": start.isoformat() if start else None,
                    "ends_on": end.isoformat() if end else None,
                    "reason": text(each.get("description"))[:200],
                }
            )
    reader.said.attached["hours"], reader.said.attached["closures"] = hours, closures


def _valid(available: Json) -> Json:
    """Return from and until which day (excluded) hours hold, when the source says so."""
    found: Json = {}
    for part in extensions(available, v.OPENING_PERIOD):
        period = value_of(part)
        period = period if isinstance(period, dict) else {}
        if start := day(period.get("start"), "availableTime.start"):
            found["valid_from"] = start.isoformat()
        if end := day(period.get("end"), "availableTime.end"):
            found["valid_until"] = (end + timedelta(days=1)).isoformat()
    return found


def _check_time(said: str) -> None:
    parts = said.partition(".")[0].split(":")
    wide = [int(p) if len(p) == 2 and p.isascii() and p.isdigit() else 99 for p in parts]
    if len(wide) != 3 or wide[0] > 23 or wide[1] > 59 or wide[2] > 59:
        raise UnableToRead("Heure illisible : availableTime.")


def _endpoint(reader: Reader) -> None:
    resource, fields = reader.resource, reader.fields
    reader.numbers()
    fields["active"] = text(resource.get("status")) == "active"
    reader.put("name", text(resource.get("name")), 200)
    kinds = codings(resource.get("connectionType"))
    address = text(resource.get("address"))
    if not kinds or not address or len(address) > 500:
        raise UnableToRead("Le point d’accès n’a pas de type ou pas d’adresse.")
    fields["connection_type"], fields["address"] = kinds[0][1][:40], address
    fields["payload_types"] = reader.get("payloadType")
    reader.said.label = (fields.get("name") or address)[:200]
    reader.refer("organization_id", "managingOrganization")


_READERS: dict[str, Callable[[Reader], None]] = {
    "Organization": _organization,
    "Practitioner": _practitioner,
    "PractitionerRole": _role,
    "Location": _location,
    "HealthcareService": _healthcare_service,
    "Endpoint": _endpoint,
}


def resources_of(document: Any) -> Iterable[Any]:
    """Return the resources of a document: a bundle, a list, or one alone."""
    if isinstance(document, dict) and document.get("resourceType") == "Bundle":
        return [each.get("resource") for each in listed(document.get("entry"))]
    return document if isinstance(document, list) else [document]
