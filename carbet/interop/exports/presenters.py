"""The readable page of a record taken out: one HTML file that opens without network nor Carbet.

It is made from the very resources of the Bundle, so that both say the same.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from carbet.coordination.documents.presenters import reading
from carbet.core import fhir
from carbet.core.actor import Actor
from carbet.core.fhir import Json
from carbet.core.identifiers import INS_OIDS
from carbet.interop.exports import access
from carbet.interop.exports.choices import TONES, ExportStatus
from carbet.interop.exports.models import RecordExport, TerritoryExport
from carbet.interop.exports.queries import Whole
from carbet.interop.exports.rules import is_open, kind_of
from carbet.registries.patients.models import Patient

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;"
    "color:#1b2a2f;background:#fff}h1{font-size:1.6rem}h2{font-size:1.2rem;margin:2rem 0 .5rem;"
    "border-bottom:1px solid #9ab}article{margin:.6rem 0;padding:.4rem .8rem;border-left:3px solid"
    " #2b7a6b}article p{margin:.2rem 0;white-space:pre-line;overflow-wrap:anywhere}.m{color:"
    "#4a5a60;font-size:.9rem}table{border-collapse:collapse;width:100%;margin:.5rem 0}th,td{"
    "border:1px solid #9ab;padding:.25rem .5rem;text-align:left;vertical-align:top}a{color:#0b5e8a}"
    "@media print{article{break-inside:avoid}}@media(prefers-color-scheme:dark){body{"
    "background:#12181b;color:#e6eef0}.m{color:#a9b8bd}a{color:#7cc4f0}}"
)
_CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:"


@dataclass(frozen=True, slots=True)
class Line:
    """One export on the page."""

    pk: int
    status: str
    label: str
    tone: str
    reason: str
    name: str
    asked_at: datetime
    expires_at: datetime | None
    error: str
    done: int
    total: int
    size: int
    open: bool
    let_by: str = ""
    is_own: bool = False


def line(
    export: RecordExport | TerritoryExport, *, actor: Actor, now: datetime, size: int = 0
) -> Line:
    """Return an export as the page shows it; one whose time is over is said so at once."""
    status = export.status
    still = is_open(status, export.expires_at, now)
    if status == ExportStatus.READY and not still:
        status = ExportStatus.EXPIRED
    own = access.is_own(export, actor)
    return Line(
        pk=export.pk,
        status=status,
        label=str(ExportStatus(status).label),
        tone=TONES[ExportStatus(status)],
        reason=export.reason,
        name=export.asked_by_name,
        asked_at=export.asked_at,
        expires_at=export.expires_at if still else None,
        error=export.error,
        done=export.done,
        total=max(export.total, export.done),
        size=size or getattr(export, "size", 0),
        open=still and own,
        let_by=getattr(export, "let_by_name", ""),
        is_own=own,
    )


def manifest(
    export: TerritoryExport,
    *,
    wholes: Iterable[Whole],
    address: Callable[[str], str],
    request_url: str,
) -> Json:
    """Return the manifest of an export that is complete: one output a section."""
    outputs = [
        output(
            each.section,
            address(each.section),
            each.lines,
            each.size,
            export.digests.get(each.section, ""),
        )
        for each in wholes
    ]
    return bulk_manifest(outputs, at=export.asked_at, request=request_url)


def bulk_manifest(outputs: list[Json], *, at: datetime, request: str) -> Json:
    """Return what says which files there are.

    Source: FHIR Bulk Data Access 2.0.0, Response - Complete Status.
    """
    return {
        "transactionTime": fhir.instant(at),
        "request": request,
        "requiresAccessToken": True,
        "output": outputs,
        "error": [],
    }


def output(section: str, url: str, lines: int, size: int, digest: str) -> Json:
    """Return one file of a manifest: its size in bytes and its SHA-256 where Bulk Data lets one."""
    said = {"section": section, "size": size, "sha256": digest}
    return {"type": kind_of(section), "url": url, "count": lines, "extension": said}


# --- The readable page --------------------------------------------------------------------------


def head(patient: Patient, *, by: str, now: datetime) -> str:
    """Return the beginning of the page: whose record, taken out by whom and when."""
    said = {"patient": patient, "by": by, "now": now, "style": SafeString(STYLE), "csp": _CSP}
    return render_to_string("exports/offline_head.html", said)


def foot() -> str:
    """Return the end of the page."""
    return "</main></body></html>\n"


def title(text: str) -> str:
    """Return the title of a section."""
    return format_html("<h2>{}</h2>\n", text)


def articles(resources: Iterable[Json], *, names: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of these resources; `names` says what a reference is called."""
    for resource in resources:
        heading, meta, texts, links = _told(resource, names)
        yield format_html(
            "<article><strong dir=auto>{}</strong><div class=m>{}</div>{}{}</article>\n",
            heading,
            meta,
            format_html_join("", "<p dir=auto>{}</p>", ((text,) for text in texts if text)),
            format_html_join(
                "", '<p><a href="{}">{}</a></p>', ((quote(path), name) for path, name in links)
            ),
        )


