"""The directory as FHIR resources: from rows of our tables, or from what has just been read."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, Model, OuterRef, QuerySet
from django.db.models.functions import JSONObject

from carbet.core import fhir
from carbet.core.compiled import Compiled
from carbet.core.fhir import Json
from carbet.registries.directory.choices import Category, OrganizationKind
from carbet.registries.directory.fhir import vocabulary as v
from carbet.registries.directory.fhir.keeping import give_back
from carbet.registries.directory.models import (
    Capacity,
    Closure,
    Endpoint,
    HealthcareService,
    Location,
    OpeningHours,
    Organization,
    Practitioner,
    PractitionerRole,
    SecureMailbox,
)

Row = dict[str, Any]

_PROFESSIONS = {
    Category.MEDICAL: v.HEALTH_PROFESSIONS,
    Category.PARAMEDICAL: v.HEALTH_PROFESSIONS,
    Category.SOCIAL: v.SOCIAL_PROFESSIONS,
    Category.COORDINATION: v.CARE_ROLES,
    Category.ADMINISTRATIVE: v.CARE_ROLES,
}
_FINESS_TYPES = {OrganizationKind.LEGAL: "FINEJ", OrganizationKind.GEOGRAPHICAL: "FINEG"}
_WEEKDAYS = ("", "mon", "tue", "wed", "thu", "fri", "sat", "sun")

# Written from our own links, never as they came.
REFERENCES = {
    "Organization": {"partOf": ("part_of_id", "Organization")},
    "Practitioner": {},
    "PractitionerRole": {
        "practitioner": ("practitioner_id", "Practitioner"),
        "organization": ("organization_id", "Organization"),
        "healthcareService": ("healthcare_service_id", "HealthcareService"),
    },
    "Location": {"managingOrganization": ("organization_id", "Organization")},
    "HealthcareService": {
        "providedBy": ("organization_id", "Organization"),
        "location": ("location_id", "Location"),
    },
    "Endpoint": {"managingOrganization": ("organization_id", "Organization")},
}  # fmt: skip
_LISTED = frozenset({"location", "healthcareService"})


# --- Rows ---------------------------------------------------------------------------------------


def _attached(model: type[Model], link: str, *columns: str, order: str = "pk") -> ArraySubquery:
    each = JSONObject(**{column: F(column) for column in columns})
    held = model._default_manager.filter(**{f"{link}_id": OuterRef("pk")}).order_by(order)
    if model is SecureMailbox:
        held = held.filter(red_list=False)
    return ArraySubquery(held.values(each=each))


def _mailboxes(link: str) -> ArraySubquery:
    return _attached(
        SecureMailbox, link, "address", "kind", "description", "responsible", "service_name"
    )


_PRACTITIONER = """id rpps identifier_system identifier_value civility family given active source
    qualifications kept updated_at"""
_ROLE = """id practitioner_id organization_id healthcare_service_id profession profession_label
    category specialty skills mode activity_kind function liberal_activity home_visits secure_email
    phone started_on ended_at identifier_system identifier_value source kept updated_at"""
_ORGANIZATION = """id kind part_of_id name alias finess siret identifier_system identifier_value
    category_code sector legal_status address_line postal_code city insee commune_id commune__name
    phone fax email secure_email active opened_on closed_on source kept updated_at"""
_LOCATION = """id organization_id name description function address_line postal_code city insee
    commune_id commune__name latitude longitude equipment phone active identifiers kept
    updated_at"""
_SERVICE = """id organization_id location_id name comment phone secure_email field category
    activities activity care_mode temporality modalities acts equipment professions competences
    specialisations publics age_low age_high zones psychiatric_sectors appointment_required
    sensitive active identifiers kept updated_at"""
_ENDPOINT = """id organization_id name connection_type address payload_types active identifiers
    kept updated_at"""


def _practitioner_columns() -> QuerySet[Practitioner, Row]:
    each = JSONObject(code=F("profession"), label=F("profession_label"), category=F("category"))
    held = PractitionerRole.objects.filter(practitioner_id=OuterRef("pk"))
    return Practitioner.objects.values(
        *_PRACTITIONER.split(),
        professions=ArraySubquery(held.values(each=each).distinct()),
        boxes=_mailboxes("practitioner"),
    )


_PRACTITIONERS = Compiled(_practitioner_columns)
_ROLES = Compiled(lambda: PractitionerRole.objects.values(*_ROLE.split(), boxes=_mailboxes("role")))
_ORGANIZATIONS = Compiled(
    lambda: Organization.objects.values(*_ORGANIZATION.split(), boxes=_mailboxes("organization"))
)
_LOCATIONS = Compiled(
    lambda: Location.objects.values(
        *_LOCATION.split(),
        beds=_attached(Capacity, "location", *(column for _, column, _ in v.CAPACITY_PARTS)),
    )
)
_SERVICES = Compiled(
    lambda: HealthcareService.objects.values(
        *_SERVICE.split(),
        boxes=_mailboxes("service"),
        opening=_attached(OpeningHours, "service", "weekday", "opens_at", "closes_at"),
        closing=_attached(Closure, "service", "starts_on", "ends_on", "reason"),
    )
)
_ENDPOINTS = Compiled(lambda: Endpoint.objects.values(*_ENDPOINT.split()))


def practitioners(rows: QuerySet[Practitioner]) -> list[Json]:
    """Return the Practitioner resources of these professionals, in one query."""
    return [_whole("Practitioner", row) for row in _PRACTITIONERS.rows(rows)]


def roles(rows: QuerySet[PractitionerRole]) -> list[Json]:
    """Return the PractitionerRole resources of these roles, in one query."""
    return [_whole("PractitionerRole", row) for row in _ROLES.rows(rows)]


def organizations(rows: QuerySet[Organization]) -> list[Json]:
    """Return the Organization resources of these organizations, in one query."""
    return [_whole("Organization", row) for row in _ORGANIZATIONS.rows(rows)]


def locations(rows: QuerySet[Location]) -> list[Json]:
    """Return the Location resources of these places, with their dated capacities, in one query."""
    return [_whole("Location", row) for row in _LOCATIONS.rows(rows)]


def healthcare_services(rows: QuerySet[HealthcareService]) -> list[Json]:
    """Return the HealthcareService resources of these services, in one query."""
    return [_whole("HealthcareService", row) for row in _SERVICES.rows(rows)]


def endpoints(rows: QuerySet[Endpoint]) -> list[Json]:
    """Return the Endpoint resources of these technical addresses, in one query."""
    return [_whole("Endpoint", row) for row in _ENDPOINTS.rows(rows)]


def _whole(kind: str, row: Row) -> Json:
    written: Json = {"resourceType": kind, "id": str(row["id"]), "meta": _meta(kind, row)}
    written |= elements(kind, row)
    for name, (column, target) in REFERENCES[kind].items():
        if row[column]:
            held = fhir.reference(target, row[column])
            written[name] = [held] if name in _LISTED else held
    return give_back(written, row["kept"])


def _meta(kind: str, row: Row) -> Json:
    # The beds of a place change without it.
    beds = [_moment(each["updated_at"]) for each in row.get("beds", ())]
    moment = max([row["updated_at"], *beds])
    return fhir.meta(_PROFILES[kind], version=int(moment.timestamp() * 1000), updated_at=moment)


def elements(kind: str, row: Row) -> Json:
    """Return the elements that our columns write of a resource, its links left out."""
    return _ELEMENTS[kind](row)


# --- Practitioner -------------------------------------------------------------------------------


def profession(category: str, code: str, label: str) -> Json:
    """Return a profession as a concept: coded when its code is of a national nomenclature."""
    if code.isdigit() and category in _PROFESSIONS:
        return {"coding": [fhir.coding(_PROFESSIONS[Category(category)], code)], "text": label}
    return {"text": label}


def _other_identifier(row: Row) -> list[Json]:
    if not row["identifier_value"]:
        return []
    return [fhir.identifier(row["identifier_system"], row["identifier_value"])]


def _practitioner(row: Row) -> Json:
    held: list[Json] = []
    if row["rpps"]:
        held = [
            fhir.identifier(v.IDNPS, "8" + row["rpps"], use="official", type_code="IDNPS"),
            fhir.identifier(v.RPPS, row["rpps"], use="official", type_code="RPPS"),
        ]
    held += _other_identifier(row)
    name: Json = {"use": "usual", "family": row["family"]}
    if row["given"]:
        name["given"] = [row["given"]]
    if row["civility"]:
        name["prefix"] = [row["civility"]]
    found: Json = {"active": row["active"], "name": [name]}
    if held:
        found["identifier"] = held
    if row["qualifications"]:
        found["qualification"] = [_qualification(each) for each in row["qualifications"]]
    elif not row["source"] and row["professions"]:
        found["qualification"] = [
            {"code": profession(each["category"], each["code"], each["label"])}
            for each in sorted(row["professions"], key=lambda each: str(each["code"]))
        ]
    if mailboxes := [_mailbox(each) for each in row["boxes"]]:
        found["telecom"] = mailboxes
    return found


def _qualification(held: Json) -> Json:
    codings = [fhir.coding(v.system_of(name), code) for name, code in held["codes"]]
    found: Json = {"code": {"coding": codings}}
    if period := {end: held[end] for end in ("start", "end") if held.get(end)}:
        found["period"] = period
    return found


# --- PractitionerRole ---------------------------------------------------------------------------


def _role(row: Row) -> Json:
    if row["activity_kind"] or row["function"]:
        # As the national directory says it: the profession is the professional's.
        code = [
            fhir.concept(system, row[column])
            for column, system in (
                ("activity_kind", v.ACTIVITY_KINDS),
                ("mode", v.PRACTICE_MODES),
                ("liberal_activity", v.LIBERAL_ACTIVITIES),
                ("function", v.FUNCTIONS),
            )
            if row[column]
        ]
    else:
        code = [profession(row["category"], row["profession"], row["profession_label"])]
        if row["mode"]:
            code.append(fhir.concept(v.PRACTICE_MODES, row["mode"]))
    found: Json = {"active": row["ended_at"] is None, "code": code}
    if held := _other_identifier(row):
        found["identifier"] = held
    period: Json = {}
    if row["started_on"]:
        period["start"] = row["started_on"].isoformat()
    if row["ended_at"]:
        period["end"] = fhir.instant(row["ended_at"])
    if period:
        found["period"] = period
    skills = list(dict.fromkeys(filter(None, [row["specialty"], *row["skills"]])))
    if skills:
        found["specialty"] = [fhir.concept(v.SPECIALTIES, code) for code in skills]
    if row["home_visits"] is not None:
        found["extension"] = [fhir.extension(v.HOME_VISIT, valueBoolean=row["home_visits"])]
    if telecom := _telecom(row):
        found["telecom"] = telecom
    return found


# --- Organization -------------------------------------------------------------------------------


def _organization(row: Row) -> Json:
    kind, finess = row["kind"], row["finess"]
    held: list[Json] = []
    if finess:
        held.append(fhir.identifier(v.IDNST, "1" + finess, use="official", type_code="IDNST"))
        held.append(
            fhir.identifier(
                v.FINESS,
                finess,
                use="official",
                type_code=_FINESS_TYPES.get(OrganizationKind(kind), "FINEG"),
            )
        )
    if row["siret"]:
        held.append(fhir.identifier(v.SIRENE, row["siret"], use="official", type_code="SIRET"))
    held += _other_identifier(row)
    types = [
        _organization_type(slice_, system, code)
        for slice_, system, code in (
            (
                "organizationType",
                v.ORGANIZATION_TYPES,
                "" if kind == OrganizationKind.INTERNAL else kind,
            ),
            ("secteurActiviteRASS", v.SECTORS, row["sector"]),
            ("categorieEtablissementRASS", v.ESTABLISHMENTS, row["category_code"]),
            ("statutJuridiqueINSEE", v.LEGAL_STATUSES, row["legal_status"]),
        )
        if code
    ]
    found: Json = {"active": row["active"], "name": row["name"]}
    if types:
        found["type"] = types
    if row["alias"]:
        found["alias"] = [row["alias"]]
    if held:
        found["identifier"] = held
    if telecom := _telecom(row):
        found["telecom"] = telecom
    if address := _address(row):
        found["address"] = [address]
    if period := {
        end: row[column].isoformat()
        for end, column in (("start", "opened_on"), ("end", "closed_on"))
        if row[column]
    }:
        found["extension"] = [fhir.extension(v.ORGANIZATION_PERIOD, valuePeriod=period)]
    return found


def _organization_type(slice_: str, system: str, code: str) -> Json:
    return {
        "extension": [fhir.extension(v.ORGANIZATION_TYPE_SLICE, valueCode=slice_)],
        "coding": [fhir.coding(system, code)],
    }


# --- Location, HealthcareService, Endpoint ------------------------------------------------------


def _location(row: Row) -> Json:
    found: Json = {"status": "active" if row["active"] else "inactive"}
    found |= {name: row[name] for name in ("name", "description") if row[name]}
    found |= _identifiers(row)
    if row["function"]:
        found["type"] = [fhir.concept(v.PLACES, row["function"])]
    address = _address(row)
    code = row["commune_id"] or row["insee"]
    address.pop("extension", None)
    if address:
        found["address"] = address
    if row["latitude"] is not None and row["longitude"] is not None:
        found["position"] = {"longitude": row["longitude"], "latitude": row["latitude"]}
    if row["phone"]:
        found["telecom"] = [{"system": "phone", "value": row["phone"]}]
    extensions: list[Json] = []
    if code:
        extensions.append(
            fhir.extension(v.COMMUNE, valueCodeableConcept=fhir.concept(v.COMMUNES, code))
        )
    extensions += [
        fhir.extension(
            v.LOCATION_EQUIPMENT,
            extension=[
                fhir.extension(
                    "equipmentType", valueCodeableConcept=fhir.concept(v.EQUIPMENT, each)
                )
            ],
        )
        for each in row["equipment"]
    ]
    extensions += [_capacity(each) for each in row["beds"]]
    if extensions:
        found["extension"] = extensions
    return found


def _capacity(held: Row) -> Json:
    parts: list[Json] = []
    for name, column, system in v.CAPACITY_PARTS:
        value = held[column]
        if column == "number":
            parts.append(fhir.extension(name, valueInteger=value))
        elif column == "updated_at":
            parts.append(fhir.extension(name, valueDateTime=fhir.instant(_moment(value))))
        elif value:
            parts.append(fhir.extension(name, valueCodeableConcept=fhir.concept(system, value)))
    return fhir.extension(v.CAPACITY, extension=parts)


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _healthcare_service(row: Row) -> Json:
    found: Json = {"active": row["active"], "name": row["name"]} | _identifiers(row)
    if row["comment"]:
        found["comment"] = row["comment"]
    if row["category"]:
        found["category"] = [fhir.concept(v.OFFERS, row["category"])]
    if row["field"]:
        found["type"] = [fhir.concept(v.FIELDS, row["field"])]
    specialty = [fhir.concept(v.ACTIVITIES, code) for code in row["activities"]]
    if not specialty and row["activity"]:
        specialty = [{"text": row["activity"]}]
    if specialty:
        found["specialty"] = specialty
    characteristics: list[Json] = []
    for system, column in v.CHARACTERISTICS:
        value = row[column]
        for code in [value] if isinstance(value, str) and value else value or ():
            each = fhir.concept(system, code)
            if system == v.ACTS:
                each["extension"] = [fhir.extension(v.ACT_TYPE, valueCode="specificAct")]
            characteristics.append(each)
    if characteristics:
        found["characteristic"] = characteristics
    if row["appointment_required"] is not None:
        found["appointmentRequired"] = row["appointment_required"]
    if telecom := _telecom(row):
        found["telecom"] = telecom
    if row["opening"]:
        found["availableTime"] = [_available(each) for each in row["opening"]]
    if row["closing"]:
        found["notAvailable"] = [_not_available(each) for each in row["closing"]]
    extensions = [fhir.extension(v.SENSITIVE, valueBoolean=row["sensitive"])]
    if public := _patient_type(row):
        extensions.append(fhir.extension(v.PATIENT_TYPE, extension=public))
    extensions += [
        fhir.extension(v.PSYCHIATRIC_SECTOR, valueString=each)
        for each in row["psychiatric_sectors"]
    ]
    extensions += [
        fhir.extension(
            v.TERRITORIAL_DIVISION,
            extension=[
                fhir.extension(
                    "codeTerritorialDivision",
                    valueCodeableConcept=fhir.concept(v.COMMUNES, each),
                )
            ],
        )
        for each in row["zones"]
    ]
    found["extension"] = extensions
    return found


def _patient_type(row: Row) -> list[Json]:
    found: list[Json] = []
    ages = {
        end: {"value": row[column]}
        for end, column in (("low", "age_low"), ("high", "age_high"))
        if row[column] is not None
    }
    if ages:
        found.append(fhir.extension("ageRange", valueRange=ages))
    found += [
        fhir.extension("supportedPatientInfo", valueCodeableConcept=fhir.concept(v.PUBLICS, each))
        for each in row["publics"]
    ]
    return found


def _available(held: Row) -> Json:
    found: Json = {"daysOfWeek": [_WEEKDAYS[held["weekday"]]]}
    if held["opens_at"] and held["closes_at"]:
        found["availableStartTime"] = held["opens_at"]
        found["availableEndTime"] = held["closes_at"]
    else:
        found["allDay"] = True
    return found


def _not_available(held: Row) -> Json:
    found: Json = {"description": held["reason"] or "Fermeture"}
    if during := {
        end: str(held[column])
        for end, column in (("start", "starts_on"), ("end", "ends_on"))
        if held[column]
    }:
        found["during"] = during
    return found


def _endpoint(row: Row) -> Json:
    found: Json = {
        "status": "active" if row["active"] else "off",
        "connectionType": fhir.coding(v.CONNECTIONS, row["connection_type"]),
        "address": row["address"],
        "payloadType": row["payload_types"] or [{"text": "any"}],
    } | _identifiers(row)
    if row["name"]:
        found["name"] = row["name"]
    return found


# --- Parts --------------------------------------------------------------------------------------


def _identifiers(row: Row) -> Json:
    held = [each.partition("|") for each in row["identifiers"]]
    found = [
        fhir.identifier(system, value) if system else {"value": value} for system, _, value in held
    ]
    return {"identifier": found} if found else {}


def _telecom(row: Row) -> list[Json]:
    found: list[Json] = []
    for system in ("phone", "fax", "email"):
        if row.get(system):
            found.append({"system": system, "value": row[system]})
    mailboxes = row["boxes"]
    if row["secure_email"] and row["secure_email"] not in {m["address"] for m in mailboxes}:
        found.append(fhir.secure_mailbox(row["secure_email"]))
    return found + [_mailbox(each) for each in mailboxes]


def _mailbox(held: Row) -> Json:
    found = fhir.secure_mailbox(held["address"])
    parts: list[Json] = []
    if held["kind"]:
        kind = fhir.concept(v.MAILBOX_KINDS, held["kind"])
        parts.append(fhir.extension("type", valueCodeableConcept=kind))
    parts += [
        fhir.extension(name, valueString=held[column])
        for name, column in (
            ("description", "description"),
            ("responsible", "responsible"),
            ("service", "service_name"),
        )
        if held[column]
    ]
    if parts:
        parts.append(fhir.extension("listeRouge", valueBoolean=False))
        found["extension"].append(fhir.extension(v.MAILBOX, extension=parts))
    return found


def _address(row: Row) -> Json:
    found: Json = {}
    if code := row["commune_id"] or row["insee"]:
        found["extension"] = [fhir.insee_extension(code)]
    if city := row["city"] or row["commune__name"]:
        found["city"] = city
    if row["address_line"]:
        found["line"] = [row["address_line"]]
    if row["postal_code"]:
        found["postalCode"] = row["postal_code"]
    return found


_PROFILES = {
    "Practitioner": v.PRACTITIONER,
    "PractitionerRole": v.PRACTITIONER_ROLE,
    "Organization": v.ORGANIZATION,
    "Location": v.LOCATION,
    "HealthcareService": v.HEALTHCARE_SERVICE,
    "Endpoint": v.ENDPOINT,
}
_ELEMENTS: dict[str, Callable[[Row], Json]] = {
    "Practitioner": _practitioner,
    "PractitionerRole": _role,
    "Organization": _organization,
    "Location": _location,
    "HealthcareService": _healthcare_service,
    "Endpoint": _endpoint,
}
