"""Requests of support in FHIR R4: a ServiceRequest that software sends, and what becomes of it."""

import base64
import binascii
import io
import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from carbet.coordination.care_teams import access as care_teams_access
from carbet.coordination.documents.rules import receiving
from carbet.coordination.documents.rules.content import MOST_FILES, UnknownContent
from carbet.coordination.documents.rules.receiving import Received
from carbet.coordination.support import operations, queries
from carbet.coordination.support.choices import (
    RequestReason,
    RequestSource,
    RequestStatus,
    RequestStepKind,
    Urgency,
)
from carbet.coordination.support.models import RequestStep, SupportRequest
from carbet.core import fhir
from carbet.core.actor import Actor, Level
from carbet.core.fhir import Issue, Json, Reading, Refused, refuse
from carbet.core.operation import UnableTo, UnableToAct
from carbet.registries.directory import fhir as directory_fhir
from carbet.registries.directory.choices import Purpose
from carbet.registries.directory.models import Organization, Practitioner, PractitionerRole
from carbet.registries.patients.models import Patient, PatientIdentifier

PROFILE = "http://hl7.org/fhir/StructureDefinition/ServiceRequest"
# FHIR request-status of each of ours.
STATUSES = {
    RequestStatus.SUBMITTED: "active",
    RequestStatus.INCOMPLETE: "on-hold",
    RequestStatus.ACCEPTED: "completed",
    RequestStatus.REDIRECTED: "revoked",
    RequestStatus.WITHDRAWN: "revoked",
}
_URGENCIES = {
    "routine": Urgency.ROUTINE,
    "urgent": Urgency.URGENT,
    "asap": Urgency.ASAP,
    "stat": Urgency.ASAP,
}
_INTENTS = ("order", "original-order", "proposal")


def reasons() -> str:
    """Return the address of the code system of our reasons."""
    return f"{settings.PUBLIC_URL}/fhir/CodeSystem/motif-appui"


def statuses() -> str:
    """Return the address of the code system of our statuses, finer than FHIR's."""
    return f"{settings.PUBLIC_URL}/fhir/CodeSystem/etat-demande-appui"


@dataclass(frozen=True)
class Kept:
    """A request as it was kept: its row, whether it is new, what of it was not kept."""

    row: SupportRequest
    created: bool
    issues: list[Issue]


# --- In -----------------------------------------------------------------------------------------


def receive(resource: Json, *, actor: Actor, now: datetime, base: str) -> Kept:
    """Address to a DAC the request that a ServiceRequest makes; its identifier makes it once.

    Args:
        resource: a ServiceRequest whose shape is right already.
        base: the address of our FHIR door, to recognize references to it.

    Raises:
        Refused: 403, 409 or 422, with the exact place of all that is wrong.
    """
    reading = _Reading(resource, "ServiceRequest", base)
    said = reading.read(now=now)
    patient = reading.person()
    addressee = reading.addressee()
    requester = reading.requester(actor, now=now)
    files = reading.files()
    if reading.is_refused or patient is None or addressee is None:
        raise Refused(422, *[each for each in reading.issues if each.severity == "error"][:20])
    if not care_teams_access.opened(patient_id=patient.pk, level=Level.WRITE):
        raise refuse(
            403, "forbidden", "Votre structure peut lire, pas demander.", reading.place("subject")
        )
    gesture = reading.gesture(actor)
    known = SupportRequest.objects.filter(gesture=gesture).exists()
    try:
        row = operations.request_support(
            actor=actor,
            now=now,
            patient=patient,
            addressee=addressee,
            gesture=gesture,
            source=RequestSource.PROFESSIONAL if requester.is_person else RequestSource.STRUCTURE,
            requester_id=requester.role_id,
            requester_name=requester.name,
            files=files,
            **said,
        )
    except UnableTo as refusal:
        raise _refused(refusal) from refusal
    return Kept(row, not known, [each for each in reading.issues if each.severity == "warning"])


