"""Study a request: weigh its complexity, ask for more, accept, redirect, tell its requester."""

from collections.abc import Iterable
from datetime import datetime

from django.db import IntegrityError, connection, transaction

from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.care_teams import queries as care_team_queries
from carbet.coordination.care_teams.choices import ConsentDecision, GrantSource
from carbet.coordination.support import rules
from carbet.coordination.support.choices import (
    CaseStepKind,
    Complexity,
    RequestStatus,
    RequestStepKind,
    Told,
)
from carbet.coordination.support.models import Case, RequestStep, SupportRequest
from carbet.coordination.support.operations import following, stepping
from carbet.coordination.support.operations.stepping import UnableToAnswerRequest
from carbet.core import grants
from carbet.core.actor import Actor, Level, organization_key, role_key
from carbet.core.audit import Trace
from carbet.core.operation import UnableToAct, operation
from carbet.registries.directory.rules import TRIAGE_SUPPORT
from carbet.registries.patients.models import Patient

__all__ = [
    "UnableToAnswerRequest",
    "accept_request",
    "ask_information",
    "mark_told",
    "redirect_request",
    "triage_request",
]


@operation("support.triage")
def triage_request(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    request: SupportRequest,
    factors: Iterable[str],
    note: str = "",
) -> SupportRequest:
    """Weigh how complex the situation is; a later triage replaces, the history keeps both.

    The score helps to sort and decides nothing (docs/rules/complexity.md).

    Raises:
        UnableToAct: the role does not answer requests, or not of this team.
        UnableToAnswerRequest: answered already, or an unknown factor.
    """
    row = _lock_addressed(request, actor)
    try:
        weight = rules.complexity(factors)
    except ValueError as error:
        raise UnableToAnswerRequest("Critère inconnu.", field="factors") from error
    row.complexity_score, row.complexity_level = weight.score, weight.level
    row.complexity_factors = [factor.code for factor in weight.factors]
    row.complexity_note = note.strip()[:500]
    row.triaged_at, row.triaged_by_id = now, actor.role_id
    stepping.save(
        row,
        "complexity_score",
        "complexity_level",
        "complexity_factors",
        "complexity_note",
        "triaged_at",
        "triaged_by",
        now=now,
    )
    said = f"{Complexity(weight.level).label} ({weight.score})"
    stepping.write_step(row, RequestStepKind.TRIAGED, actor=actor, now=now, text=said)
    trace.about(patient_id=row.patient_id, entity=row)
    return row


@operation("support.ask_more")
def ask_information(
    trace: Trace, *, actor: Actor, now: datetime, request: SupportRequest, text: str
) -> SupportRequest:
    """Ask the requester for what is missing: the delay stops running until they answer.

    Raises:
        UnableToAct: the role does not answer requests, or not of this team.
        UnableToAnswerRequest: answered already, asked already, or nothing said.
    """
    row = _lock_addressed(request, actor)
    text = text.strip()
    if not text:
        raise UnableToAnswerRequest("Dites ce qui manque.", field="text")
    if row.status == RequestStatus.INCOMPLETE:
        raise UnableToAnswerRequest("Un complément est déjà demandé : attendez la réponse.")
    row.status, row.information_asked_at = RequestStatus.INCOMPLETE, now
    stepping.save(row, "status", "information_asked_at", now=now)
    stepping.write_step(row, RequestStepKind.ASKED, actor=actor, now=now, text=text, tells=True)
    trace.about(patient_id=row.patient_id, entity=row)
    return row


