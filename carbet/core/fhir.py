"""FHIR R4 data types as plain dictionaries: issues, dates as precise as said, codings, references.

Rooms speak FHIR in their own `fhir.py`; what their languages share is here.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

import orjson
from django.http import HttpResponse
from django.utils import timezone

MEDIA_TYPE = "application/fhir+json"
CONTENT_TYPE = "application/fhir+json; charset=utf-8"

Json = dict[str, Any]

# FR Core and ANS addresses that several rooms write.
FR_CORE = "https://hl7.fr/ig/fhir/core/StructureDefinition/"
IDENTIFIER_TYPES = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203"
HL7_IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
INSEE_CODE = FR_CORE + "fr-core-address-insee-code"
COMMUNES = "https://mos.esante.gouv.fr/NOS/TRE_R13-CommuneOM/FHIR/TRE-R13-CommuneOM"
COUNTRIES = "https://mos.esante.gouv.fr/NOS/TRE_R20-Pays/FHIR/TRE-R20-Pays"


def nos(name: str) -> str:
    """Return the address of a code system of the national nomenclatures, by its full name."""
    return f"https://mos.esante.gouv.fr/NOS/{name}/FHIR/{name.replace('_', '-')}"


# --- Issues and refusals ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing to say about a request: what, in French, and exactly where.

    `code` is a FHIR issue-type; `expression` a FHIRPath; `severity` "error" or "warning".
    """

    code: str
    diagnostics: str
    expression: str = ""
    severity: str = "error"

    def to_fhir(self) -> Json:
        issue: Json = {
            "severity": self.severity,
            "code": self.code,
            "diagnostics": self.diagnostics,
        }
        if self.expression:
            issue["expression"] = [self.expression]
        return issue


class Refused(Exception):
    """A FHIR request is refused, whole: an HTTP status and the issues that say why."""

    def __init__(self, status: int, *issues: Issue) -> None:
        super().__init__("; ".join(issue.diagnostics for issue in issues))
        self.status = status
        self.issues = issues


def refuse(status: int, code: str, diagnostics: str, expression: str = "") -> Refused:
    """Return a refusal of one issue, to be raised."""
    return Refused(status, Issue(code, diagnostics, expression))


def outcome(issues: Iterable[Issue]) -> Json:
    """Return the OperationOutcome of these issues."""
    return {"resourceType": "OperationOutcome", "issue": [issue.to_fhir() for issue in issues]}


def response(body: Json, *, status: int = 200) -> HttpResponse:
    """Return an HTTP answer that carries a FHIR resource."""
    return HttpResponse(orjson.dumps(body), status=status, content_type=CONTENT_TYPE)


def refusal(status: int, code: str, diagnostics: str) -> HttpResponse:
    """Return an HTTP answer that carries an OperationOutcome of one issue."""
    return response(outcome([Issue(code, diagnostics)]), status=status)


# --- Dates that keep their precision ------------------------------------------------------------

YEAR, MONTH, DAY, INSTANT = "year", "month", "day", "instant"
_DATE_TIME = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})"
    r"(T(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d{1,9})?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d))?)?)?"
)


@dataclass(frozen=True, slots=True)
class Span:
    """What a FHIR date or dateTime covers: from `start` to `end`, excluded, said this precisely."""

    start: datetime
    end: datetime
    precision: str


def span(text: str, *, zone: tzinfo | None = None) -> Span:
    """Read a FHIR date or dateTime; a date is a whole day of the territory's time zone.

    Raises:
        ValueError: it is not one, or no calendar has that day.
    """
    found = _DATE_TIME.fullmatch(text) if text.isascii() else None
    if found is None:
        raise ValueError("not a FHIR date")
    year, month, day, time = found.groups()
    if not 1800 <= int(year) <= 2300:
        raise ValueError("no person's life is there")
    if time:
        # Leap seconds and digits finer than a microsecond are read as the closest moment before.
        moment = datetime.fromisoformat(
            re.sub(r"(\.\d{6})\d+", r"\1", text.replace(":60", ":59", 1) if ":60" in time else text)
        ).astimezone(UTC)
        return Span(moment, moment + timedelta(microseconds=1), INSTANT)
    first = date(int(year), int(month or 1), int(day or 1))
    if day:
        last, precision = first + timedelta(days=1), DAY
    elif month:
        last, precision = (first.replace(day=28) + timedelta(days=4)).replace(day=1), MONTH
    else:
        last, precision = date(first.year + 1, 1, 1), YEAR
    zone = zone or timezone.get_default_timezone()
    return Span(
        datetime(first.year, first.month, first.day, tzinfo=zone),
        datetime(last.year, last.month, last.day, tzinfo=zone),
        precision,
    )


def instant(moment: datetime) -> str:
    """Return a FHIR instant, in UTC, with milliseconds only when there are some."""
    moment = moment.astimezone(UTC)
    form = "milliseconds" if moment.microsecond else "seconds"
    return moment.isoformat(timespec=form).replace("+00:00", "Z")


