"""Write an archive: what a person reads, what a machine reads, and the documents."""

import hashlib
import html
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid5

from lxml import etree

from carbet.interop import cda
from carbet.interop.cda import vocabulary as c
from carbet.interop.cda.header import utc_text
from carbet.interop.xdm import vocabulary as v

FILE_NAME = "IHE_XDM.zip"
_FOLDER = "IHE_XDM/SUBSET01"
_SEED = UUID("6f1d5b1c-6d5e-4c8e-9b8b-0f2f1f4f7c11")


@dataclass(frozen=True, slots=True)
class Packed:
    """A CDA document to send, with its header; `hidden_from` are codes of J08."""

    data: bytes = field(repr=False)
    header: cda.Header
    hidden_from: tuple[str, ...] = ()


def write(
    documents: Sequence[Packed], *, at: datetime, source: str = "Carbet", software: str = "Carbet"
) -> bytes:
    """Return the bytes of an archive about one person; the same documents give the same bytes.

    Args:
        source: who sends, as the index says it to a person.

    Raises:
        ValueError: no document, or documents about several persons.
    """
    if not documents:
        raise ValueError("an archive holds at least one document")
    if len({packed.header.patient.identifiers for packed in documents}) > 1:
        raise ValueError("an archive is about one person")
    names = [f"DOC{number:05d}.XML" for number in range(1, len(documents) + 1)]
    files = {
        "INDEX.HTM": _index(documents, names, source),
        "README.TXT": _readme(documents, names, source, software),
        f"{_FOLDER}/METADATA.XML": _metadata(documents, names, at),
    } | {f"{_FOLDER}/{name}": packed.data for name, packed in zip(names, documents, strict=True)}
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            said = zipfile.ZipInfo(name, at.astimezone(cda.TERRITORY).timetuple()[:6])
            said.compress_type = zipfile.ZIP_DEFLATED
            said.external_attr = 0o644 << 16
            archive.writestr(said, data)
    return written.getvalue()


ENTRY = "Document01"


def metadata(packed: Packed, *, at: datetime) -> bytes:
    """Return the metadata (ebRIM) of one document given alone: its entry is called `ENTRY`."""
    return _metadata([packed], ["DOC00001.XML"], at)


def _index(documents: Sequence[Packed], names: Sequence[str], source: str) -> bytes:
    lines = "".join(
        f'<li><a href="{_FOLDER}/{name}">{html.escape(packed.header.title)}</a>,'
        f" {html.escape(packed.header.type.label or packed.header.type.code)}</li>"
        for name, packed in zip(names, documents, strict=True)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML Basic 1.1//EN"'
        ' "http://www.w3.org/TR/xhtml-basic/xhtml-basic11.dtd">\n'
        '<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="fr"><head>'
        "<title>Documents de santé</title></head><body>"
        f"<h1>Documents de santé</h1><p>Envoyés par {html.escape(source)}. Lisez d’abord"
        f' <a href="README.TXT">README.TXT</a>.</p><ul>{lines}</ul></body></html>\n'
    ).encode()


def _readme(documents: Sequence[Packed], names: Sequence[str], source: str, software: str) -> bytes:
    lines = [
        "Documents de santé transmis par messagerie sécurisée (profil IHE XDM).",
        f"Émetteur : {source}",
        f"Logiciel : {software}",
        "",
        "Contenu :",
        "INDEX.HTM : la liste des documents, à ouvrir dans un navigateur.",
        f"{_FOLDER}/METADATA.XML : leur description, pour les logiciels.",
        *(
            f"{_FOLDER}/{name} : {packed.header.title} (CDA R2)"
            for name, packed in zip(names, documents, strict=True)
        ),
        "",
        "Ces documents sont couverts par le secret professionnel.",
        "",
    ]
    return "\r\n".join(lines).encode()


