"""Read notes and measures that another software sends; the caller resolves the references."""

import base64
import binascii
import io
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from carbet.coordination.documents.rules.content import UnknownContent
from carbet.coordination.documents.rules.receiving import Received, receive
from carbet.coordination.notebook import rules
from carbet.coordination.notebook.choices import MeasureKind, NoteKind
from carbet.coordination.notebook.fhir import vocabulary as words
from carbet.core import fhir
from carbet.core.fhir import Issue, Json, Reading
from carbet.core.sharing import Visibility

WITHDRAWN = "entered-in-error"


@dataclass(frozen=True)
class NoteRead:
    """What a DocumentReference says, and issues; `text_at` is where its text was said."""

    fields: dict[str, Any]
    identifier: tuple[str, str]
    subject: Json
    authors: list[Json]
    replies_to: Json | None
    is_withdrawn: bool
    text_at: str
    issues: list[Issue]


@dataclass(frozen=True)
class MeasureRead:
    """What an Observation says, and issues; `values_at` is where each of its values was said."""

    kind: str
    values: tuple[Decimal | None, ...]
    occurred_at: datetime | None
    comment: str
    identifier: tuple[str, str]
    subject: Json
    performers: list[Json]
    is_withdrawn: bool
    values_at: list[str] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)


# --- Notes --------------------------------------------------------------------------------------


def read_note(resource: Json, at: str) -> NoteRead:
    """Read a DocumentReference by the rules of `cdl-document-reference`."""
    reading = Reading(resource, at)
    reading.keep_only(
        "extension masterIdentifier status docStatus type subject date author authenticator"
        " custodian relatesTo securityLabel content description"
    )
    for name in ("type", "subject", "author"):
        if name not in resource:
            reading.error("required", f"Élément obligatoire absent : {name} (CdL).", name)
    for name in ("docStatus", "authenticator", "custodian"):
        if name in resource:
            reading.error("structure", f"Élément interdit dans une note : {name} (CdL).", name)
    if resource["status"] == "superseded":
        reading.error("not-supported", "status : current ou entered-in-error (CdL).", "status")
    text, text_at, files = _read_contents(reading)
    fields: dict[str, Any] = {
        "text": text,
        "files": files,
        "kind": _read_kind(reading),
        "urgent": _read_urgent(reading),
        "visibility": _read_visibility(reading),
        "occurred_at": fhir.span(resource["date"]).start if "date" in resource else None,
    }
    return NoteRead(
        fields=fields,
        identifier=_read_identifier(reading, resource.get("masterIdentifier"), "masterIdentifier"),
        subject=resource.get("subject", {}),
        authors=resource.get("author", []),
        replies_to=_read_reply(reading),
        is_withdrawn=resource["status"] == WITHDRAWN,
        text_at=reading.place(text_at),
        issues=reading.issues,
    )


def _read_kind(reading: Reading) -> str:
    said = reading.resource.get("type")
    code = fhir.code_of([said] if said else [], words.NOTE_TYPES)
    if said and code not in NoteKind.values:
        codes = ", ".join(NoteKind.values)
        reading.error("code-invalid", f"Type de note (TRE_R234) attendu : {codes}.", "type")
        code = ""
    return code or NoteKind.GENERAL.value


def _read_urgent(reading: Reading) -> bool:
    urgent = False
    for number, each in enumerate(reading.resource.get("extension", [])):
        where = f"extension[{number}]"
        if each["url"] != words.IS_EMERGENCY:
            reading.not_kept(where)
        elif "valueBoolean" not in each:
            reading.error("value", "Vrai ou faux est attendu (valueBoolean).", where)
        else:
            urgent = urgent or each["valueBoolean"]
    return urgent