@operation("support.accept", action="C")
def accept_request(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    request: SupportRequest,
    consent_given_by: str = "",
    consent_note: str = "",
) -> Case:
    """Take a request on: open the case, the record to the team, and the circle to its coordinator.

    Of two acceptances at the same time one wins; the other is told who did.

    Args:
        consent_given_by: who confirmed the agreement, when only the requester had said so.

    Raises:
        UnableToAct: the role does not answer requests, or not of this team.
        UnableToAnswerRequest: answered or withdrawn already, the person objects since, or nobody
            confirmed that they agree.
    """
    row = _lock_addressed(request, actor)
    latest = care_team_queries.latest_consent(patient_id=row.patient_id)
    if latest is not None and latest.decision == ConsentDecision.OPPOSED:
        raise UnableToAnswerRequest(
            "La personne s’est opposée au partage depuis la demande : appelez le demandeur."
        )
    if latest is None and not consent_given_by:
        raise UnableToAnswerRequest(
            "Appelez la personne, et dites qui a confirmé son accord.", field="given_by"
        )
    _decide(row, RequestStatus.ACCEPTED, actor=actor, now=now)
    case_id = _next_case_id()
    # The grants come first: without them row security would not let the case be written.
    for grantee in (role_key(actor.role_id or 0), organization_key(row.addressee_id)):
        grants.grant(
            grantee,
            patient_id=row.patient_id,
            level=Level.MANAGE,
            source=GrantSource.SUPPORT_CASE,
            source_id=case_id,
            now=now,
        )
    case = Case(
        pk=case_id,
        patient_id=row.patient_id,
        organization_id=row.addressee_id,
        request=row,
        coordinator_id=actor.role_id or 0,
        requested_at=row.submitted_at,
        opened_at=now,
        assigned_at=now,
        updated_at=now,
        complexity_score=row.complexity_score,
        complexity_level=row.complexity_level,
        complexity_factors=row.complexity_factors,
        complexity_note=row.complexity_note,
    )
    try:
        with transaction.atomic():
            case.save(force_insert=True)
    except IntegrityError as error:
        raise UnableToAnswerRequest("Votre équipe accompagne déjà cette personne.") from error
    patient = Patient.objects.get(pk=row.patient_id)
    if latest is None:
        row.consent = care_teams.record_consent(
            actor=actor,
            now=now,
            patient=patient,
            decision=ConsentDecision.GIVEN,
            given_by=consent_given_by,
            note=consent_note,
        )
        row.save(update_fields=["consent"])
    following.write_step(case, CaseStepKind.OPENED, actor=actor, now=now)
    stepping.close_identity(row, now=now)
    care_teams.join_as_coordinator(actor=actor, now=now, patient=patient)
    stepping.write_step(row, RequestStepKind.ACCEPTED, actor=actor, now=now, tells=True)
    trace.about(patient_id=row.patient_id, entity=case)
    return case


@operation("support.redirect")
def redirect_request(
    trace: Trace, *, actor: Actor, now: datetime, request: SupportRequest, reason: str
) -> SupportRequest:
    """Answer that somebody else should be asked, and why. Nothing moves by itself.

    The identity closes for the team, which keeps the trace of its answer.

    Raises:
        UnableToAct: the role does not answer requests, or not of this team.
        UnableToAnswerRequest: answered or withdrawn already, or no reason.
    """
    row = _lock_addressed(request, actor)
    reason = reason.strip()
    if not reason:
        raise UnableToAnswerRequest(
            "Dites vers qui s’adresser, et pourquoi : c’est ce que lira le demandeur.",
            field="reason",
        )
    _decide(row, RequestStatus.REDIRECTED, actor=actor, now=now, reason=reason)
    stepping.write_step(
        row, RequestStepKind.REDIRECTED, actor=actor, now=now, text=reason, tells=True
    )
    trace.about(patient_id=row.patient_id, entity=row, reason=reason)
    stepping.close_identity(row, now=now)
    return row


@operation("support.tell")
def mark_told(
    trace: Trace, *, actor: Actor, now: datetime, request: SupportRequest, step_id: int
) -> RequestStep:
    """Say that a requester who does not read Carbet was called; the first who says so is kept.

    Raises:
        UnableToAct: the request is neither the actor's nor addressed to their team.
        UnableToAnswerRequest: there is nothing to tell by telephone.
    """
    if not (stepping.is_addressed(request, actor) or stepping.is_own(request, actor)):
        raise UnableToAct("Cette demande n’est pas adressée à votre équipe.")
    step = (
        RequestStep.objects.select_for_update()
        .filter(pk=step_id, request_id=request.pk, told=Told.CALL)
        .first()
    )
    if step is None:
        raise UnableToAnswerRequest("Personne n’est à prévenir par téléphone.")
    if step.told_at is None:
        step.told_at, step.told_by_name = now, actor.display_name
        step.save(update_fields=["told_at", "told_by_name"])
        stepping.refresh_screens(request, now=now)
    trace.about(patient_id=request.patient_id, entity=step)
    return step


def _lock_addressed(request: SupportRequest, actor: Actor) -> SupportRequest:
    """Lock a request that waits for the actor's team."""
    if not actor.can(TRIAGE_SUPPORT) or actor.role_id is None:
        raise UnableToAct("Votre rôle ne permet pas de répondre aux demandes d’appui.")
    if request.addressee_id != actor.organization_id:
        raise UnableToAct("Cette demande n’est pas adressée à votre équipe.")
    row = stepping.lock(request)
    if row is None:
        # The identity has closed: the request was withdrawn or redirected a moment ago.
        raise UnableToAnswerRequest("Cette demande n’attend plus de réponse.")
    stepping.check_waits(row)
    return row


def _decide(
    row: SupportRequest, status: RequestStatus, *, actor: Actor, now: datetime, reason: str = ""
) -> None:
    row.status, row.decided_at, row.decision_reason = status, now, reason
    row.decided_by_id = actor.role_id
    stepping.save(row, "status", "decided_at", "decided_by", "decision_reason", now=now)


def _next_case_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('support_case', 'id'))")
        return int(cursor.fetchone()[0])
