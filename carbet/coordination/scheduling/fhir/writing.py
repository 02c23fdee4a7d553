"""Say schedules, slots and appointments in FHIR, each kind in one query."""

import json
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, QuerySet
from django.db.models.functions import JSONObject
from django.utils import timezone

from carbet.coordination.scheduling.choices import CancelReason, ParticipationStatus
from carbet.coordination.scheduling.fhir import vocabulary as words
from carbet.coordination.scheduling.models import (
    Appointment,
    AppointmentParticipant,
    Schedule,
    Slot,
)
from carbet.core import fhir
from carbet.core.compiled import Compiled
from carbet.core.fhir import Json

_SCHEDULE = """id organization_id practitioner_role_id practitioner_role__practitioner_id
    practitioner_role__specialty active kind comment identifier_system identifier_value
    horizon_start horizon_end said updated_at version"""
_SLOT = """id schedule_id schedule__kind schedule__practitioner_role__specialty start end status
    identifier_system identifier_value comment said updated_at version"""
_APPOINTMENT = """id patient_id patient_status status kind description start end requested_start
    requested_end slot_id cancel_reason cancel_comment identifier_system identifier_value said
    created_at updated_at version"""


def _appointment_columns() -> QuerySet[Appointment, dict[str, Any]]:
    each = JSONObject(
        role=F("practitioner_role_id"),
        practitioner=F("practitioner_role__practitioner_id"),
        organization=F("organization_id"),
        status=F("status"),
    )
    held = AppointmentParticipant.objects.filter(appointment_id=OuterRef("pk")).order_by("pk")
    return Appointment.objects.values(
        *_APPOINTMENT.split(), parts=ArraySubquery(held.values(each=each))
    )


_SCHEDULES = Compiled(lambda: Schedule.objects.values(*_SCHEDULE.split()))
_SLOTS = Compiled(lambda: Slot.objects.values(*_SLOT.split()))
_APPOINTMENTS = Compiled(_appointment_columns)


def schedules(rows: QuerySet[Schedule]) -> list[Json]:
    """Return the Schedule resources of these agendas."""
    return [_schedule(row) for row in _SCHEDULES.rows(rows)]


def slots(rows: QuerySet[Slot]) -> list[Json]:
    """Return the Slot resources of these slots."""
    return [_slot(row) for row in _SLOTS.rows(rows)]


def appointments(rows: QuerySet[Appointment]) -> list[Json]:
    """Return the Appointment resources of these appointments."""
    return [_appointment(row) for row in _APPOINTMENTS.rows(rows)]


def _said(row: dict[str, Any]) -> Json:
    said: Any = row["said"]
    found: Json = json.loads(said) if isinstance(said, str) else said
    return found


def _frame(kind: str, row: dict[str, Any], profile: str, said: Json) -> Json:
    """Return what every resource begins with; what its software said of it comes back as it was."""
    found: Json = {
        "resourceType": kind,
        "id": str(row["id"]),
        "meta": fhir.meta(profile, version=row["version"], updated_at=row["updated_at"]),
    }
    if "security" in said:
        found["meta"]["security"] = said["security"]
    if "identifier" not in said and row["identifier_value"]:
        held: Json = {"value": row["identifier_value"]}
        if row["identifier_system"]:
            held = {"system": row["identifier_system"]} | held
        found["identifier"] = [held]
    found |= {name: value for name, value in said.items() if name != "security"}
    return found


def _moment(moment: datetime) -> str:
    """Return an instant on the territory's clock, with its offset."""
    return timezone.localtime(moment, timezone.get_default_timezone()).isoformat(timespec="seconds")


def _period(start: datetime | None, end: datetime | None) -> Json:
    found: Json = {}
    if start is not None:
        found["start"] = _moment(start)
    if end is not None:
        found["end"] = _moment(end)
    return found


def _kind(kind: str) -> list[Json]:
    if kind in words.CODED_KINDS:
        return [fhir.concept(words.ACT_CODES, kind)]
    return [{"text": "Réunion de coordination"}]


def _schedule(row: dict[str, Any]) -> Json:
    said = _said(row)
    found = _frame("Schedule", row, words.SCHEDULE, said)
    found["active"] = row["active"]
    if "serviceType" not in found:
        found["serviceType"] = _kind(row["kind"])
    specialty = row["practitioner_role__specialty"]
    if specialty and "specialty" not in found:
        found["specialty"] = [fhir.concept(words.SPECIALTIES, specialty)]
    if row["practitioner_role_id"]:
        found["actor"] = [
            fhir.reference("PractitionerRole", row["practitioner_role_id"]),
            fhir.reference("Practitioner", row["practitioner_role__practitioner_id"]),
        ]
    else:
        found["actor"] = [fhir.reference("Organization", row["organization_id"])]
    if horizon := _period(row["horizon_start"], row["horizon_end"]):
        found["planningHorizon"] = horizon
    if row["comment"]:
        found["comment"] = row["comment"]
    return found


def _slot(row: dict[str, Any]) -> Json:
    said = _said(row)
    found = _frame("Slot", row, words.SLOT, said)
    if "security" not in said:
        found["meta"]["security"] = [fhir.coding(words.SLOT_TYPES, "PUBLIC")]
    if "serviceType" not in found:
        found["serviceType"] = _kind(row["schedule__kind"])
    specialty = row["schedule__practitioner_role__specialty"]
    if specialty and "specialty" not in found:
        found["specialty"] = [fhir.concept(words.SPECIALTIES, specialty)]
    if "appointmentType" not in found:
        found["appointmentType"] = fhir.concept(words.APPOINTMENT_TYPES, "ROUTINE")
    found["schedule"] = fhir.reference("Schedule", row["schedule_id"])
    found["status"] = row["status"]
    found |= _period(row["start"], row["end"])
    if row["comment"]:
        found["comment"] = row["comment"]
    return found


def _appointment(row: dict[str, Any]) -> Json:
    said = _said(row)
    found = _frame("Appointment", row, words.APPOINTMENT, said)
    found["status"] = row["status"]
    if row["cancel_reason"]:
        reason = CancelReason(row["cancel_reason"])
        told = fhir.concept(words.CANCEL_REASONS, reason.value, reason.label)
        found["cancelationReason"] = (
            told | {"text": row["cancel_comment"]} if row["cancel_comment"] else told
        )
    if "serviceType" not in found:
        found["serviceType"] = _kind(row["kind"])
    if row["description"]:
        found["description"] = row["description"]
    found |= _period(row["start"], row["end"])
    if row["start"] and row["end"]:
        found["minutesDuration"] = int((row["end"] - row["start"]).total_seconds() // 60)
    if row["slot_id"]:
        found["slot"] = [fhir.reference("Slot", row["slot_id"])]
    if "created" not in found:
        found["created"] = _moment(row["created_at"])
    found["participant"] = _participants(row)
    if asked := _period(row["requested_start"], row["requested_end"]):
        found["requestedPeriod"] = [asked]
    return found


def _participants(row: dict[str, Any]) -> list[Json]:
    held: list[tuple[str, int, str]] = []
    if row["patient_id"]:
        held.append(("Patient", row["patient_id"], row["patient_status"]))
    for part in row["parts"]:
        if part["role"] is None:
            held.append(("Organization", part["organization"], part["status"]))
            continue
        held.append(("PractitionerRole", part["role"], part["status"]))
        held.append(("Practitioner", part["practitioner"], part["status"]))
    return [
        {
            "actor": fhir.reference(kind, number),
            "required": "required",
            "status": ParticipationStatus(status).value,
        }
        for kind, number, status in held
    ]