def _metadata(documents: Sequence[Packed], names: Sequence[str], at: datetime) -> bytes:
    root = etree.Element(f"{{{v.LCM}}}SubmitObjectsRequest", nsmap={"lcm": v.LCM, None: v.RIM})
    listed = _add(root, "RegistryObjectList")
    for number, (packed, name) in enumerate(zip(documents, names, strict=True), start=1):
        _document(listed, f"Document{number:02d}", packed, name)
    _submission(listed, documents, at)
    for number in range(1, len(documents) + 1):
        link = _add(
            listed,
            "Association",
            id=f"Association{number:02d}",
            associationType=v.HAS_MEMBER,
            sourceObject="SubmissionSet01",
            targetObject=f"Document{number:02d}",
            objectType=v.ASSOCIATION,
        )
        _slot(link, "SubmissionSetStatus", "Original")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _document(listed: etree._Element, key: str, packed: Packed, name: str) -> None:
    header = packed.header
    entry = _add(listed, "ExtrinsicObject", id=key, mimeType="text/xml", objectType=v.DOCUMENT)
    if header.effective_at is not None:
        _slot(entry, "creationTime", utc_text(header.effective_at))
    _slot(entry, "hash", hashlib.sha1(packed.data, usedforsecurity=False).hexdigest())
    _slot(entry, "languageCode", header.language or "fr-FR")
    signer = header.legal_authenticator or next(iter(header.authors), None)
    if signer is not None:
        _slot(entry, "legalAuthenticator", _person(signer))
    service = next(iter(header.services), cda.Service())
    for slot, moment in (
        ("serviceStartTime", service.period.start or header.effective_at),
        ("serviceStopTime", service.period.end),
    ):
        if moment is not None:
            _slot(entry, slot, utc_text(moment))
    _slot(entry, "size", str(len(packed.data)))
    for held in _source_patient(header.patient)[:1]:
        _slot(entry, "sourcePatientId", held)
    _slot(entry, "sourcePatientInfo", *_traits(header.patient))
    _slot(entry, "URI", name)
    _say(entry, "Name", header.title)
    for author in header.authors:
        _author(entry, key, v.AUTHOR, author)
    _classify(entry, key, v.CLASS, *v.class_of(header.type.code), v.CLASSES)
    _classify(
        entry,
        key,
        v.CONFIDENTIALITY,
        header.confidentiality,
        c.CONFIDENTIALITIES.get(header.confidentiality, header.confidentiality),
        c.CONFIDENTIALITY,
    )
    for code in packed.hidden_from:
        _classify(entry, key, v.CONFIDENTIALITY, code, _HIDDEN.get(code, code), _HIDDEN_SYSTEM)
    form, system = (
        (v.PDF_FORMAT, v.IHE_FORMATS)
        if any(each.root == c.XDS_SD for each in header.templates) or not header.templates
        else (v.OTHER_FORMAT, v.OTHER_FORMATS)
    )
    _classify(entry, key, v.FORMAT, *form, system)
    facility = header.encounter.facility or cda.Code("SA07", "Cabinet individuel", c.FACILITY)
    _classify(entry, key, v.FACILITY, facility.code, facility.label, facility.system)
    setting = service.setting or cda.Code("AMBULATOIRE", "Ambulatoire", c.PRACTICE_SETTING)
    _classify(entry, key, v.SETTING, setting.code, setting.label, setting.system)
    _classify(
        entry, key, v.TYPE, header.type.code, header.type.label, header.type.system or c.LOINC
    )
    for held in _source_patient(header.patient)[:1]:
        _external(entry, key, v.DOCUMENT_PATIENT, "XDSDocumentEntry.patientId", held)
    _external(entry, key, v.DOCUMENT_UNIQUE, "XDSDocumentEntry.uniqueId", str(header.identifier))


def _submission(listed: etree._Element, documents: Sequence[Packed], at: datetime) -> None:
    first, key = documents[0].header, "SubmissionSet01"
    package = _add(listed, "RegistryPackage", id=key, objectType=v.PACKAGE)
    _slot(package, "submissionTime", utc_text(at))
    _say(package, "Name", first.title)
    for author in first.authors[:1]:
        _author(package, key, v.SET_AUTHOR, author)
    _classify(package, key, v.SET_CONTENT, *v.class_of(first.type.code), v.CLASSES)
    for held in _source_patient(first.patient)[:1]:
        _external(package, key, v.SET_PATIENT, "XDSSubmissionSet.patientId", held)
    _external(package, key, v.SET_SOURCE, "XDSSubmissionSet.sourceId", f"2.25.{_SEED.int}")
    seed = uuid5(_SEED, "|".join(str(packed.header.identifier) for packed in documents))
    unique = str(cda.new_identifier(seed))
    _external(package, key, v.SET_UNIQUE, "XDSSubmissionSet.uniqueId", unique)
    _add(
        listed,
        "Classification",
        id="cl_SubmissionSet01",
        classifiedObject=key,
        classificationNode=v.SUBMISSION_SET,
        objectType=v.CLASSIFICATION,
    )


