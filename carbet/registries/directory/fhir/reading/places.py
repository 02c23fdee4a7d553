"""Where care is given: places and their capacities, what is offered and when, points of access."""

from datetime import timedelta

from carbet.core.fhir import Json
from carbet.registries.directory.fhir import vocabulary as v
from carbet.registries.directory.fhir.reading.reader import Reader, is_mailbox
from carbet.registries.directory.fhir.reading.said import UnableToRead
from carbet.registries.directory.fhir.reading.values import (
    codings,
    day,
    extensions,
    listed,
    moment,
    sub_value,
    text,
    value_of,
    values_of,
)

_DAYS = dict(zip(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), range(1, 8), strict=True))


def location(reader: Reader) -> None:
    """Read a place: where it is, what it is fitted with, its capacities."""
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
        for _, code, _ in values_of(each):
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


def healthcare_service(reader: Reader) -> None:
    """Read an offer of care: what is done, for whom, how, when, by which structure."""
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
    # Without any of these words, the merge names the offer after the structure that carries it.
    reader.put("name", name or fields.get("activity", "") or _told_by_codes(resource), 200)
    reader.said.label = fields.get("name", "")
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
    link = reader.said.references.get("organization_id") or {}
    if not link.get("id") and "named" not in link:
        raise UnableToRead("L’offre ne dit pas quelle structure la porte (providedBy).")
    for element in ("category", "type", "specialty", "characteristic"):
        reader.terms(resource.get(element))


def _told_by_codes(resource: Json) -> str:
    """Return words for an offer that has no name (0..1 in FHIR, absent in the guide of the SAS)."""
    for element in ("specialty", "type", "category"):
        for concept in listed(resource.get(element)):
            told = [label for _, _, label in codings(concept) if label]
            if words := text(concept.get("text")) or next(iter(told), ""):
                return words
    held = listed(resource.get("providedBy"))
    return text(held[0].get("display")) if held else ""


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
                publics += [code[:40] for _, code, _ in values_of(part)]
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
        elif url == v.CONTACT:
            for part in extensions(each, v.CONTACT_TELECOM):
                _contact(reader, part)
    reader.put("publics", list(dict.fromkeys(publics)))
    reader.put("zones", list(dict.fromkeys(zones)))
    reader.put("psychiatric_sectors", list(dict.fromkeys(filter(None, sectors))))


def _contact(reader: Reader, said: Json) -> None:
    """Read how to reach a service, as the ROR tells it: by telephone, or by secure mail."""
    address = text(sub_value(said, "telecomAddress"))
    channel = [
        code
        for each in listed(said.get("extension"))
        if str(each.get("url", "")).endswith("communication-channel")
        for _, code, _ in values_of(each)
    ]
    if is_mailbox({"system": "email"}, address):
        reader.mailbox({}, address)
    elif "phone" not in reader.fields and channel and channel[0] in ("1", "2"):
        reader.put("phone", address, 20)


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


def endpoint(reader: Reader) -> None:
    """Read a point of access: its type and its address."""
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