def _read_visibility(reading: Reading) -> str:
    said = reading.resource.get("securityLabel", [])
    if len(said) > 1:
        reading.error(
            "structure", "Un seul statut de visibilité par note (CdL).", "securityLabel[1]"
        )
    if not said:
        return Visibility.CIRCLE.value
    code = fhir.code_of(said[:1], *words.VISIBILITY_SYSTEMS)
    if code == "INVISIBLE_REPRESENTANTS_LEGAUX":
        # Whom it hides from is told by relatives' account too: it goes to professionals only.
        reading.issues.append(
            Issue(
                "not-supported",
                "Gardé comme non visible par le patient ni par ses proches.",
                reading.place("securityLabel[0]"),
                "warning",
            )
        )
    elif code != "INVISIBLE_PATIENT":
        reading.error(
            "not-supported" if code == "MASQUE_PS" else "code-invalid",
            "Visibilité reçue (JDV_J110) : INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX.",
            "securityLabel[0]",
        )
    return Visibility.PROFESSIONALS.value


def _read_reply(reading: Reading) -> Json | None:
    said = reading.resource.get("relatesTo", [])
    for number, each in enumerate(said):
        if number or each["code"] != "appends":
            reading.error(
                "not-supported",
                "Un seul lien, « appends », vers la note à laquelle celle-ci répond (CdL).",
                f"relatesTo[{number}].code",
            )
    target: Json | None = said[0]["target"] if said else None
    return target


def _read_text(reading: Reading, raw: bytes, at: str) -> str:
    """Return a text in UTF-8, or in the Windows encoding that the guide's own example is in."""
    try:
        return raw.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        pass
    try:
        text = raw.decode("cp1252").strip()
    except UnicodeDecodeError:
        reading.error("value", "Texte illisible : UTF-8 attendu.", at)
        return ""
    told = "Ce texte n’est pas en UTF-8 : lu comme du Windows-1252."
    reading.issues.append(Issue("value", told, reading.place(at), "warning"))
    return text


def _read_contents(reading: Reading) -> tuple[str, str, list[Received]]:
    """Return the text of a note, where it was said, and the files it carries."""
    text, text_at, files = "", "content[0].attachment.data", []
    resource = reading.resource
    for number, content in enumerate(resource["content"]):
        where = f"content[{number}].attachment"
        attachment = content["attachment"]
        if "format" in content:
            reading.not_kept(f"content[{number}].format")
        raw = _read_data(reading, attachment, where)
        if raw is None:
            continue
        kind = str(attachment.get("contentType", "")).partition(";")[0].strip().lower()
        if not kind:
            reading.error("required", "Le type du contenu est attendu.", f"{where}.contentType")
        elif kind == "text/plain" and not text:
            text, text_at = _read_text(reading, raw, f"{where}.data"), f"{where}.data"
        else:
            name = str(attachment.get("title") or f"fichier {number + 1}")
            try:
                files.append(receive(name, io.BytesIO(raw), len(raw)))
            except UnknownContent as refusal:
                reading.error("value", str(refusal), f"{where}.data")
    if text and "description" in resource:
        reading.not_kept("description")
    if not text:
        text = str(resource.get("description", "")) or ("Voir la pièce jointe." if files else "")
    return text, text_at, files


def _read_data(reading: Reading, attachment: Json, where: str) -> bytes | None:
    if "data" not in attachment:
        if "url" in attachment:
            reading.error(
                "not-supported", "Aucune adresse n’est suivie : envoyez « data ».", f"{where}.url"
            )
        else:
            reading.error("required", "Un contenu est attendu (CdL).", f"{where}.data")
        return None
    try:
        return base64.b64decode("".join(attachment["data"].split()), validate=True)
    except binascii.Error:
        reading.error("value", "Base64 illisible.", f"{where}.data")
        return None


# --- Measures -----------------------------------------------------------------------------------