def clinical_page(data: bytes, *, name: str) -> str:
    """Return the readable page of a CDA document: what it says, its sections and their tables."""
    told = reading.reading(data, "application/xml", address="")
    said = {
        "told": told,
        "name": name,
        "back": "../dossier.html",
        "style": SafeString(STYLE),
        "csp": _CSP,
    }
    return render_to_string("exports/offline_document.html", said)


def readme(patient: Patient, *, by: str, now: datetime, counts: dict[str, int]) -> str:
    """Return what stands in the archive, in plain text."""
    said = {"patient": patient, "by": by, "now": now, "counts": counts}
    return render_to_string("exports/readme.txt", said)


def names_of(
    resources: Iterable[Json], *, known: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str]:
    """Return what these persons, structures and roles are called, by their reference."""
    found = {}
    for each in resources:
        name = each.get("name")
        said = name if isinstance(name, str) else _person(each)
        if each["resourceType"] == "PractitionerRole":
            refer = (each.get(part, {}).get("reference", "") for part in _ROLE_PARTS)
            parts = [known.get(reference, "") for reference in refer]
            said = ", ".join(filter(None, (parts[0], _words_of(each.get("code")), parts[1])))
        if said:
            found[f"{each['resourceType']}/{each['id']}"] = said
    return found


_ROLE_PARTS = ("practitioner", "organization")


def _person(resource: Json) -> str:
    named = resource.get("name") or [{}]
    first = named[0] if isinstance(named, list) else {}
    return " ".join((*first.get("given", ()), first.get("family", ""))).strip()


def _words_of(concepts: Any) -> str:
    return next(filter(None, map(_words, concepts or ())), "")


def _told(
    resource: Json, names: Mapping[str, str]
) -> tuple[str, str, list[str], list[tuple[str, str]]]:
    """Return the heading, the line below it, the texts and the links of a resource."""
    kind = resource["resourceType"]
    when = _when(resource)
    who = _who(resource)
    texts: list[str] = []
    links: list[tuple[str, str]] = []
    heading = _words(resource.get("code")) or _words(resource.get("type")) or _KINDS.get(kind, kind)
    if kind == "Patient":
        names = [
            " ".join((*each.get("given", ()), each.get("family", "")))
            for each in resource.get("name", ())
        ]
        heading = " · ".join(names)
        gender = _GENDERS.get(resource.get("gender", ""), "")
        born = _day(resource["birthDate"]) if "birthDate" in resource else ""
        texts = [", ".join(filter(None, (gender, born)))]
        texts += [each.get("value", "") for each in resource.get("telecom", ())]
        texts += [
            f"{_numbered(each)} : {each.get('value', '')}"
            for each in resource.get("identifier", ())
        ]
    elif kind == "CareTeam":
        heading = resource.get("name", "Cercle")
        texts = [
            " · ".join(
                filter(
                    None,
                    (
                        names.get(each.get("member", {}).get("reference", ""), "")
                        or each.get("member", {}).get("display", ""),
                        ", ".join(map(_words, each.get("role", ()))),
                    ),
                )
            )
            for each in resource.get("participant", ())
        ]
    elif kind == "RelatedPerson":
        heading = " · ".join(
            " ".join((*each.get("given", ()), each.get("family", "")))
            for each in resource.get("name", ())
        )
        texts = [each.get("value", "") for each in resource.get("telecom", ())]
    elif kind == "DocumentReference":
        heading = resource.get("description") or heading
        for content in resource["content"]:
            held = content["attachment"]
            if "data" in held:
                texts.append(_decoded(held["data"]))
            elif "url" in held:
                links.append((held["url"], held.get("title", "fichier")))
                if "readable" in content:
                    links.append((content["readable"], "Lire ce document"))
    elif kind == "Observation":
        texts = [_value(resource)] if _value(resource) else []
        texts += [
            f"{_words(each.get('code')) or _coded(each.get('code'))} : {_value(each)}"
            for each in resource.get("component", ())
        ]
    elif kind == "Communication":
        heading = _words(resource.get("topic")) or "Message"
        for payload in resource.get("payload", ()):
            texts.append(payload.get("contentString", ""))
            if held := payload.get("contentAttachment"):
                links.append((held["url"], held["title"]))
    elif kind == "QuestionnaireResponse":
        heading = resource.get("title") or "Évaluation"
        texts = list(_answers(resource.get("item", ())))
    elif kind == "Consent":
        heading = {"permit": "Accord recueilli", "deny": "Opposition"}.get(
            resource["provision"]["type"], ""
        )
    elif kind == "Goal":
        heading = _words(resource.get("description"))
        texts = [_words(each.get("measure")) for each in resource.get("target", ())]
    elif kind == "CarePlan":
        heading = resource.get("title", "Plan")
        texts = [f"Besoin : {_words(each['code'])}" for each in resource.get("contained", ())]
        texts += [
            f"Action : {each['detail'].get('description', '')}"
            for each in resource.get("activity", ())
            if "detail" in each
        ]
    elif kind in ("Encounter", "EpisodeOfCare"):
        heading = {"Encounter": "Séjour", "EpisodeOfCare": "Dossier d’appui"}[kind]
        texts = [resource.get("serviceProvider", {}).get("display", "")]
    elif kind in ("Task", "Appointment"):
        heading = (
            resource.get("description") or {"Task": "Tâche", "Appointment": "Rendez-vous"}[kind]
        )
    elif kind == "CommunicationRequest":
        heading = ", ".join(map(_words, resource.get("category", ()))) or "Événement"
    if kind in ("ServiceRequest", "DetectedIssue"):
        texts += [_words(each) for each in resource.get("reasonCode", ())]
        texts.append(resource.get("detail", ""))
    texts += [each.get("text", "") for each in resource.get("note", ())]
    meta = " · ".join(filter(None, (when, who, _STATUS.get(resource.get("status", ""), ""))))
    return heading or kind, meta, texts, links


