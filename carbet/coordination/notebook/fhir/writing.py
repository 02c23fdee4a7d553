"""Say notes, measures and files in FHIR, each kind in one query."""

import base64
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, QuerySet
from django.db.models.functions import JSONObject
from django.utils import timezone

from carbet.coordination.documents import queries as documents
from carbet.coordination.documents.choices import DocumentStatus
from carbet.coordination.documents.models import Document, File
from carbet.coordination.notebook import rules
from carbet.coordination.notebook.choices import MeasureKind, MeasureStatus, NoteKind
from carbet.coordination.notebook.fhir import vocabulary as words
from carbet.coordination.notebook.models import Measure, Note, NoteFile
from carbet.core import fhir
from carbet.core.compiled import Compiled
from carbet.core.fhir import Json

_AUTHORED = """id patient_id author_role_id author_organization_id author_name occurred_at
    identifier_system identifier_value updated_at version kind"""
_NOTE = f"{_AUTHORED} text urgent visibility replies_to_id withdrawn_at"
_MEASURE = f"{_AUTHORED} value second_value status comment"


def _note_columns() -> QuerySet[Note, dict[str, Any]]:
    held = NoteFile.objects.filter(
        note_id=OuterRef("pk"), document__status=DocumentStatus.CURRENT
    ).order_by("pk")
    each = JSONObject(
        id=F("document__files__id"),
        name=F("document__files__name"),
        type=F("document__files__media_type"),
        size=F("document__files__size"),
    )
    return Note.objects.values(*_NOTE.split(), attached=ArraySubquery(held.values(each=each)))


_NOTES = Compiled(_note_columns)
_MEASURES = Compiled(lambda: Measure.objects.values(*_MEASURE.split()))


def notes(rows: QuerySet[Note]) -> list[Json]:
    """Return the DocumentReference resources of these notes (`cdl-document-reference`)."""
    return [_note(row) for row in _NOTES.rows(rows)]


def note_versions(number: int) -> list[Json]:
    """Return the versions of a note that the actor may read, the latest first."""
    kept = Note.pgh_event_model.objects.filter(pgh_obj_id=number).order_by("version", "pk")
    latest = {row["version"]: row for row in kept.values()}
    current = _NOTES.rows(Note.objects.filter(pk=number))
    attached = current[0]["attached"] if current else []
    said = [row | {"id": number, "attached": attached} for row in latest.values()]
    return [_note(row) for row in reversed(said)] if current else []


def measures(rows: QuerySet[Measure]) -> list[Json]:
    """Return the Observation resources of these measures (guide MES)."""
    return [_measure(row) for row in _MEASURES.rows(rows)]


def binaries(rows: QuerySet[File]) -> list[Json]:
    """Return the Binary resources of these files; the content of what was withdrawn stays shut."""
    kept = Document.objects.filter(status=DocumentStatus.CURRENT, attached_to="note")
    return [_binary(file) for file in rows.filter(document__in=kept.values("pk"))]


def _binary(file: File) -> Json:
    with documents.content(file=file) as content:
        data = base64.b64encode(content.read()).decode()
    return {
        "resourceType": "Binary",
        "id": str(file.pk),
        "meta": fhir.meta(version=1, updated_at=file.recorded_at),
        "contentType": file.media_type,
        # Whoever sees the person's record, and the note in it, may see this.
        "securityContext": fhir.reference("Patient", file.patient_id),
        "data": data,
    }


