"""The header of a document: whom it is about, what it is, who wrote it, where and when."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from lxml import etree

from carbet.core.identifiers import INS_OIDS, is_rpps
from carbet.interop.cda import vocabulary as v

# Where a moment says no offset, it was written here.
TERRITORY = ZoneInfo("America/Cayenne")
_MOMENT = re.compile(r"(\d{4,14})(?:\.\d+)?(?:([+-])(\d{2}):?(\d{2}))?")


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier: the OID of who gives it (`root`) and the value (`extension`)."""

    root: str
    extension: str = ""

    def __str__(self) -> str:
        return f"{self.root}^{self.extension}" if self.extension else self.root


@dataclass(frozen=True, slots=True)
class Code:
    """A code of a nomenclature, `system` being its OID."""

    code: str
    label: str = ""
    system: str = ""


@dataclass(frozen=True, slots=True)
class Name:
    """The name of somebody who is not the person cared for."""

    family: str
    given: str = ""
    prefix: str = ""
    suffix: str = ""

    def __str__(self) -> str:
        title = self.suffix if self.suffix.upper() in ("DR", "PR") else self.prefix
        return " ".join(filter(None, (title, self.given, self.family)))


@dataclass(frozen=True, slots=True)
class Organization:
    """A structure: IDNST ("1" + FINESS, "3" + SIRET), name, J04 setting when it is said."""

    name: str = ""
    identifier: Identifier | None = None
    phone: str = ""
    setting: Code | None = None

    @property
    def finess(self) -> str:
        """The FINESS number that the identifier holds, or nothing."""
        held = self.identifier
        if held and held.root == v.STRUCTURE and held.extension.startswith("1"):
            return held.extension[1:]
        return ""


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote, answers for, performed, or is to receive: a professional in a structure."""

    name: Name | None = None
    identifier: Identifier | None = None
    specialty: Code | None = None
    organization: Organization | None = None
    at: datetime | None = None
    phone: str = ""
    address: str = ""
    software: str = ""

    @property
    def rpps(self) -> str:
        """The RPPS number that the identifier holds, or nothing."""
        held = self.identifier
        if held and held.root == v.PROFESSIONAL and is_rpps(held.extension.removeprefix("8")):
            return held.extension.removeprefix("8")
        return ""

    def __str__(self) -> str:
        return str(self.name or self.software or (self.organization or Organization()).name)


@dataclass(frozen=True, slots=True)
class Patient:
    """The traits of the person as the document says them (RNIV: birth names, then used names)."""

    identifiers: tuple[Identifier, ...] = ()
    birth_family: str = ""
    birth_given: str = ""
    first_given: str = ""
    used_family: str = ""
    used_given: str = ""
    gender: str = "unknown"
    birth_date: date | None = None
    birth_date_precision: str = "day"
    birth_place_code: str = ""
    birth_place_name: str = ""
    phone: str = ""
    mailbox: str = ""
    address_line: str = ""
    postal_code: str = ""
    city: str = ""

    @property
    def ins(self) -> Identifier | None:
        """The INS, by the OID of who gives it."""
        return next((each for each in self.identifiers if each.root in INS_OIDS), None)


@dataclass(frozen=True, slots=True)
class Period:
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """The act documented (documentationOf/serviceEvent): J04 is the setting of its performer."""

    period: Period = Period()
    code: Code | None = None
    performer: Author | None = None
    setting: Code | None = None


@dataclass(frozen=True, slots=True)
class Encounter:
    """The stay or visit (componentOf/encompassingEncounter); J02 is the kind of facility."""

    period: Period = Period()
    facility: Code | None = None
    organization: Organization | None = None


@dataclass(frozen=True, slots=True)
class Replaced:
    """The former version of the document (relatedDocument RPLC)."""

    identifier: Identifier
    set_id: Identifier | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class Header:
    """All that the header of a document says, and that a level-1 document is written from."""

    identifier: Identifier
    type: Code
    title: str
    effective_at: datetime | None
    patient: Patient
    set_id: Identifier | None = None
    version: int = 1
    confidentiality: str = "N"
    language: str = "fr-FR"
    templates: tuple[Identifier, ...] = ()
    authors: tuple[Author, ...] = ()
    custodian: Organization | None = None
    legal_authenticator: Author | None = None
    recipients: tuple[Author, ...] = ()
    attending: Author | None = None
    services: tuple[Service, ...] = ()
    encounter: Encounter = field(default_factory=Encounter)
    replaces: Replaced | None = None


def read_header(root: etree._Element) -> Header:
    """Return what the header of a ClinicalDocument says; what it leaves out stays empty."""
    replaced = _first(root, "h:relatedDocument[@typeCode='RPLC']/h:parentDocument")
    return Header(
        identifier=_identifier(_first(root, "h:id")) or Identifier(""),
        type=code_of(_first(root, "h:code")) or Code(""),
        title=text_of(_first(root, "h:title")),
        effective_at=moment(_value(root, "h:effectiveTime")),
        patient=_patient(root),
        set_id=_identifier(_first(root, "h:setId")),
        version=_whole(_value(root, "h:versionNumber")),
        confidentiality=(_first_attribute(root, "h:confidentialityCode", "code") or "N"),
        language=_first_attribute(root, "h:languageCode", "code"),
        templates=tuple(filter(None, map(_identifier, root.iterfind("h:templateId", v.NS)))),
        authors=tuple(_author(each, "h:assignedAuthor") for each in _all(root, "h:author")),
        custodian=_organization(
            _first(root, "h:custodian/h:assignedCustodian/h:representedCustodianOrganization")
        ),
        legal_authenticator=next(
            (_author(each, "h:assignedEntity") for each in _all(root, "h:legalAuthenticator")), None
        ),
        recipients=tuple(
            _author(each, "h:intendedRecipient") for each in _all(root, "h:informationRecipient")
        ),
        attending=next(
            (
                _author(each, "h:associatedEntity")
                for each in _all(root, "h:participant[@typeCode='INF']")
                if _first_attribute(each, "h:functionCode", "code") == "PCP"
            ),
            None,
        ),
        services=tuple(map(_service, _all(root, "h:documentationOf/h:serviceEvent"))),
        encounter=_encounter(_first(root, "h:componentOf/h:encompassingEncounter")),
        replaces=_replaced(replaced),
    )


def moment(text: str) -> datetime | None:
    """Return the moment of an HL7 time stamp ("20210401134745+0100"), or None when it is none."""
    found = _MOMENT.fullmatch(text.strip())
    if not found:
        return None
    digits, sign, hours, minutes = found.groups()
    if len(digits) % 2:
        return None
    # A year or a month alone begins on its first day.
    filled = digits + "00000101000000"[len(digits) :]
    try:
        naive = datetime.strptime(filled, "%Y%m%d%H%M%S")  # noqa: DTZ007 - its zone comes next
        if sign is None:
            return naive.replace(tzinfo=TERRITORY)
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return naive.replace(tzinfo=timezone(offset if sign == "+" else -offset))
    except ValueError:
        return None


def written_moment(at: datetime) -> str:
    """Return a moment as HL7 writes it, on the clock of the territory."""
    return at.astimezone(TERRITORY).strftime("%Y%m%d%H%M%S%z")


def utc_text(at: datetime) -> str:
    """Return a moment as XDS metadata write it: digits, in universal time."""
    return at.astimezone(UTC).strftime("%Y%m%d%H%M%S")


def birth(text: str) -> tuple[date | None, str]:
    """Return a date of birth and how far it is known: "day", "month" or "year"."""
    digits = re.match(r"\d{4,8}", text.strip())
    if not digits:
        return None, "day"
    year, month, day = digits[0][:4], digits[0][4:6], digits[0][6:8]
    precision = "day"
    if day in ("", "00"):
        day, precision = "01", "month"
    if month in ("", "00"):
        month, precision = "01", "year"
    try:
        return date(int(year), int(month), int(day)), precision
    except ValueError:
        return None, "day"


def text_of(element: etree._Element | None) -> str:
    """Return all the text below an element, on one line."""
    if element is None:
        return ""
    return " ".join("".join(element.itertext()).split())


def code_of(element: etree._Element | None) -> Code | None:
    """Return the code that an element holds, or None."""
    if element is None or not element.get("code"):
        return None
    return Code(
        element.get("code", ""), element.get("displayName", ""), element.get("codeSystem", "")
    )


def _patient(root: etree._Element) -> Patient:
    role = _first(root, "h:recordTarget/h:patientRole")
    if role is None:
        return Patient()
    person = _first(role, "h:patient")
    if person is None:
        return Patient()
    names = _all(person, "h:name")
    born, precision = birth(_value(person, "h:birthTime"))
    family, used_family = _by_qualifier(names, "family")
    first, used_given = _by_qualifier(names, "given")
    every = _unqualified(names, "given")
    place = _first(person, "h:birthplace/h:place/h:addr")
    address = _first(role, "h:addr")
    telecoms = [each.get("value", "") for each in _all(role, "h:telecom")]
    mails = [each.removeprefix("mailto:") for each in telecoms if each.startswith("mailto:")]
    return Patient(
        identifiers=tuple(filter(None, map(_identifier, _all(role, "h:id")))),
        birth_family=family or _unqualified(names, "family"),
        birth_given=every or first,
        first_given=first or (every.split() or [""])[0],
        used_family=used_family,
        used_given=used_given,
        gender={"M": "male", "F": "female"}.get(
            _first_attribute(person, "h:administrativeGenderCode", "code"), "unknown"
        ),
        birth_date=born,
        birth_date_precision=precision,
        birth_place_code=text_of(_first(place, "h:county")),
        birth_place_name=text_of(_first(place, "h:city")),
        phone=next((each[4:] for each in telecoms if each.startswith("tel:")), ""),
        mailbox=next((each for each in mails if "mssante" in each), ""),
        address_line=_street(address),
        postal_code=text_of(_first(address, "h:postalCode")),
        city=text_of(_first(address, "h:city")),
    )


def _by_qualifier(names: list[etree._Element], part: str) -> tuple[str, str]:
    """Return the birth name and the used name (CL; formerly SP) of one part of the names."""
    born = used = ""
    for name in names:
        for each in _all(name, f"h:{part}"):
            qualifiers = each.get("qualifier", "").split()
            if "BR" in qualifiers:
                born = born or text_of(each)
            elif "CL" in qualifiers or "SP" in qualifiers:
                used = used or text_of(each)
    return born, used


def _unqualified(names: list[etree._Element], part: str) -> str:
    found = (text_of(each) for name in names for each in _all(name, f"h:{part}[not(@qualifier)]"))
    return next(filter(None, found), "")


def _street(address: etree._Element | None) -> str:
    if address is None:
        return ""
    lines = [text_of(each) for each in _all(address, "h:streetAddressLine")]
    if lines:
        return ", ".join(filter(None, lines))
    parts = ("houseNumber", "streetNameType", "streetName", "additionalLocator", "unitID")
    return " ".join(filter(None, (text_of(_first(address, f"h:{part}")) for part in parts)))


def _author(element: etree._Element, entity: str) -> Author:
    """Read a participation: its time and the professional below it."""
    found = _first(element, entity)
    return _entity(found, at=moment(_value(element, "h:time")))


def _entity(found: etree._Element | None, *, at: datetime | None = None) -> Author:
    if found is None:
        return Author(at=at)
    person = next(
        (
            each
            for part in ("assignedPerson", "associatedPerson", "informationRecipient")
            for each in _all(found, f"h:{part}/h:name")
        ),
        None,
    )
    place = next(
        (
            each
            for part in ("representedOrganization", "scopingOrganization", "receivedOrganization")
            for each in _all(found, f"h:{part}")
        ),
        None,
    )
    address = _first(found, "h:addr")
    return Author(
        name=_name(person),
        identifier=_identifier(_first(found, "h:id[@root]")),
        specialty=code_of(_first(found, "h:code")),
        organization=_organization(place),
        at=at,
        phone=_phone(found),
        address=" ".join(
            filter(
                None,
                (
                    _street(address),
                    text_of(_first(address, "h:postalCode")),
                    text_of(_first(address, "h:city")),
                ),
            )
        ),
        software=text_of(_first(found, "h:assignedAuthoringDevice/h:softwareName")),
    )


def _name(element: etree._Element | None) -> Name | None:
    if element is None:
        return None
    family, given, prefix, suffix = (
        text_of(_first(element, f"h:{part}")) for part in ("family", "given", "prefix", "suffix")
    )
    if not family and not given:
        family = text_of(element)
    return Name(family, given, prefix, suffix) if family or given else None


def _organization(element: etree._Element | None) -> Organization | None:
    if element is None:
        return None
    return Organization(
        name=text_of(_first(element, "h:name")),
        identifier=_identifier(_first(element, "h:id[@root]")),
        phone=_phone(element),
        setting=code_of(_first(element, "h:standardIndustryClassCode")),
    )


def _phone(element: etree._Element) -> str:
    values = (each.get("value", "") for each in _all(element, "h:telecom"))
    return next((each[4:] for each in values if each.startswith("tel:")), "")


def _service(element: etree._Element) -> Service:
    performer = _first(element, "h:performer/h:assignedEntity")
    found = _entity(performer) if performer is not None else None
    place = found.organization if found else None
    return Service(
        period=_period(_first(element, "h:effectiveTime")),
        code=code_of(_first(element, "h:code")),
        performer=found,
        setting=place.setting if place else None,
    )


def _encounter(element: etree._Element | None) -> Encounter:
    if element is None:
        return Encounter()
    facility = _first(element, "h:location/h:healthCareFacility")
    return Encounter(
        period=_period(_first(element, "h:effectiveTime")),
        facility=code_of(_first(facility, "h:code")),
        organization=_facility(facility),
    )


def _facility(facility: etree._Element | None) -> Organization | None:
    if facility is None:
        return None
    within = _first(facility, "h:serviceProviderOrganization")
    name = text_of(_first(within, "h:name")) or text_of(_first(facility, "h:location/h:name"))
    held = _identifier(_first(facility, "h:id[@root]")) or _identifier(_first(within, "h:id"))
    return Organization(name=name, identifier=held) if name or held else None


def _replaced(element: etree._Element | None) -> Replaced | None:
    held = _identifier(_first(element, "h:id"))
    if element is None or held is None:
        return None
    return Replaced(
        identifier=held,
        set_id=_identifier(_first(element, "h:setId")),
        version=_whole(_value(element, "h:versionNumber")),
    )


def _period(element: etree._Element | None) -> Period:
    if element is None:
        return Period()
    alone = moment(element.get("value", ""))
    return Period(
        moment(_value(element, "h:low")) or alone, moment(_value(element, "h:high")) or None
    )


def _identifier(element: etree._Element | None) -> Identifier | None:
    if element is None or not element.get("root"):
        return None
    return Identifier(element.get("root", "").strip(), element.get("extension", "").strip())


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 1


def _first(element: etree._Element | None, path: str) -> etree._Element | None:
    found = _all(element, path)
    return found[0] if found else None


def _all(element: etree._Element | None, path: str) -> list[etree._Element]:
    return [] if element is None else element.xpath(path, namespaces=v.NS)


def _value(element: etree._Element | None, path: str) -> str:
    return _first_attribute(element, path, "value")


def _first_attribute(element: etree._Element | None, path: str, name: str) -> str:
    found = _first(element, path)
    return "" if found is None else found.get(name, "")
