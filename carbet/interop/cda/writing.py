"""Write a level-1 document: a PDF in the header of the CI-SIS (IHE XDS-SD)."""

import base64
import re
import uuid
from datetime import datetime

from lxml import etree

from carbet.interop.cda import vocabulary as v
from carbet.interop.cda.header import (
    Author,
    Code,
    Encounter,
    Header,
    Identifier,
    Name,
    Organization,
    Patient,
    Period,
    Service,
    written_moment,
)

# What XML cannot hold at all.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TYPE = f"{{{v.XSI}}}type"


def new_identifier(seed: uuid.UUID) -> Identifier:
    """Return the identifier of a document as an OID made of a UUID (ITU-T X.667, arc 2.25)."""
    return Identifier(f"2.25.{seed.int}")


def write_level_one(header: Header, pdf: bytes) -> bytes:
    """Return the CDA document that carries a PDF, in UTF-8.

    The first author answers for the document when nobody else does, and performed the act when no
    service says who did. The INS is written as given: it is the caller who knows whether it may
    leave (`patients.rules.ins_may_leave`).

    Raises:
        ValueError: no PDF, no moment, no type, or no identifier of the document, of the person, of
            an author or of the custodian.
    """
    if not pdf.startswith(b"%PDF-"):
        raise ValueError("a level-1 document carries a PDF")
    if not (header.identifier.root and header.type.code and header.authors):
        raise ValueError("a document has an identifier, a type and an author")
    if header.custodian is None or header.custodian.identifier is None:
        raise ValueError("a document has a custodian, known by an identifier")
    if header.effective_at is None or not header.patient.identifiers:
        raise ValueError("a document has a moment, and a person with an identifier")
    if any(author.identifier is None for author in header.authors):
        raise ValueError("each author is known by an identifier")
    root = etree.Element(f"{{{v.V3}}}ClinicalDocument", nsmap={None: v.V3, "xsi": v.XSI})
    _add(root, "realmCode", code="FR")
    _add(root, "typeId", root=v.TYPE_ID[0], extension=v.TYPE_ID[1])
    for template in (v.HL7_FRANCE, v.CI_SIS, v.XDS_SD):
        _add(root, "templateId", root=template)
    _identifier(root, "id", header.identifier)
    _code(root, "code", header.type)
    _text(root, "title", header.title or header.type.label or "Document")
    _add(root, "effectiveTime", value=written_moment(header.effective_at))
    _code(
        root,
        "confidentialityCode",
        Code(
            header.confidentiality,
            v.CONFIDENTIALITIES.get(header.confidentiality, "Normal"),
            v.CONFIDENTIALITY,
        ),
    )
    _add(root, "languageCode", code=header.language or "fr-FR")
    _identifier(root, "setId", header.set_id or header.identifier)
    _add(root, "versionNumber", value=str(header.version))
    _patient(root, header.patient)
    for author in header.authors:
        _author(root, author, header.effective_at)
    _custodian(root, header.custodian)
    for recipient in header.recipients:
        _recipient(root, recipient)
    _authenticator(root, header.legal_authenticator or header.authors[0], header.effective_at)
    if header.attending is not None:
        _attending(root, header.attending)
    for service in header.services or (Service(),):
        _service(root, service, header)
    _replaced(root, header)
    _encounter(root, header.encounter, header)
    component = _add(_add(root, "component"), "nonXMLBody")
    carried = _add(component, "text", mediaType=v.PDF, representation="B64")
    carried.text = base64.b64encode(pdf).decode("ascii")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _add(parent: etree._Element, name: str, **attributes: str) -> etree._Element:
    return etree.SubElement(
        parent,
        f"{{{v.V3}}}{name}",
        {key: _NOT_XML.sub("", value) for key, value in attributes.items()},
    )


def _text(parent: etree._Element, name: str, text: str, **attributes: str) -> None:
    _add(parent, name, **attributes).text = _NOT_XML.sub("", text)


def _identifier(parent: etree._Element, name: str, held: Identifier | None) -> None:
    if held is None:
        _add(parent, name, nullFlavor="UNK")
    elif held.extension:
        _add(parent, name, root=held.root, extension=held.extension)
    else:
        _add(parent, name, root=held.root)