# JDV_J08, beyond N, R and V.
_HIDDEN_SYSTEM = "1.2.250.1.213.1.1.4.13"
_HIDDEN = {
    "MASQUE_PS": "Masqué aux professionnels de santé",
    "INVISIBLE_PATIENT": "Non visible par le patient",
    "INVISIBLE_REPRESENTANTS_LEGAUX": "Non visible par les représentants légaux",
}


def _add(parent: etree._Element, element: str, /, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{v.RIM}}}{element}", attributes)


def _slot(parent: etree._Element, name: str, *values: str) -> None:
    listed = _add(_add(parent, "Slot", name=name), "ValueList")
    for value in values:
        _add(listed, "Value").text = _clean(value)


def _say(parent: etree._Element, name: str, text: str) -> None:
    said = _add(_add(parent, name), "LocalizedString", charset="UTF-8", value=_clean(text))
    said.set("{http://www.w3.org/XML/1998/namespace}lang", "fr")


def _classify(
    parent: etree._Element, key: str, scheme: str, code: str, label: str, system: str
) -> None:
    made = _add(
        parent,
        "Classification",
        id=f"{key}_{len(parent)}",
        classificationScheme=scheme,
        classifiedObject=key,
        nodeRepresentation=_clean(code),
        objectType=v.CLASSIFICATION,
    )
    _slot(made, "codingScheme", system)
    _say(made, "Name", label or code)


def _author(parent: etree._Element, key: str, scheme: str, author: cda.Author) -> None:
    made = _add(
        parent,
        "Classification",
        id=f"{key}_{len(parent)}",
        classificationScheme=scheme,
        classifiedObject=key,
        nodeRepresentation="",
        objectType=v.CLASSIFICATION,
    )
    place = author.organization
    if place is not None:
        held = place.identifier
        _slot(
            made,
            "authorInstitution",
            f"{_hl7(place.name)}^^^^^&{held.root}&ISO^IDNST^^^{_hl7(held.extension)}"
            if held
            else _hl7(place.name),
        )
    _slot(made, "authorPerson", _person(author))
    if author.specialty is not None:
        said = author.specialty
        _slot(made, "authorSpecialty", f"{said.code}^{_hl7(said.label)}^{said.system}")


def _external(parent: etree._Element, key: str, scheme: str, name: str, value: str) -> None:
    made = _add(
        parent,
        "ExternalIdentifier",
        id=f"{key}_{len(parent)}",
        registryObject=key,
        identificationScheme=scheme,
        value=_clean(value),
        objectType=v.EXTERNAL,
    )
    _say(made, "Name", name)


def _person(author: cda.Author) -> str:
    """Return a professional as an XCN."""
    name, held = author.name or cda.Name(author.software), author.identifier
    number = held.extension if held else ""
    root = held.root if held else c.PROFESSIONAL
    return (
        f"{_hl7(number)}^{_hl7(name.family)}^{_hl7(name.given)}^^^{_hl7(name.prefix)}^^^"
        f"&{root}&ISO^D^^^{'IDNPS' if number.startswith('8') else 'EI'}"
    )


def _source_patient(patient: cda.Patient) -> list[str]:
    """Return the identifiers of the person as CX, the INS first."""
    held = sorted(patient.identifiers, key=lambda each: each != patient.ins)
    return [
        f"{_hl7(each.extension)}^^^&{each.root}&ISO^{'NH' if each == patient.ins else 'PI'}"
        for each in held
    ]


def _traits(patient: cda.Patient) -> list[str]:
    born = patient.birth_date.strftime("%Y%m%d") if patient.birth_date else ""
    letter = {"male": "M", "female": "F"}.get(patient.gender, "U")
    names = [f"{_hl7(patient.birth_family)}^{_hl7(patient.birth_given)}^^^^^L"]
    if patient.used_family:
        names.append(f"{_hl7(patient.used_family)}^{_hl7(patient.first_given)}^^^^^D")
    said = [f"PID-5|{name}" for name in names]
    return [*said, f"PID-7|{born}", f"PID-8|{letter}"]


def _hl7(text: str) -> str:
    """Return a text without what separates the parts of an HL7 field."""
    return "".join(" " if sign in "|^~&\\" else sign for sign in text)


def _clean(text: str) -> str:
    return "".join(
        sign
        for sign in text
        if sign in "\t\n\r"
        or " " <= sign <= "\ud7ff"
        or "\ue000" <= sign <= "\ufffd"
        or sign > "\uffff"
    )[:4000]