def _refused(refusal: UnableTo) -> Refused:
    """Return the FHIR refusal of what the operation refused, at its place."""
    if isinstance(refusal, UnableToAct):
        return refuse(403, "forbidden", refusal.message, "ServiceRequest")
    places = {
        "text": "note",
        "authored_on": "authoredOn",
        "addressee": "performer[0]",
        "given_by": "subject",
    }
    if refusal.field in places:
        return refuse(
            422, "business-rule", refusal.message, f"ServiceRequest.{places[refusal.field]}"
        )
    return refuse(409, "conflict", refusal.message, "ServiceRequest.subject")


@dataclass(frozen=True)
class _Requester:
    role_id: int | None = None
    name: str = ""

    @property
    def is_person(self) -> bool:
        return self.role_id is not None or bool(self.name)


class _Reading(Reading):
    def __init__(self, resource: Json, at: str, base: str) -> None:
        super().__init__(resource, at)
        self.base = base.rstrip("/") + "/"
        self.contained = {
            each["id"]: (each, number)
            for number, each in enumerate(resource.get("contained", []))
            if "id" in each
        }

    def read(self, *, now: datetime) -> dict[str, Any]:
        """Return what the resource says of itself, as `request_support` takes it."""
        resource = self.resource
        self.keep_only(
            "identifier status intent priority subject authoredOn requester performer reasonCode"
            " note code contained supportingInfo doNotPerform"
        )
        if resource["status"] != "active":
            self.error("value", "Une nouvelle demande est active.", "status")
        if resource["intent"] not in _INTENTS:
            self.error("value", f"Attendu : {', '.join(_INTENTS)}.", "intent")
        if resource.get("doNotPerform"):
            self.error("business-rule", "Une demande d’appui ne s’interdit pas.", "doNotPerform")
        priority = resource.get("priority", "routine")
        if priority == "stat":
            self.issues.append(
                Issue(
                    "informational",
                    "stat est gardé comme asap (48 heures) : appelez pour une urgence vitale.",
                    self.place("priority"),
                    "warning",
                )
            )
        return {
            "urgency": _URGENCIES[priority],
            "reason": self._reason(),
            "text": self._text(),
            "authored_on": self._authored_on(now),
            "identifier": self._identifier(),
        }

    def gesture(self, actor: Actor) -> uuid.UUID:
        """Return the key of the gesture: one structure, one identifier, one request."""
        system, value = self._identifier()
        if not value:
            return uuid.uuid4()
        told = f"{self.base} support {actor.organization_id} {system} {value}"
        return uuid.uuid5(uuid.NAMESPACE_URL, told)

    def person(self) -> Patient | None:
        """Return the person that the request is about, of those whom this system may see."""
        reference = self.resource["subject"]
        number = self._number(reference, "Patient")
        if number is not None:
            found = Patient.objects.filter(pk=number).first()
        elif system_value := _identified(reference):
            held = PatientIdentifier.objects.filter(
                system=system_value[0], value=system_value[1]
            ).select_related("patient")
            found = next((each.patient for each in held), None)
        else:
            self.error("value", "Patient/numéro, ou un identifiant, est attendu.", "subject")
            return None
        if found is None:
            self.error("not-found", "Personne inconnue ici, ou pas ouverte.", "subject")
        return found

    def addressee(self) -> Organization | None:
        """Return the team that is asked: the one said, or the only one of the territory."""
        said = self.resource.get("performer", [])
        if len(said) > 1:
            self.error("value", "Une seule équipe par demande.", "performer[1]")
            return None
        if not said:
            teams = list(queries.addressees()[:2])
            if len(teams) == 1:
                return teams[0]
            self.error("required", "Dites à quelle équipe d’appui (performer).", "performer")
            return None
        found = self._organization(said[0])
        if found is None:
            self.error("not-found", "Structure inconnue ici.", "performer[0]")
        elif found.purpose != Purpose.DAC or not found.active:
            self.error("business-rule", "Cette structure n’est pas un DAC.", "performer[0]")
        return found

    def requester(self, actor: Actor, *, now: datetime) -> _Requester:
        """Return who asks: a role of the structure that sends, a name, or the structure itself."""
        reference = self.resource.get("requester")
        if not reference:
            return _Requester()
        own = actor.organization_id
        at_work = PractitionerRole.objects.filter(
            Q(ended_at__isnull=True) | Q(ended_at__gt=now), organization_id=own
        )
        if (number := self._number(reference, "PractitionerRole")) is not None:
            role = at_work.filter(pk=number).first()
        elif (number := self._number(reference, "Practitioner")) is not None:
            role = at_work.filter(practitioner_id=number).first()
        elif (place := self._organization(reference)) is not None and place.pk == own:
            return _Requester()
        elif system_value := _identified(reference):
            held = [{"system": system_value[0], "value": system_value[1]}]
            known = Practitioner.objects.filter(directory_fhir.match_practitioners(held))
            role = at_work.filter(practitioner__in=known).first()
        else:
            role = None
        if role is not None:
            return _Requester(role_id=role.pk)
        name = self.text(reference.get("display", ""), 200, "requester.display")
        if not name:
            self.error("not-found", "Demandeur inconnu ici, et sans nom (display).", "requester")
            return _Requester()
        self.issues.append(
            Issue(
                "not-found",
                "Inconnu dans votre structure : gardé par son nom.",
                self.place("requester"),
                "warning",
            )
        )
        return _Requester(name=name)

    def files(self) -> list[Received]:
        """Return the files of the contained DocumentReference that `supportingInfo` points to."""
        found: list[Received] = []
        for number, reference in enumerate(self.resource.get("supportingInfo", [])):
            where = f"supportingInfo[{number}]"
            text = reference.get("reference", "")
            held, rank = self.contained.get(text.removeprefix("#"), ({}, 0))
            if not text.startswith("#"):
                self.not_kept(where)
                continue
            if held.get("resourceType") != "DocumentReference":
                self.error("not-found", "Aucun DocumentReference contenu ne porte cet id.", where)
                continue
            for place, each in enumerate(held.get("content", [])):
                at = f"contained[{rank}].content[{place}].attachment"
                received = self._file(each.get("attachment", {}), at)
                found += [received] if received else []
        if len(found) > MOST_FILES:
            self.error("too-costly", f"{MOST_FILES} fichiers au plus.", "supportingInfo")
        return found

    def _file(self, attachment: Json, at: str) -> Received | None:
        if "data" not in attachment:
            self.error("value", "Le contenu (data) est attendu : aucune adresse n’est lue.", at)
            return None
        try:
            content = base64.b64decode("".join(attachment["data"].split()), validate=True)
            name = str(attachment.get("title", "document"))
            return receiving.receive(name, io.BytesIO(content), len(content))
        except UnknownContent as refusal:
            self.error("value", str(refusal), f"{at}.data")
        except (binascii.Error, ValueError):
            self.error("value", "Base64 illisible.", f"{at}.data")
        return None

    def _reason(self) -> str:
        for number, each in enumerate(self.resource.get("reasonCode", [])):
            for rank, coding in enumerate(fhir.codings(each)):
                if coding.get("system") != reasons():
                    continue
                code = coding.get("code", "")
                if code in RequestReason.values:
                    return str(code)
                self.error(
                    "code-invalid",
                    f"Motif inconnu ; sont admis : {', '.join(RequestReason.values)}.",
                    f"reasonCode[{number}].coding[{rank}].code",
                )
        return RequestReason.OTHER

    def _text(self) -> str:
        resource = self.resource
        said = [each.get("text", "") for each in resource.get("note", [])]
        said += [_words(each) for each in resource.get("reasonCode", [])]
        said.append(_words(resource.get("code", {})))
        text = "\n\n".join(dict.fromkeys(filter(None, (each.strip() for each in said))))
        if not text:
            self.error("required", "Décrivez la situation (note.text).", "note")
        elif len(text) > operations.MAX_TEXT:
            self.error("too-long", f"{operations.MAX_TEXT} caractères au plus en tout.", "note")
        return text

    def _authored_on(self, now: datetime) -> date | None:
        said = self.resource.get("authoredOn")
        if not said:
            return None
        span = fhir.span(said)
        if span.start > now:
            self.error("business-rule", "Cette date est dans le futur.", "authoredOn")
            return None
        return timezone.localdate(span.start)

    def _identifier(self) -> tuple[str, str]:
        for number, each in enumerate(self.resource.get("identifier", [])):
            system, value = each.get("system", ""), each.get("value", "")
            if value:
                where = f"identifier[{number}]"
                return (
                    self.text(system, 200, f"{where}.system"),
                    self.text(value, 200, f"{where}.value"),
                )
        return "", ""

    def _number(self, reference: Json, kind: str) -> int | None:
        text = reference.get("reference", "").removeprefix(self.base)
        number = text.removeprefix(f"{kind}/")
        is_number = number != text and number.isascii() and number.isdecimal() and len(number) < 19
        return int(number) if is_number else None

    def _organization(self, reference: Json) -> Organization | None:
        if (number := self._number(reference, "Organization")) is not None:
            return Organization.objects.filter(pk=number).first()
        if system_value := _identified(reference):
            held = [{"system": system_value[0], "value": system_value[1]}]
            found = Organization.objects.filter(directory_fhir.match_organizations(held))[:2]
            return found[0] if len(found) == 1 else None
        return None


