"""Read schedules, slots and appointments that another software says, with all that is wrong."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from carbet.coordination.scheduling.choices import (
    FIRM,
    AppointmentStatus,
    CancelReason,
    ParticipationStatus,
    VisitKind,
)
from carbet.coordination.scheduling.fhir import vocabulary as words
from carbet.coordination.scheduling.fhir.references import (
    Pointed,
    find_organization,
    find_patient,
    find_roles,
    point,
)
from carbet.coordination.scheduling.models import LONGEST, Schedule, Slot
from carbet.coordination.scheduling.rules import spans
from carbet.coordination.scheduling.rules.spans import Span
from carbet.core import fhir
from carbet.core.actor import Actor
from carbet.core.fhir import Issue, Json, Reading
from carbet.registries.directory.models import Organization, PractitionerRole
from carbet.registries.patients.models import Patient

LARGEST_SAID = 20_000
MOST_PIECES = 2_000
# Elements kept as they were said and given back.
_SCHEDULE_SAID = "identifier serviceCategory serviceType specialty"
_SLOT_SAID = "identifier serviceCategory serviceType specialty appointmentType"
_APPOINTMENT_SAID = """identifier serviceCategory serviceType specialty appointmentType reasonCode
    priority supportingInformation created comment patientInstruction"""
_ROLES = ("PractitionerRole", "Practitioner")
_PLACES = ("Organization",)


@dataclass
class Said:
    """What a resource says: columns, whom and what it points to, and issues."""

    fields: dict[str, Any] = field(default_factory=dict)
    # Roles and structures who take part, each with what it is said to have answered.
    roles: list[tuple[PractitionerRole, str]] = field(default_factory=list)
    organizations: list[tuple[Organization, str]] = field(default_factory=list)
    patient: Patient | None = None
    patient_status: str = ParticipationStatus.ACCEPTED
    patient_at: str = ""
    schedule: Schedule | None = None
    slot: Slot | None = None
    # None: availability is not said at all, what stands stays.
    pieces: list[Span] | None = None
    issues: list[Issue] = field(default_factory=list)


class _Reader:
    def __init__(self, resource: Json, *, actor: Actor, now: datetime, base: str) -> None:
        self.resource = resource
        self.actor, self.now, self.base = actor, now, base
        self.reading = Reading(resource, resource["resourceType"])
        self.said = Said(issues=self.reading.issues)

    def pointed(self, reference: Json) -> Pointed | None:
        contained = self.resource.get("contained", ())
        return point(reference, contained=contained, base=self.base)

    def moment(self, name: str) -> datetime | None:
        text = self.resource.get(name)
        return fhir.span(text).start if text else None

    def period(self, period: Json | None) -> tuple[datetime | None, datetime | None]:
        period = period or {}
        start = fhir.span(period["start"]).start if "start" in period else None
        end = fhir.span(period["end"]).end if "end" in period else None
        return start, end

    def keep(self, names: str, kept: Json | None = None) -> None:
        """Keep elements as they were said, as long as they are not a warehouse."""
        held = {name: self.resource[name] for name in names.split() if name in self.resource}
        if security := self.resource.get("meta", {}).get("security"):
            held["security"] = security
        held |= kept or {}
        if len(orjson.dumps(held)) > LARGEST_SAID:
            self.reading.error("too-long", f"Plus de {LARGEST_SAID} octets à conserver.")
            held = {}
        self.said.fields["said"] = held

    def identify(self) -> None:
        """Keep the first identifier with a value: the one by which it is found again."""
        for number, each in enumerate(self.resource.get("identifier", ())):
            where = f"identifier[{number}]"
            if not each.get("value"):
                self.reading.error("required", "Un identifiant porte une valeur.", where)
            elif "identifier_value" not in self.said.fields:
                self.said.fields["identifier_system"] = self.reading.text(
                    each.get("system"), 200, f"{where}.system"
                )
                self.said.fields["identifier_value"] = self.reading.text(
                    each["value"], 100, f"{where}.value"
                )
        self.said.fields.setdefault("identifier_system", "")
        self.said.fields.setdefault("identifier_value", "")

    def kind(self, default: str) -> str:
        """Return how people meet, by the first HL7 code of the types of service."""
        code = fhir.code_of(self.resource.get("serviceType", ()), words.ACT_CODES)
        return VisitKind(code) if code in words.CODED_KINDS else default

    def check_order(self, start: datetime, end: datetime) -> None:
        if end <= start:
            self.reading.error("value", "La fin doit venir après le début.", "end")
        elif end - start > LONGEST:
            self.reading.error("value", "Un rendez-vous dure au plus 24 heures.", "end")

    def choose_role(self, pointed: Pointed, where: str) -> PractitionerRole | None:
        """Return the role pointed to; of a professional with several, one of the actor's house."""
        found = list(find_roles(pointed, now=self.now)[:20])
        own = [role for role in found if role.organization_id == self.actor.organization_id]
        if self.said.slot is not None:
            held = self.said.slot.schedule.practitioner_role_id
            own = [role for role in found if role.pk == held] or own
        if not found:
            self.reading.error("not-found", "Professionnel inconnu de l’annuaire.", where)
            return None
        return (own or found)[0]