def cut(text: str, precision: str) -> str:
    """Return an ISO date cut to its precision."""
    return text[: {YEAR: 4, MONTH: 7}.get(precision, 10)]


def said_start(moment: datetime, precision: str) -> str:
    """Return the start of a period as precisely as it was said."""
    if precision == INSTANT:
        return instant(moment)
    local = moment.astimezone(timezone.get_default_timezone())
    return cut(local.date().isoformat(), precision)


def said_end(moment: datetime, precision: str) -> str:
    """Return the end of a period, kept as an excluded bound, as precisely as it was said."""
    if precision == INSTANT:
        return instant(moment)
    return said_start(moment - timedelta(microseconds=1), precision)


# --- Data types ---------------------------------------------------------------------------------


def coding(system: str, code: str, display: str = "") -> Json:
    """Return a Coding."""
    found = {"system": system, "code": code}
    return found | {"display": display} if display else found


def concept(system: str, code: str, display: str = "") -> Json:
    """Return a CodeableConcept of one coding."""
    return {"coding": [coding(system, code, display)]}


def identifier(
    system: str, value: str, *, use: str = "", type_code: str = "", types: str = IDENTIFIER_TYPES
) -> Json:
    """Return an Identifier; `type_code` is of the French identifier types unless `types` says."""
    found: Json = {"use": use} if use else {}
    if type_code:
        found["type"] = concept(types, type_code)
    return found | {"system": system, "value": value}


def extension(url: str, **value: Any) -> Json:
    """Return an Extension; `value` is valueX=…, or extension=[…]."""
    return {"url": url, **value}


def reference(resource_type: str, number: int) -> Json:
    """Return a Reference to one of our resources."""
    return {"reference": f"{resource_type}/{number}"}


def secure_mailbox(address: str) -> Json:
    """Return the ContactPoint of a secure mailbox (FR Core, TRE_R256 MSSANTE)."""
    kind = coding(nos("TRE_R256-TypeMessagerie"), "MSSANTE")
    return {
        "extension": [extension(FR_CORE + "fr-core-contact-point-email-type", valueCoding=kind)],
        "system": "email",
        "value": address,
    }


def meta(*profiles: str, version: int, updated_at: datetime) -> Json:
    """Return the Meta of a resource of ours."""
    return {
        "versionId": str(version),
        "lastUpdated": instant(updated_at),
        "profile": list(profiles),
    }


def extensions(element: Json, url: str) -> list[Json]:
    """Return the extensions of an element with this address."""
    return [found for found in element.get("extension", ()) if found.get("url") == url]


def codings(element: Json | None) -> list[Json]:
    """Return the codings of a CodeableConcept, none when there is none."""
    return (element or {}).get("coding", [])


def code_of(concepts: Sequence[Json], *systems: str) -> str:
    """Return the first code of one of these systems among CodeableConcepts, or nothing."""
    for each in concepts:
        for found in codings(each):
            if found.get("system") in systems and found.get("code"):
                return str(found["code"])
    return ""


def insee_code(address: Json) -> str:
    """Return the INSEE code of an address, whatever the version of the nomenclature named."""
    for found in extensions(address, INSEE_CODE):
        if code := found.get("valueCoding", {}).get("code"):
            return str(code)
    return ""


def insee_extension(code: str) -> Json:
    """Return the extension that carries an INSEE code: of a commune, or of a country from 99xxx."""
    return extension(
        INSEE_CODE, valueCoding=coding(COUNTRIES if code.startswith("99") else COMMUNES, code)
    )


class Reading:
    """A resource being read: gathers what is wrong with it, and what of it will not be kept."""

    def __init__(self, resource: Json, at: str) -> None:
        self.resource = resource
        self.at = at
        self.issues: list[Issue] = []

    def error(self, code: str, diagnostics: str, where: str = "") -> None:
        """Note what makes the resource unacceptable, at `where` from the resource."""
        self.issues.append(Issue(code, diagnostics, self.place(where)))

    def not_kept(self, where: str) -> None:
        """Note an element that FHIR knows and that we do not keep: never silently."""
        self.issues.append(
            Issue("not-supported", "Élément non conservé.", self.place(where), "warning")
        )

    def place(self, where: str) -> str:
        return f"{self.at}.{where}" if where else self.at

    def keep_only(self, names: str) -> None:
        """Note as not kept every element of the resource but these and the technical ones."""
        technical = {"resourceType", "id", "meta", "language", "text", *names.split()}
        for name in self.resource:
            if name.lstrip("_") not in technical:
                self.not_kept(name)

    def text(self, value: Any, limit: int, where: str) -> str:
        """Return a text without its margins, refused when longer than we can keep."""
        found = str(value or "").strip()
        if len(found) > limit:
            self.error("too-long", f"Texte trop long : {limit} caractères au plus.", where)
        return found[:limit]

    @property
    def is_refused(self) -> bool:
        return any(issue.severity == "error" for issue in self.issues)