def read_measure(resource: Json, at: str) -> MeasureRead:
    """Read an Observation by the rules of MES: one LOINC code, values in UCUM units."""
    reading = Reading(resource, at)
    reading.keep_only(
        "identifier status category code subject effectiveDateTime effectiveInstant"
        " effectivePeriod performer valueQuantity component note"
    )
    if "subject" not in resource:
        reading.error("required", "Élément obligatoire absent : subject (MES).", "subject")
    if resource["status"] not in ("final", "amended", "corrected", WITHDRAWN):
        reading.error("not-supported", "Une mesure reçue est définitive : final.", "status")
    code = fhir.code_of([resource["code"]], words.LOINC)
    kind = words.KINDS.get(code, "")
    values: tuple[Decimal | None, ...] = ()
    values_at: list[str] = []
    if not kind:
        codes = ", ".join(f"{each.value} ({each.label})" for each in MeasureKind)
        reading.error("code-invalid", f"Mesure non reçue ici ; sont reçues : {codes}.", "code")
    else:
        values, values_at = _read_values(reading, kind)
    said = resource.get("identifier", [])
    for number in range(1, len(said)):
        reading.not_kept(f"identifier[{number}]")
    notes = resource.get("note", [])
    for number in range(1, len(notes)):
        reading.not_kept(f"note[{number}]")
    return MeasureRead(
        kind=kind,
        values=values,
        occurred_at=_read_moment(reading),
        comment=reading.text(notes[0]["text"] if notes else "", 200, "note[0].text"),
        identifier=_read_identifier(reading, said[0] if said else None, "identifier[0]"),
        subject=resource.get("subject", {}),
        performers=resource.get("performer", []),
        is_withdrawn=resource["status"] == WITHDRAWN,
        values_at=values_at,
        issues=reading.issues,
    )


def _read_values(reading: Reading, kind: str) -> tuple[tuple[Decimal | None, ...], list[str]]:
    resource = reading.resource
    scales = rules.SCALES[kind]
    if kind != MeasureKind.BLOOD_PRESSURE:
        if "component" in resource:
            reading.not_kept("component")
        value = _read_quantity(
            reading, kind, scales[0], resource.get("valueQuantity"), "valueQuantity"
        )
        return (value,), [reading.place("valueQuantity.value")]
    if "valueQuantity" in resource:
        reading.not_kept("valueQuantity")
    values: list[Decimal | None] = []
    places = []
    components = resource.get("component", [])
    for scale, code in zip(scales, words.PRESSURES, strict=True):
        number = next(
            (
                rank
                for rank, each in enumerate(components)
                if fhir.code_of([each["code"]], words.LOINC) == code
            ),
            None,
        )
        if number is None:
            reading.error("required", f"Composante attendue : {code} ({scale.label}).", "component")
            values.append(None)
            places.append(reading.place("component"))
            continue
        where = f"component[{number}].valueQuantity"
        held = components[number].get("valueQuantity")
        values.append(_read_quantity(reading, kind, scale, held, where))
        places.append(reading.place(f"{where}.value"))
        for name in set(components[number]) - {"id", "code", "valueQuantity"}:
            reading.not_kept(f"component[{number}].{name}")
    return tuple(values), places


def _read_quantity(
    reading: Reading, kind: str, scale: rules.Scale, quantity: Json | None, where: str
) -> Decimal | None:
    """Return a value in the unit in which we keep it."""
    if quantity is None or "value" not in quantity:
        reading.error("required", "Une valeur et son unité sont attendues (MES).", where)
        return None
    if "comparator" in quantity:
        reading.error("not-supported", "Une valeur exacte est attendue.", f"{where}.comparator")
    value = Decimal(str(quantity["value"]))
    unit = quantity.get("code") or quantity.get("unit", "")
    if unit == scale.unit_code or unit in words.SAME_UNITS.get(MeasureKind(kind), ()):
        return value
    if factor := words.CONVERSIONS.get(kind, {}).get(unit):
        return round(value * factor, scale.decimals)
    reading.error("code-invalid", f"Unité attendue (UCUM) : {scale.unit_code}.", f"{where}.code")
    return None


def _read_moment(reading: Reading) -> datetime | None:
    resource = reading.resource
    said = resource.get("effectiveDateTime") or resource.get("effectiveInstant")
    if "effectivePeriod" in resource:
        said = resource["effectivePeriod"].get("start")
        reading.not_kept("effectivePeriod.end")
    if not said:
        reading.error("required", "Le moment de la mesure est attendu (MES).", "effective[x]")
        return None
    return fhir.span(said).start


def _read_identifier(reading: Reading, said: Json | None, where: str) -> tuple[str, str]:
    if said is None:
        return "", ""
    if not said.get("value"):
        reading.error("required", "Un identifiant a une valeur.", f"{where}.value")
    return (
        reading.text(said.get("system"), 200, f"{where}.system"),
        reading.text(said.get("value"), 200, f"{where}.value"),
    )