def read_schedule(resource: Json, *, actor: Actor, now: datetime, base: str) -> Said:
    """Read a Schedule: of a professional, or of the structure itself (GAP, flows 2 and 3)."""
    reader = _Reader(resource, actor=actor, now=now, base=base)
    reading, said = reader.reading, reader.said
    reading.keep_only(f"{_SCHEDULE_SAID} actor active planningHorizon comment extension contained")
    reader.identify()
    _read_owners(reader)
    start, end = reader.period(resource.get("planningHorizon"))
    if start is not None and end is not None and end <= start:
        reading.error("value", "La fin doit venir après le début.", "planningHorizon.end")
    said.fields |= {
        "active": resource.get("active", True),
        "comment": reading.text(resource.get("comment"), 200, "comment"),
        "horizon_start": start,
        "horizon_end": end,
        "kind": reader.kind(VisitKind.OFFICE),
    }
    _read_availability(reader)
    known = [
        each
        for each in resource.get("extension", ())
        if each["url"] in (words.AVAILABILITY, words.DURATION)
    ]
    reader.keep(_SCHEDULE_SAID, {"extension": known} if known else None)
    return said


def _read_owners(reader: _Reader) -> None:
    """Find whose agenda it is among its actors; a role and its professional are one."""
    unknown = []
    for number, reference in enumerate(reader.resource["actor"]):
        where = f"actor[{number}]"
        pointed = reader.pointed(reference)
        if pointed is not None and pointed.kind in _ROLES:
            found = list(find_roles(pointed, now=reader.now)[:20])
            held = {role.practitioner_id for role, _ in reader.said.roles}
            if any(role.practitioner_id in held for role in found):
                continue
            role = reader.choose_role(pointed, where)
            if role is not None:
                reader.said.roles.append((role, ""))
        elif pointed is not None and pointed.kind in _PLACES:
            place = find_organization(pointed)
            if place is None:
                reader.reading.error("not-found", "Structure inconnue de l’annuaire.", where)
            else:
                reader.said.organizations.append((place, ""))
        else:
            unknown.append(where)
    owners = len(reader.said.roles) + len(reader.said.organizations)
    if not owners:
        for where in unknown:
            reader.reading.error(
                "not-found", "Référence inconnue ici : professionnel ou structure attendu.", where
            )
    else:
        for where in unknown:
            reader.reading.not_kept(where)
    if len(reader.said.roles) > 1 or (not reader.said.roles and owners > 1):
        reader.reading.error("not-supported", "Un agenda a un seul titulaire ici.", "actor")