def _national(parent: etree._Element, held: Identifier | None, root: str) -> None:
    """Say a number where the CI-SIS lets national ones only: a local one is left unsaid there."""
    if held is not None and held.root == root:
        _identifier(parent, "id", held)


def _code(parent: etree._Element, name: str, said: Code) -> None:
    attributes = {"code": said.code, "displayName": said.label or said.code}
    if said.system:
        attributes["codeSystem"] = said.system
    _add(parent, name, **attributes)


def _phone(parent: etree._Element, phone: str, use: str = "WP") -> None:
    if phone:
        _add(parent, "telecom", value=f"tel:{re.sub(r'[^0-9+]', '', phone)}", use=use)
    else:
        _add(parent, "telecom", nullFlavor="NASK")


def _address(parent: etree._Element, lines: str, postal_code: str = "", city: str = "") -> None:
    if not (lines or postal_code or city):
        _add(parent, "addr", nullFlavor="NASK")
        return
    address = _add(parent, "addr")
    for name, text in (
        ("streetAddressLine", lines),
        ("streetAddressLine", " ".join(filter(None, (postal_code, city)))),
    ):
        if text:
            _text(address, name, text)


def _patient(root: etree._Element, patient: Patient) -> None:
    role = _add(_add(root, "recordTarget"), "patientRole")
    for held in patient.identifiers:
        _identifier(role, "id", held)
    if patient.address_line or patient.city:
        address = _add(role, "addr")
        for name, text in (
            ("streetName", patient.address_line),
            ("postalCode", patient.postal_code),
            ("city", patient.city),
        ):
            if text:
                _text(address, name, text)
    else:
        _add(role, "addr", nullFlavor="NASK")
    _phone(role, patient.phone, use="H")
    if patient.mailbox:
        _add(role, "telecom", value=f"mailto:{patient.mailbox}")
    person = _add(role, "patient", classCode="PSN")
    name = _add(person, "name")
    _text(name, "family", patient.birth_family, qualifier="BR")
    _text(name, "given", patient.birth_given)
    _text(name, "given", patient.first_given, qualifier="BR")
    if patient.used_family:
        _text(name, "family", patient.used_family, qualifier="CL")
    if patient.used_given:
        _text(name, "given", patient.used_given, qualifier="CL")
    letter = {"male": "M", "female": "F"}.get(patient.gender, "UN")
    _code(person, "administrativeGenderCode", Code(letter, v.GENDERS[letter], v.GENDER))
    if patient.birth_date is None:
        _add(person, "birthTime", nullFlavor="UNK")
    else:
        form = {"year": "%Y", "month": "%Y%m"}.get(patient.birth_date_precision, "%Y%m%d")
        _add(person, "birthTime", value=patient.birth_date.strftime(form))
    if patient.birth_place_code or patient.birth_place_name:
        place = _add(_add(_add(person, "birthplace"), "place"), "addr")
        if patient.birth_place_code:
            _text(place, "county", patient.birth_place_code)
        if patient.birth_place_name:
            _text(place, "city", patient.birth_place_name)


def _author(root: etree._Element, author: Author, at: datetime) -> None:
    written = _add(root, "author")
    _add(written, "time", value=written_moment(author.at or at))
    entity = _add(written, "assignedAuthor")
    _identifier(entity, "id", author.identifier)
    if author.specialty is not None:
        _code(entity, "code", author.specialty)
    _address(entity, author.address)
    _phone(entity, author.phone)
    if author.software and author.name is None:
        device = _add(entity, "assignedAuthoringDevice")
        _text(device, "softwareName", author.software)
    else:
        _name(_add(entity, "assignedPerson"), author.name)
    if author.organization is not None:
        _organization(_add(entity, "representedOrganization"), author.organization)


def _name(person: etree._Element, name: Name | None) -> None:
    if name is None:
        _add(person, "name", nullFlavor="UNK")
        return
    written = _add(person, "name")
    for part, text in (("prefix", name.prefix), ("given", name.given), ("family", name.family)):
        if text:
            _text(written, part, text)
    if name.suffix:
        _text(written, "suffix", name.suffix)


def _organization(element: etree._Element, place: Organization) -> None:
    _national(element, place.identifier, v.STRUCTURE)
    _text(element, "name", place.name)
    _phone(element, place.phone)
    _add(element, "addr", nullFlavor="NASK")
    if place.setting is not None:
        _code(element, "standardIndustryClassCode", place.setting)