def _note(row: dict[str, Any]) -> Json:
    found: Json = {
        "resourceType": "DocumentReference",
        "id": str(row["id"]),
        "meta": fhir.meta(words.NOTE, version=row["version"], updated_at=row["updated_at"]),
        "extension": [fhir.extension(words.IS_EMERGENCY, valueBoolean=row["urgent"])],
        "masterIdentifier": _identifier(row, "note"),
        "status": "entered-in-error" if row["withdrawn_at"] else "current",
        "type": fhir.concept(words.NOTE_TYPES, row["kind"], NoteKind(row["kind"]).label),
        "subject": fhir.reference("Patient", row["patient_id"]),
        "date": fhir.instant(row["occurred_at"]),
        "author": [_author(row)],
    }
    if row["replies_to_id"]:
        target = fhir.reference("DocumentReference", row["replies_to_id"])
        found["relatesTo"] = [{"code": "appends", "target": target}]
    if row["visibility"] in words.LABELS:
        code, label = words.LABELS[row["visibility"]]
        found["securityLabel"] = [fhir.concept(words.VISIBILITIES, code, label)]
    text = base64.b64encode(row["text"].encode()).decode()
    found["content"] = [
        {
            "attachment": {
                "contentType": "text/plain; charset=utf-8",
                "language": "fr",
                "data": text,
                "creation": fhir.instant(row["occurred_at"]),
            }
        }
    ]
    for file in row["attached"]:
        attachment = {
            "contentType": file["type"],
            "url": f"{settings.PUBLIC_URL}/fhir/Binary/{file['id']}",
            "size": file["size"],
            "title": file["name"],
        }
        found["content"].append({"attachment": attachment})
    return found


def _measure(row: dict[str, Any]) -> Json:
    kind = row["kind"]
    category = "laboratory" if words.is_laboratory(kind) else "vital-signs"
    code = fhir.concept(words.LOINC, kind, MeasureKind(kind).label)
    if kind in words.ALSO:
        code["coding"].append(fhir.coding(words.LOINC, words.ALSO[MeasureKind(kind)]))
    is_wrong = row["status"] == MeasureStatus.ENTERED_IN_ERROR
    found: Json = {
        "resourceType": "Observation",
        "id": str(row["id"]),
        "meta": fhir.meta(
            words.PROFILES[kind], version=row["version"], updated_at=row["updated_at"]
        ),
        "identifier": [_identifier(row, "mesure")],
        "status": "entered-in-error" if is_wrong else "final",
        "category": [fhir.concept(words.CATEGORIES, category)],
        "code": code,
        "subject": fhir.reference("Patient", row["patient_id"]),
        "effectiveDateTime": _moment(row["occurred_at"]),
        "performer": [_author(row)],
    }
    values = (row["value"], row["second_value"])
    quantities = [
        {
            "value": _number(value),
            "unit": scale.unit,
            "system": words.UCUM,
            "code": scale.unit_code,
        }
        for scale, value in zip(rules.SCALES[kind], values, strict=False)
    ]
    if kind == MeasureKind.BLOOD_PRESSURE:
        found["component"] = [
            {"code": fhir.concept(words.LOINC, each), "valueQuantity": quantity}
            for each, quantity in zip(words.PRESSURES, quantities, strict=True)
        ]
    else:
        found["valueQuantity"] = quantities[0]
    if row["comment"]:
        found["note"] = [{"text": row["comment"]}]
    return found


def _identifier(row: dict[str, Any], name: str) -> Json:
    if not row["identifier_value"]:
        return fhir.identifier(f"{settings.PUBLIC_URL}/{name}", str(row["id"]))
    held: Json = {"value": row["identifier_value"]}
    return {"system": row["identifier_system"]} | held if row["identifier_system"] else held


def _author(row: dict[str, Any]) -> Json:
    """Return who wrote, whose name may be all that their software said of them."""
    if row["author_role_id"]:
        found = fhir.reference("PractitionerRole", row["author_role_id"])
    else:
        found = fhir.reference("Organization", row["author_organization_id"])
    return found | {"display": row["author_name"]}


def _moment(moment: datetime) -> str:
    """Return a moment; the first one of a day is a day: no hour was said."""
    local = timezone.localtime(moment, timezone.get_default_timezone())
    is_day = (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0)
    return local.date().isoformat() if is_day else fhir.instant(moment)


def _number(value: Any) -> float | int:
    return int(value) if value == int(value) else float(value)