def _identified(reference: Json) -> tuple[str, str] | None:
    held = reference.get("identifier", {})
    system, value = held.get("system", ""), held.get("value", "")
    return (system, value) if system and value else None


def _words(concept: Json) -> str:
    shown = next((str(each["display"]) for each in fhir.codings(concept) if "display" in each), "")
    return str(concept.get("text", "") or shown)


# --- Out ----------------------------------------------------------------------------------------


def service_requests(rows: QuerySet[SupportRequest]) -> list[Json]:
    """Return the ServiceRequest resources of these rows, with their steps, in two queries."""
    held = list(rows.select_related("addressee", "requester_organization"))
    steps: dict[int, list[RequestStep]] = {}
    for step in RequestStep.objects.filter(
        request_id__in=[row.pk for row in held], kind__in=_TOLD
    ).order_by("at", "pk"):
        steps.setdefault(step.request_id, []).append(step)
    return [service_request(row, steps.get(row.pk, [])) for row in held]


# What the requester reads of the steps.
_TOLD = (
    RequestStepKind.ASKED,
    RequestStepKind.GIVEN,
    RequestStepKind.ACCEPTED,
    RequestStepKind.REDIRECTED,
    RequestStepKind.WITHDRAWN,
)


def service_request(row: SupportRequest, steps: list[RequestStep]) -> Json:
    """Return the ServiceRequest resource of one request; each step it was told is a note."""
    found: Json = {
        "resourceType": "ServiceRequest",
        "id": str(row.pk),
        "meta": fhir.meta(PROFILE, version=row.version, updated_at=row.updated_at),
        "extension": [
            fhir.extension(
                f"{settings.PUBLIC_URL}/fhir/StructureDefinition/etat-demande-appui",
                valueCoding=fhir.coding(statuses(), row.status, row.get_status_display()),
            )
        ],
    }
    if row.identifier_value:
        held = {"value": row.identifier_value}
        if row.identifier_system:
            held = {"system": row.identifier_system} | held
        found["identifier"] = [held]
    found |= {
        "status": STATUSES[RequestStatus(row.status)],
        "intent": "order",
        "priority": row.urgency,
        "subject": fhir.reference("Patient", row.patient_id),
        # By when the team answers.
        "occurrencePeriod": {"end": fhir.instant(row.due_at)},
        "authoredOn": row.authored_on.isoformat()
        if row.authored_on
        else fhir.instant(row.submitted_at),
    }
    if row.requester_id:
        found["requester"] = fhir.reference("PractitionerRole", row.requester_id)
    elif row.requester_organization_id:
        found["requester"] = fhir.reference("Organization", row.requester_organization_id)
        if row.requester_name:
            found["requester"]["display"] = row.requester_name
    elif row.requester_name:
        found["requester"] = {"display": row.requester_name}
    found |= {
        "performer": [
            fhir.reference("Organization", row.addressee_id) | {"display": row.addressee.name}
        ],
        "reasonCode": [fhir.concept(reasons(), row.reason, row.get_reason_display())],
        "note": [{"time": fhir.instant(row.submitted_at), "text": row.text}]
        + [
            {
                "authorString": step.author_name,
                "time": fhir.instant(step.at),
                "text": ": ".join(filter(None, (RequestStepKind(step.kind).label, step.text))),
            }
            for step in steps
        ],
    }
    return found
