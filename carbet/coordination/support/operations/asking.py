"""Ask for support, complete what was asked, take it back."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.care_teams import access as care_teams_access
from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.care_teams import queries as care_team_queries
from carbet.coordination.care_teams.choices import ConsentDecision, ConsentGiver, GrantSource
from carbet.coordination.care_teams.models import Consent
from carbet.coordination.documents.rules.receiving import Received
from carbet.coordination.support import rules
from carbet.coordination.support.choices import (
    CaseStatus,
    RequestReason,
    RequestSource,
    RequestStatus,
    RequestStepKind,
    Urgency,
)
from carbet.coordination.support.models import Case, SupportRequest
from carbet.coordination.support.operations import filing, stepping
from carbet.core import grants
from carbet.core.actor import SYSTEM, Actor, Level, organization_key
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.registries.directory.choices import Purpose
from carbet.registries.directory.models import Organization
from carbet.registries.directory.rules import REQUEST_SUPPORT
from carbet.registries.patients.models import Patient

MAX_TEXT = 4000


class UnableToRequestSupport(UnableTo):
    """The request cannot be sent as given."""


@operation("support.request", action="C")
def request_support(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    addressee: Organization,
    reason: str,
    text: str,
    gesture: uuid.UUID,
    urgency: str = Urgency.ROUTINE,
    source: str = RequestSource.PROFESSIONAL,
    requester_id: int | None = None,
    requester_name: str = "",
    requester_phone: str = "",
    authored_on: date | None = None,
    consent_given_by: str = "",
    consent_note: str = "",
    files: Sequence[Received] = (),
    identifier: tuple[str, str] = ("", ""),
) -> SupportRequest:
    """Ask a DAC to support the person, who agreed; the same gesture twice is one request.

    The team sees the identity and the request, not the record, and is alerted at once. The
    agreement is the latest one recorded; without any, `consent_given_by` says who gives it.

    Args:
        source: whose request it is; a professional may write down somebody else's.
        requester_id: the role that asks, when a software of its structure sends the request.
        requester_name: who asks, when neither the actor nor their structure does.
        authored_on: the day it was made, when it is written down later.

    Raises:
        UnableToAct: the role may not ask.
        UnableToRequestSupport: no agreement, an objection, a request or a case already open there.
    """
    asks = _asks(actor, source, requester_id, requester_name.strip(), requester_phone.strip())
    if addressee.purpose != Purpose.DAC or not addressee.active:
        raise UnableToRequestSupport("Choisissez une équipe d’appui.", field="addressee")
    text = _checked(text)
    _check_day(authored_on, now=now)
    before = SupportRequest.objects.filter(gesture=gesture, patient_id=patient.pk).first()
    if before is not None and stepping.is_own(before, actor):
        trace.about(patient_id=patient.pk, entity=before, reason="déjà envoyée")
        return before
    case = Case.objects.filter(patient_id=patient.pk, organization=addressee).exclude(
        status=CaseStatus.FINISHED
    )
    if case.exists():
        raise UnableToRequestSupport(
            f"{addressee.name} accompagne déjà cette personne : écrivez dans le cahier de liaison."
        )
    consent = _agreement(actor, patient, consent_given_by, consent_note, now=now)
    request = SupportRequest(
        patient_id=patient.pk,
        addressee=addressee,
        consent=consent,
        consent_given_by=consent.given_by if consent else consent_given_by,
        consent_note=consent_note.strip(),
        reason=RequestReason(reason),
        text=text,
        urgency=Urgency(urgency),
        authored_on=authored_on,
        submitted_at=now,
        due_at=rules.due_at(urgency=urgency, submitted_at=now),
        updated_at=now,
        identifier_system=identifier[0],
        identifier_value=identifier[1],
        gesture=gesture,
        **asks,
    )
    try:
        with transaction.atomic():
            request.save(force_insert=True)
    except IntegrityError as error:
        return _requested_before(trace, request, actor, error)
    team = organization_key(addressee.pk)
    grants.grant(
        team,
        patient_id=patient.pk,
        level=Level.IDENTITY,
        source=GrantSource.SUPPORT_REQUEST,
        source_id=request.pk,
        now=now,
    )
    _keep_files(request, files, actor=actor, now=now)
    stepping.write_step(request, RequestStepKind.SUBMITTED, actor=actor, now=now)
    stepping.tell(
        request,
        [team],
        AlertKind.SUPPORT_REQUEST,
        actor=actor,
        now=now,
        urgent=request.urgency == Urgency.ASAP,
    )
    stepping.refresh_screens(request, now=now)
    trace.about(patient_id=patient.pk, entity=request)
    return request


@operation("support.complete")
def complete_request(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    request: SupportRequest,
    text: str,
    files: Sequence[Received] = (),
) -> SupportRequest:
    """Answer what the team asked to know; the delay runs again, moved on by the time that it took.

    The team writes it down itself when it called a requester who has no account.

    Raises:
        UnableToAct: the request is somebody else's.
        UnableToAnswerRequest: answered or withdrawn meanwhile, or nothing was asked.
    """
    row = stepping.lock(request)
    by_team = row is not None and stepping.is_addressed(row, actor)
    if row is None or not (by_team or stepping.is_own(row, actor)):
        raise UnableToAct("Seul le demandeur peut compléter sa demande.")
    stepping.check_waits(row)
    if row.status != RequestStatus.INCOMPLETE or row.information_asked_at is None:
        raise stepping.UnableToAnswerRequest("Aucun complément n’est demandé.")
    text = _checked(text, most=2000)
    row.due_at = rules.moved_on(row.due_at, asked_at=row.information_asked_at, given_at=now)
    row.status, row.information_asked_at = RequestStatus.SUBMITTED, None
    stepping.save(row, "status", "due_at", "information_asked_at", now=now)
    _keep_files(row, files, actor=actor, now=now)
    stepping.write_step(row, RequestStepKind.GIVEN, actor=actor, now=now, text=text)
    if not by_team:
        stepping.tell(
            row,
            [organization_key(row.addressee_id)],
            AlertKind.SUPPORT_REQUEST,
            actor=actor,
            now=now,
        )
    trace.about(patient_id=row.patient_id, entity=row)
    return row


@operation("support.withdraw")
def withdraw_request(
    trace: Trace, *, actor: Actor, now: datetime, request: SupportRequest, reason: str = ""
) -> SupportRequest:
    """Take back one's own request before it is answered: the identity closes for the team.

    Raises:
        UnableToAct: the request is somebody else's.
        UnableToAnswerRequest: answered or withdrawn already.
    """
    row = stepping.lock(request)
    if row is None or not stepping.is_own(row, actor):
        raise UnableToAct("Seul le demandeur peut retirer sa demande.")
    stepping.check_waits(row)
    reason = reason.strip()
    row.status, row.decided_at, row.decision_reason = RequestStatus.WITHDRAWN, now, reason
    row.decided_by_id = actor.role_id
    stepping.save(row, "status", "decided_at", "decided_by", "decision_reason", now=now)
    stepping.write_step(row, RequestStepKind.WITHDRAWN, actor=actor, now=now, text=reason)
    trace.about(patient_id=row.patient_id, entity=row, reason=reason)
    stepping.close_identity(row, now=now)
    return row


def _asks(
    actor: Actor, source: str, requester_id: int | None, name: str, phone: str
) -> dict[str, int | str | None]:
    """Return who asks, as columns of the request."""
    asks: dict[str, int | str | None] = {"source": RequestSource(source)}
    if actor.is_person:
        return asks | {"requester_account_id": actor.account_id, "requester_name": name}
    if actor.kind == SYSTEM:
        role = {"requester_id": requester_id} if requester_id else {}
        return (
            asks
            | role
            | {"requester_organization_id": actor.organization_id, "requester_name": name}
        )
    if not actor.can(REQUEST_SUPPORT) or actor.role_id is None:
        raise UnableToAct("Votre rôle ne permet pas de demander un appui.")
    if source == RequestSource.PROFESSIONAL:
        return asks | {"requester_id": actor.role_id}
    if source == RequestSource.STRUCTURE:
        return asks | {
            "requester_id": actor.role_id,
            "requester_organization_id": actor.organization_id,
        }
    if source == RequestSource.RELATIVE and not name:
        raise UnableToRequestSupport("Dites qui fait la demande.", field="requester_name")
    if not phone:
        raise UnableToRequestSupport(
            "Notez un numéro où rappeler : cette personne ne lit pas Carbet.",
            field="requester_phone",
        )
    return asks | {
        "requester_name": name,
        "requester_phone": phone,
        "recorded_by_id": actor.role_id,
    }


def _agreement(
    actor: Actor, patient: Patient, given_by: str, note: str, *, now: datetime
) -> Consent | None:
    """Return the recorded agreement, recorded now if need be; None when only the requester says so.

    Somebody who does not write in the record cannot record it: whoever accepts will.
    """
    consent = care_team_queries.latest_consent(patient_id=patient.pk)
    if consent is not None and consent.decision == ConsentDecision.OPPOSED:
        raise UnableToRequestSupport(
            "La personne s’oppose au partage : la demande ne peut pas partir sans son accord.",
            field="given_by",
        )
    if consent is not None:
        return consent
    if not given_by:
        raise UnableToRequestSupport(
            "Recueillez l’accord de la personne, et dites qui l’a donné.", field="given_by"
        )
    if actor.is_person:
        ConsentGiver(given_by)
        return None
    if actor.kind == SYSTEM:
        raise UnableToRequestSupport(
            "Aucun accord de la personne n’est enregistré ici.", field="given_by"
        )
    return care_teams.record_consent(
        actor=actor,
        now=now,
        patient=patient,
        decision=ConsentDecision.GIVEN,
        given_by=given_by,
        note=note,
    )


def _checked(text: str, *, most: int = MAX_TEXT) -> str:
    text = text.strip()
    if not text:
        raise UnableToRequestSupport("Décrivez la situation.", field="text")
    if len(text) > most:
        raise UnableToRequestSupport(
            f"Ce texte compte {len(text)} caractères : {most} au plus.", field="text"
        )
    return text


def _check_day(day: date | None, *, now: datetime) -> None:
    if day is None:
        return
    if day > timezone.localdate(now):
        raise UnableToRequestSupport("Cette date est dans le futur.", field="authored_on")
    if day < timezone.localdate(now - rules.WRITTEN_WITHIN):
        raise UnableToRequestSupport(
            "Cette demande a plus d’un an : faites-en une nouvelle.", field="authored_on"
        )


def _keep_files(
    request: SupportRequest, files: Sequence[Received], *, actor: Actor, now: datetime
) -> None:
    if files:
        category = care_teams_access.category_of_author(Patient(pk=request.patient_id))
        filing.keep(request, files, actor=actor, now=now, category=category)


def _requested_before(
    trace: Trace, request: SupportRequest, actor: Actor, error: IntegrityError
) -> SupportRequest:
    """Return the request that the same gesture sent a moment ago, or say that one is open."""
    before = SupportRequest.objects.filter(
        gesture=request.gesture, patient_id=request.patient_id
    ).first()
    if before is None or not stepping.is_own(before, actor):
        raise UnableToRequestSupport(
            f"Une demande attend déjà la réponse de {request.addressee.name}."
        ) from error
    trace.about(patient_id=before.patient_id, entity=before, reason="déjà envoyée")
    return before