_GENDERS = {"male": "Homme", "female": "Femme"}
_KINDS = {"ServiceRequest": "Demande", "DetectedIssue": "Signal", "Observation": "Mesure"}
# The parts of a blood pressure, which the profile of measures names by their code only.
_CODES = {"8480-6": "Systolique", "8462-4": "Diastolique"}


def _coded(concept: Any) -> str:
    codings = concept.get("coding", ()) if isinstance(concept, dict) else ()
    return next((_CODES.get(each.get("code", ""), each.get("code", "")) for each in codings), "")


def _numbered(identifier: Json) -> str:
    """Return what a number is: the INS, or the system that gave it."""
    oid = identifier.get("system", "").removeprefix("urn:oid:")
    return "INS" if oid in INS_OIDS else _words(identifier.get("type")) or oid


_STATUS = {
    "entered-in-error": "Retiré : saisi par erreur",
    "superseded": "Remplacé",
    "cancelled": "Annulé",
    "rejected": "Refusé",
    "completed": "Fait",
    "draft": "En rédaction",
}
_MOMENTS = (
    "date",
    "dateTime",
    "effectiveDateTime",
    "sent",
    "authored",
    "authoredOn",
    "created",
    "start",
    "identifiedDateTime",
)


def _when(resource: Json) -> str:
    for name in _MOMENTS:
        if held := resource.get(name):
            return _day(str(held))
    period = resource.get("period", {})
    return " → ".join(_day(period[name]) for name in ("start", "end") if name in period)


def _day(text: str) -> str:
    """Return a FHIR date as it is read here: the day, and the hour where one was said."""
    try:
        moment = fhir.span(text)
    except ValueError:
        return text
    local = timezone.localtime(moment.start, timezone.get_default_timezone())
    if moment.precision == fhir.INSTANT:
        return local.strftime("%d/%m/%Y %H:%M")
    return local.strftime("%d/%m/%Y") if moment.precision == fhir.DAY else text


def _who(resource: Json) -> str:
    held: list[Any] = []
    for name in ("author", "performer", "sender", "requester", "owner"):
        value = resource.get(name)
        held += value if isinstance(value, list) else [value] if value else []
    return ", ".join(dict.fromkeys(each["display"] for each in held if each.get("display")))


def _words(concept: Any) -> str:
    if not isinstance(concept, dict):
        return ""
    if concept.get("text"):
        return str(concept["text"])
    return next((each["display"] for each in concept.get("coding", ()) if "display" in each), "")


def _value(element: Json) -> str:
    if quantity := element.get("valueQuantity"):
        return f"{quantity.get('value', '')} {quantity.get('unit', '')}".strip()
    return str(element.get("valueString", ""))


def _answers(items: Iterable[Json]) -> Iterator[str]:
    """Yield « question : answers » of each answered question, groups opened."""
    for item in items:
        said = [_answer(each) for each in item.get("answer", ())]
        if said:
            yield f"{item.get('text') or item['linkId']} : {', '.join(said)}"
        yield from _answers(item.get("item", ()))


def _answer(answer: Json) -> str:
    value = next((each for name, each in answer.items() if name.startswith("value")), "")
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, dict):
        if "value" in value:
            return f"{value['value']} {value.get('unit', '')}".strip()
        return str(value.get("display") or value.get("code") or "")
    return str(value)


def _decoded(data: str) -> str:
    try:
        return base64.b64decode(data).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