def _read_availability(reader: _Reader) -> None:
    """Cut what is said to be free, less what is said not to be, into slots (GAP, flow 3)."""
    given = fhir.extensions(reader.resource, words.AVAILABILITY)
    if not given:
        return
    minutes = _minutes(reader)
    free, taken = [], []
    for number, each in enumerate(reader.resource["extension"]):
        if each["url"] != words.AVAILABILITY:
            continue
        where = f"extension[{number}]"
        parts = {part["url"]: part for part in each.get("extension", ())}
        start, end = (parts.get(name, {}).get("valueDateTime") for name in ("start", "end"))
        if not start or not end:
            reader.reading.error("required", "Une disponibilité a un début et une fin.", where)
            continue
        span = Span(fhir.span(start).start, fhir.span(end).start)
        if span.end <= span.start:
            reader.reading.error("value", "La fin doit venir après le début.", where)
            continue
        if span.end - span.start > timedelta(days=366):
            reader.reading.error("value", "Une disponibilité dure un an au plus.", where)
            continue
        for name in parts.keys() - {"identifier", "type", "start", "end"}:
            reader.reading.not_kept(f"{where}.extension('{name[:40]}')")
        code = parts.get("type", {}).get("valueCoding", {}).get("code", "free")
        (free if code == "free" else taken).append(span)
    left = spans.subtract(free, taken)
    count = sum((span.end - span.start) // timedelta(minutes=minutes or 1440) for span in left)
    if count > MOST_PIECES:
        reader.reading.error("too-costly", f"Plus de {MOST_PIECES} créneaux.", "extension")
        return
    reader.said.pieces = [
        piece
        for span in left
        for piece in (spans.cut(span, minutes) if minutes else [span])
        if piece.end - piece.start <= LONGEST
    ]


def _minutes(reader: _Reader) -> int:
    """Return how long a slot lasts; 0 when it is not said: each availability is one slot."""
    for number, each in enumerate(reader.resource["extension"]):
        if each["url"] != words.DURATION:
            continue
        for part in each.get("extension", ()):
            said = part.get("valueDuration")
            if said is None:
                continue
            unit = {"min": 1, "h": 60, "minute": 1}.get(said.get("code") or said.get("unit"), 0)
            value = said.get("value", 0) * unit
            if not 1 <= value <= 1440 or value != int(value):
                where = f"extension[{number}]"
                reader.reading.error("value", "Une durée, de 1 à 1440 minutes.", where)
                return 0
            return int(value)
    return 0


def read_slot(resource: Json, *, actor: Actor, now: datetime, base: str) -> Said:
    """Read a Slot of an agenda that the same structure keeps here."""
    reader = _Reader(resource, actor=actor, now=now, base=base)
    reading, said = reader.reading, reader.said
    reading.keep_only(f"{_SLOT_SAID} schedule status start end comment")
    reader.identify()
    start, end = reader.moment("start"), reader.moment("end")
    if start is not None and end is not None:
        reader.check_order(start, end)
    pointed = reader.pointed(resource["schedule"])
    if pointed is not None and pointed.kind == "Schedule":
        said.schedule = _find_schedule(pointed)
    if said.schedule is None:
        reading.error("not-found", "Agenda inconnu ici.", "schedule")
    said.fields |= {
        "start": start,
        "end": end,
        "status": resource["status"],
        "comment": reading.text(resource.get("comment"), 500, "comment"),
    }
    reader.keep(_SLOT_SAID)
    return said


def _find_schedule(pointed: Pointed) -> Schedule | None:
    if pointed.number is not None:
        return Schedule.objects.filter(pk=pointed.number).first()
    for system, value in pointed.identifiers:
        found = Schedule.objects.filter(identifier_system=system, identifier_value=value)
        if value and len(rows := list(found[:2])) == 1:
            return rows[0]
    return None


def read_appointment(resource: Json, *, actor: Actor, now: datetime, base: str) -> Said:
    """Read an Appointment: a request (`proposed`) or a declaration (GAP, flows 6a and 6b; SAS).

    Invariants of FHIR R4: app-1 a participant has an actor; app-2 a start has an end; app-3 what is
    neither asked for nor cancelled has a time.
    """
    reader = _Reader(resource, actor=actor, now=now, base=base)
    reading, said = reader.reading, reader.said
    reading.keep_only(
        f"{_APPOINTMENT_SAID} status cancelationReason description start end minutesDuration slot"
        " participant requestedPeriod extension contained"
    )
    reader.identify()
    _read_booked_slot(reader)
    _read_times(reader)
    _read_participants(reader)
    operator = [each for each in resource.get("extension", ()) if each["url"] in words.OPERATORS]
    reader.keep(_APPOINTMENT_SAID, {"extension": operator} if operator else None)
    for number, each in enumerate(resource.get("extension", ())):
        if each["url"] not in words.OPERATORS:
            reading.not_kept(f"extension[{number}]")
    office = said.slot.schedule.kind if said.slot is not None else VisitKind.OFFICE
    created = reader.moment("created")
    asked_start, asked_end = reader.period(next(iter(resource.get("requestedPeriod", ())), None))
    said.fields |= {
        "status": resource["status"],
        "kind": reader.kind(office),
        "description": reading.text(resource.get("description"), 200, "description"),
        "requested_start": asked_start,
        "requested_end": asked_end,
        "created_at": created if created is not None and created <= now else now,
        **_cancelled(reader),
    }
    return said


def _cancelled(reader: _Reader) -> dict[str, str]:
    said = reader.resource.get("cancelationReason")
    if said is None:
        return {}
    codes = [coding.get("code") for coding in fhir.codings(said)]
    known = [code for code in codes if code in CancelReason.values]
    text = said.get("text") or next((each.get("display") for each in fhir.codings(said)), "")
    return {
        "cancel_reason": known[0] if known else CancelReason.OTHER,
        "cancel_comment": reader.reading.text(text, 200, "cancelationReason.text"),
    }


def _read_booked_slot(reader: _Reader) -> None:
    given = reader.resource.get("slot", ())
    if len(given) > 1:
        reader.reading.error("not-supported", "Un seul créneau par rendez-vous.", "slot[1]")
    if not given:
        return
    pointed = reader.pointed(given[0])
    found = None
    if pointed is not None and pointed.kind in ("Slot", ""):
        rows = Slot.objects.select_related("schedule")
        if pointed.number is not None:
            found = rows.filter(pk=pointed.number).first()
        else:
            system, value = next(iter(pointed.identifiers), ("", ""))
            held = rows.filter(identifier_system=system, identifier_value=value)
            found = held.first() if value else None
    if found is None:
        reader.reading.error("not-found", "Créneau inconnu ici.", "slot[0]")
    reader.said.slot = found


def _read_times(reader: _Reader) -> None:
    start, end = reader.moment("start"), reader.moment("end")
    status, slot = reader.resource["status"], reader.said.slot
    if (start is None) != (end is None):
        missing = "start" if start is None else "end"
        reader.reading.error("invariant", "Un début va avec une fin (app-2).", missing)
    elif start is not None and end is not None:
        reader.check_order(start, end)
        if slot is not None and (start < slot.start or end > slot.end):
            reader.reading.error("business-rule", "Cette heure n’est pas dans le créneau.", "start")
    elif slot is not None:
        start, end = slot.start, slot.end
    elif status in (*FIRM, AppointmentStatus.PENDING, "fulfilled", "noshow"):
        reader.reading.error("invariant", "Ce rendez-vous a un début et une fin (app-3).", "start")
    if status == AppointmentStatus.WAITLIST:
        start = end = None
    reader.said.fields |= {"start": start, "end": end}


def _read_participants(reader: _Reader) -> None:
    reading, said = reader.reading, reader.said
    unknown = []
    for number, part in enumerate(reader.resource["participant"]):
        where = f"participant[{number}].actor"
        if "actor" not in part:
            if "type" not in part:
                reading.error("invariant", "Un participant a un acteur (app-1).", where)
            continue
        pointed = reader.pointed(part["actor"])
        if pointed is not None and pointed.kind in _ROLES:
            _add_role(reader, pointed, part["status"], where)
        elif pointed is not None and pointed.kind in _PLACES:
            place = find_organization(pointed)
            if place is None:
                reading.error("not-found", "Structure inconnue de l’annuaire.", where)
            else:
                said.organizations.append((place, part["status"]))
        elif pointed is not None and pointed.kind in ("Patient", ""):
            _set_patient(reader, pointed, part["status"], where)
        elif "Patient/" in part["actor"].get("reference", ""):
            # An appointment is never taken without the person whom it names.
            reading.error("not-found", "Personne inconnue, ou pas ouverte.", where)
        else:
            unknown.append(where)
    if said.slot is not None and not said.roles and not said.organizations:
        _add_owner(reader)
    if said.roles or said.organizations:
        for where in unknown:
            reading.not_kept(where)
    else:
        for where in unknown:
            reading.error("not-found", "Référence inconnue ici.", where)
        if not reading.is_refused:
            reading.error("required", "Un professionnel ou une structure participe.", "participant")


def _add_role(reader: _Reader, pointed: Pointed, status: str, where: str) -> None:
    role = reader.choose_role(pointed, where)
    if role is None:
        return
    # A role and its professional are one participant (GAP names both).
    held = [one for one, _ in reader.said.roles if one.practitioner_id == role.practitioner_id]
    if not held:
        reader.said.roles.append((role, status))


def _set_patient(reader: _Reader, pointed: Pointed, status: str, where: str) -> None:
    found = find_patient(pointed)
    if found is None:
        reader.reading.error("not-found", "Personne inconnue, ou pas ouverte.", where)
    elif reader.said.patient is not None and reader.said.patient.pk != found.pk:
        reader.reading.error("business-rule", "Un rendez-vous parle d’une personne.", where)
    reader.said.patient, reader.said.patient_status = found, status
    reader.said.patient_at = f"{reader.reading.at}.{where}"


def _add_owner(reader: _Reader) -> None:
    """The slot says with whom."""
    slot = reader.said.slot
    if slot is None:
        return
    role_id = slot.schedule.practitioner_role_id
    if role_id is not None:
        for role in find_roles(Pointed("PractitionerRole", number=role_id), now=reader.now):
            reader.said.roles.append((role, ParticipationStatus.NEEDS_ACTION))
    else:
        place = find_organization(Pointed("Organization", number=slot.schedule.organization_id))
        if place is not None:
            reader.said.organizations.append((place, ParticipationStatus.NEEDS_ACTION))