def _custodian(root: etree._Element, place: Organization) -> None:
    kept = _add(
        _add(_add(root, "custodian"), "assignedCustodian"), "representedCustodianOrganization"
    )
    _identifier(kept, "id", place.identifier)
    _text(kept, "name", place.name)
    _phone(kept, place.phone)
    _add(kept, "addr", nullFlavor="NASK")


def _recipient(root: etree._Element, recipient: Author) -> None:
    entity = _add(_add(root, "informationRecipient"), "intendedRecipient")
    _national(entity, recipient.identifier, v.PROFESSIONAL)
    _address(entity, recipient.address)
    _phone(entity, recipient.phone)
    if recipient.name is not None:
        _name(_add(entity, "informationRecipient"), recipient.name)
    if recipient.organization is not None:
        place = _add(entity, "receivedOrganization")
        _national(place, recipient.organization.identifier, v.STRUCTURE)
        _text(place, "name", recipient.organization.name)


def _authenticator(root: etree._Element, author: Author, at: datetime) -> None:
    signed = _add(root, "legalAuthenticator")
    _add(signed, "time", value=written_moment(author.at or at))
    _add(signed, "signatureCode", code="S")
    _entity(_add(signed, "assignedEntity"), author)


def _entity(entity: etree._Element, author: Author, setting: Code | None = None) -> None:
    _identifier(entity, "id", author.identifier)
    if author.specialty is not None:
        _code(entity, "code", author.specialty)
    _address(entity, author.address)
    _phone(entity, author.phone)
    _name(_add(entity, "assignedPerson"), author.name)
    place = author.organization or Organization()
    if place.name or place.identifier or setting:
        within = Organization(place.name, place.identifier, place.phone, setting or place.setting)
        _organization(_add(entity, "representedOrganization"), within)


def _attending(root: etree._Element, doctor: Author) -> None:
    participant = _add(root, "participant", typeCode="INF")
    _code(participant, "functionCode", Code("PCP", "Médecin traitant", v.FUNCTION))
    time = _add(participant, "time", nullFlavor="UNK")
    time.set(_TYPE, "IVL_TS")
    entity = _add(participant, "associatedEntity", classCode="PROV")
    _identifier(entity, "id", doctor.identifier)
    if doctor.specialty is not None:
        _code(entity, "code", doctor.specialty)
    _address(entity, doctor.address)
    _phone(entity, doctor.phone)
    _name(_add(entity, "associatedPerson"), doctor.name)


def _service(root: etree._Element, service: Service, header: Header) -> None:
    event = _add(_add(root, "documentationOf"), "serviceEvent")
    if service.code is not None:
        _code(event, "code", service.code)
    _period(event, "effectiveTime", service.period, header.effective_at)
    performer = service.performer or header.authors[0]
    setting = service.setting or (performer.organization or Organization()).setting
    ambulatory = Code("AMBULATOIRE", "Ambulatoire", v.PRACTICE_SETTING)
    _entity(
        _add(_add(event, "performer", typeCode="PRF"), "assignedEntity"),
        performer,
        setting or ambulatory,
    )


def _period(parent: etree._Element, name: str, period: Period, otherwise: datetime | None) -> None:
    time = _add(parent, name)
    start = period.start or otherwise
    if start is not None:
        _add(time, "low", value=written_moment(start))
    if period.end is not None:
        _add(time, "high", value=written_moment(period.end))


def _replaced(root: etree._Element, header: Header) -> None:
    if header.replaces is None:
        return
    parent = _add(_add(root, "relatedDocument", typeCode="RPLC"), "parentDocument")
    _identifier(parent, "id", header.replaces.identifier)


def _encounter(root: etree._Element, encounter: Encounter, header: Header) -> None:
    written = _add(_add(root, "componentOf"), "encompassingEncounter")
    _period(written, "effectiveTime", encounter.period, header.effective_at)
    facility = _add(_add(written, "location"), "healthCareFacility")
    place = encounter.organization
    if place is not None and place.identifier is not None:
        _identifier(facility, "id", place.identifier)
    elif header.custodian is not None and header.custodian.identifier is not None:
        _identifier(facility, "id", header.custodian.identifier)
    _code(facility, "code", encounter.facility or Code("SA07", "Cabinet individuel", v.FACILITY))
