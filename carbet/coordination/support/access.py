"""Who may open a support request: the circle, the team it is addressed to, whoever sent it."""

from datetime import datetime

from carbet.coordination.care_teams import access as care_teams
from carbet.coordination.care_teams.access import NoSuchRecord
from carbet.coordination.support.models import Case, RequestFile, SupportRequest
from carbet.core import audit
from carbet.core.actor import Actor, Level
from carbet.registries.patients.models import Patient

__all__ = [
    "NoSuchRecord",
    "find_case",
    "find_request",
    "get_case",
    "get_file",
    "get_patient",
    "get_request",
]


def get_patient(
    *,
    actor: Actor,
    patient_id: int,
    now: datetime,
    level: Level,
    purpose: str = "support.read",
) -> Patient:
    """Return the person whose support is asked for or under way, and trace the entry.

    Raises:
        NoSuchRecord: there is none, or not for this actor at this level.
    """
    return care_teams.get_record(
        actor=actor, patient_id=patient_id, now=now, level=level, purpose=purpose
    )


def get_request(
    *, actor: Actor, request_id: int, now: datetime, purpose: str = "support.read"
) -> tuple[SupportRequest, Patient]:
    """Return a request and the person it concerns, whose identity the actor may see; trace it.

    Raises:
        NoSuchRecord: there is none, or the person's identity is not, or no longer, open.
    """
    request = find_request(request_id=request_id)
    patient = get_patient(
        actor=actor,
        patient_id=request.patient_id,
        now=now,
        level=Level.IDENTITY,
        purpose=purpose,
    )
    return request, patient


def find_request(*, request_id: int) -> SupportRequest:
    """Return a request that row security shows to the actor, even once the identity is closed.

    Raises:
        NoSuchRecord: there is none for this actor.
    """
    request = (
        SupportRequest.objects.filter(pk=request_id)
        .select_related(
            "requester__practitioner",
            "requester__organization",
            "requester_organization",
            "recorded_by__practitioner",
            "addressee",
            "consent",
            "decided_by__practitioner",
            "triaged_by__practitioner",
            "case__coordinator__practitioner",
        )
        .first()
    )
    if request is None:
        raise NoSuchRecord
    return request


def get_case(*, patient: Patient, case_id: int) -> Case:
    """Return a case of a person whose record is already entered.

    Raises:
        NoSuchRecord: the case is not this person's.
    """
    case = (
        Case.objects.filter(patient_id=patient.pk, pk=case_id)
        .select_related(
            "coordinator__practitioner",
            "coordinator__organization",
            "organization",
            "request__requester__practitioner",
        )
        .first()
    )
    if case is None:
        raise NoSuchRecord
    return case


def find_case(*, actor: Actor, case_id: int) -> Case:
    """Return a case of the actor's team, even once its record has closed to the team.

    Raises:
        NoSuchRecord: there is none, or it is another team's.
    """
    case = (
        Case.objects.filter(pk=case_id, organization_id=actor.organization_id)
        .select_related("coordinator__practitioner", "organization")
        .first()
    )
    if case is None:
        raise NoSuchRecord
    return case


def get_file(*, actor: Actor, request: SupportRequest, number: int, now: datetime) -> RequestFile:
    """Return a file of a request already entered, and trace that it was opened.

    Raises:
        NoSuchRecord: it is not there, or its category is not open to this reader.
    """
    file = RequestFile.objects.filter(request_id=request.pk, number=number).first()
    if file is None:
        raise NoSuchRecord
    audit.read(actor, "support.open_file", now=now, patient_id=request.patient_id, entity=file)
    return file
