"""What can be done with support: ask, answer, withdraw, open a case and close it.

A request never moves a person by itself: accepting opens the record to the team, nothing else.
"""

import uuid
from datetime import datetime

from django.db import IntegrityError, connection, transaction

from carbet.coordination.alerts import operations as alerts
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.care_teams import queries as care_team_queries
from carbet.coordination.care_teams.choices import (
    ConsentDecision,
    GrantSource,
    ParticipantRole,
)
from carbet.coordination.care_teams.models import CareTeamParticipant
from carbet.coordination.support.choices import (
    CaseStatus,
    RequestReason,
    RequestStatus,
    Urgency,
)
from carbet.coordination.support.models import Case, SupportRequest
from carbet.core import grants, live
from carbet.core.actor import Actor, Level, organization_key, role_key
from carbet.core.audit import Trace
from carbet.core.identifiers import short_id
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.registries.directory.choices import Purpose
from carbet.registries.directory.models import Organization
from carbet.registries.directory.rules import REQUEST_SUPPORT, TRIAGE_SUPPORT
from carbet.registries.patients.models import Patient

MAX_TEXT = 4000
LIVE_KIND = "request"


class UnableToRequestSupport(UnableTo):
    """The request cannot be sent as given."""


class UnableToAnswerRequest(UnableTo):
    """The request cannot be answered or withdrawn: somebody did already, or the person objects."""


class UnableToCloseCase(UnableTo):
    """The case cannot be closed."""


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
    consent_given_by: str = "",
    consent_note: str = "",
) -> SupportRequest:
    """Ask a DAC to support the person, who agreed; the same gesture twice is one request.

    The team sees the identity and the request, not the record, and is alerted at once. The
    agreement is the latest one recorded; without any, `consent_given_by` records it now.

    Raises:
        UnableToAct: the role may not ask.
        UnableToRequestSupport: no agreement, an objection, a request or a case already open there.
    """
    if not actor.can(REQUEST_SUPPORT) or actor.role_id is None:
        raise UnableToAct("Votre rôle ne permet pas de demander un appui.")
    if addressee.purpose != Purpose.DAC or not addressee.active:
        raise UnableToRequestSupport("Choisissez une équipe d’appui.", field="addressee")
    text = text.strip()
    if not text:
        raise UnableToRequestSupport("Décrivez la situation.", field="text")
    if len(text) > MAX_TEXT:
        raise UnableToRequestSupport(
            f"Ce texte compte {len(text)} caractères : {MAX_TEXT} au plus.", field="text"
        )
    before = SupportRequest.objects.filter(gesture=gesture, patient_id=patient.pk).first()
    if before is not None and before.requester_id == actor.role_id:
        trace.about(patient_id=patient.pk, entity=before, reason="déjà envoyée")
        return before
    case = Case.objects.filter(patient_id=patient.pk, organization=addressee).exclude(
        status=CaseStatus.FINISHED
    )
    if case.exists():
        raise UnableToRequestSupport(
            f"{addressee.name} accompagne déjà cette personne : écrivez dans le cahier de liaison."
        )
    consent = care_team_queries.latest_consent(patient_id=patient.pk)
    if consent is not None and consent.decision == ConsentDecision.OPPOSED:
        raise UnableToRequestSupport(
            "La personne s’oppose au partage : la demande ne peut pas partir sans son accord."
        )
    if consent is None:
        if not consent_given_by:
            raise UnableToRequestSupport(
                "Recueillez l’accord de la personne, et dites qui l’a donné.", field="given_by"
            )
        consent = care_teams.record_consent(
            actor=actor,
            now=now,
            patient=patient,
            decision=ConsentDecision.GIVEN,
            given_by=consent_given_by,
            note=consent_note,
        )
    request = SupportRequest(
        patient_id=patient.pk,
        requester_id=actor.role_id,
        addressee=addressee,
        consent=consent,
        reason=RequestReason(reason),
        text=text,
        urgency=Urgency(urgency),
        submitted_at=now,
        gesture=gesture,
    )
    try:
        with transaction.atomic():
            request.save(force_insert=True)
    except IntegrityError as error:
        return _requested_before(trace, request, error)
    team = organization_key(addressee.pk)
    grants.grant(
        team,
        patient_id=patient.pk,
        level=Level.IDENTITY,
        source=GrantSource.SUPPORT_REQUEST,
        source_id=request.pk,
        now=now,
    )
    alerts.raise_alert(
        actor=actor,
        now=now,
        patient_id=patient.pk,
        recipients=[team],
        kind=AlertKind.SUPPORT_REQUEST,
        target=_target(request),
        urgent=request.urgency == Urgency.ASAP,
    )
    _refresh_screens(request, now=now)
    trace.about(patient_id=patient.pk, entity=request)
    return request


@operation("support.accept", action="C")
def accept_request(trace: Trace, *, actor: Actor, now: datetime, request: SupportRequest) -> Case:
    """Take a request on: open the case, the record to the team, and the circle to its coordinator.

    Of two acceptances at the same time one wins; the other is told who did.

    Raises:
        UnableToAct: the role does not answer requests, or not of this team.
        UnableToAnswerRequest: answered or withdrawn already, or the person objects since.
    """
    row = _lock_addressed(request, actor)
    if care_team_queries.consent_decision(patient_id=row.patient_id) == ConsentDecision.OPPOSED:
        raise UnableToAnswerRequest(
            "La personne s’est opposée au partage depuis la demande : appelez le demandeur."
        )
    _answer(row, RequestStatus.ACCEPTED, actor=actor, now=now)
    case_id = _next_case_id()
    # The grants come first: without them row security would not let the case be written.
    for grantee in (role_key(actor.role_id), organization_key(row.addressee_id)):
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
        coordinator_id=actor.role_id,
        opened_at=now,
    )
    try:
        with transaction.atomic():
            case.save(force_insert=True)
    except IntegrityError as error:
        raise UnableToAnswerRequest("Votre équipe accompagne déjà cette personne.") from error
    _close_identity(row, now=now)
    care_teams.join_as_coordinator(
        actor=actor, now=now, patient=Patient.objects.get(pk=row.patient_id)
    )
    _tell_requester(row, actor=actor, now=now)
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
    _answer(row, RequestStatus.REDIRECTED, actor=actor, now=now, reason=reason)
    _tell_requester(row, actor=actor, now=now)
    trace.about(patient_id=row.patient_id, entity=row, reason=reason)
    _close_identity(row, now=now)
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
    row = SupportRequest.objects.select_for_update().filter(pk=request.pk).first()
    if row is None or row.requester_id != actor.role_id:
        raise UnableToAct("Seul le demandeur peut retirer sa demande.")
    _check_waits(row)
    reason = reason.strip()
    _answer(row, RequestStatus.WITHDRAWN, actor=actor, now=now, reason=reason)
    trace.about(patient_id=row.patient_id, entity=row, reason=reason)
    _close_identity(row, now=now)
    return row


@operation("support.close")
def close_case(trace: Trace, *, actor: Actor, now: datetime, case: Case, reason: str) -> Case:
    """End the support of a team: its coordinator leaves the circle, the record closes to the team.

    Raises:
        UnableToAct: the case is another team's.
        UnableToCloseCase: closed already, no reason, or nobody would manage the circle.
    """
    row = Case.objects.select_for_update().filter(pk=case.pk).first()
    if row is None or row.organization_id != actor.organization_id or not actor.can(TRIAGE_SUPPORT):
        raise UnableToAct("Seule l’équipe qui accompagne la personne peut clore son dossier.")
    if row.status == CaseStatus.FINISHED:
        raise UnableToCloseCase("Ce dossier est déjà clos.")
    reason = reason.strip()
    if not reason:
        raise UnableToCloseCase("Dites pourquoi l’appui s’arrête.", field="reason")
    participant = (
        CareTeamParticipant.objects.filter(
            patient_id=row.patient_id,
            practitioner_role_id=row.coordinator_id,
            role=ParticipantRole.COORDINATOR,
            ended_at__isnull=True,
        )
        .select_related("care_team")
        .first()
    )
    if participant is not None:
        try:
            care_teams.end_participation(
                actor=actor, now=now, participant=participant, reason="Fin de l’appui"
            )
        except care_teams.UnableToEndParticipation as error:
            raise UnableToCloseCase(error.message) from error
    row.status, row.closed_at, row.close_reason = CaseStatus.FINISHED, now, reason
    row.save(update_fields=["status", "closed_at", "close_reason"])
    trace.about(patient_id=row.patient_id, entity=row, reason=reason)
    grants.end(
        patient_id=row.patient_id, source=GrantSource.SUPPORT_CASE, source_id=row.pk, now=now
    )
    return row


def _lock_addressed(request: SupportRequest, actor: Actor) -> SupportRequest:
    """Lock a request that waits for the actor's team."""
    if not actor.can(TRIAGE_SUPPORT) or actor.role_id is None:
        raise UnableToAct("Votre rôle ne permet pas de répondre aux demandes d’appui.")
    if request.addressee_id != actor.organization_id:
        raise UnableToAct("Cette demande n’est pas adressée à votre équipe.")
    # No join: a row that waited for its lock would come with the neighbours it had before.
    row = SupportRequest.objects.select_for_update().filter(pk=request.pk).first()
    if row is None:
        # The identity has closed: the request was withdrawn or redirected a moment ago.
        raise UnableToAnswerRequest("Cette demande n’attend plus de réponse.")
    _check_waits(row)
    return row


def _check_waits(row: SupportRequest) -> None:
    if row.status == RequestStatus.SUBMITTED:
        return
    if row.status == RequestStatus.WITHDRAWN:
        raise UnableToAnswerRequest("Le demandeur a retiré cette demande.")
    answer = RequestStatus(row.status).label.lower()
    by = f" par {row.decided_by.practitioner}" if row.decided_by else ""
    raise UnableToAnswerRequest(f"Cette demande a déjà été {answer}{by}.")


def _answer(
    row: SupportRequest, status: RequestStatus, *, actor: Actor, now: datetime, reason: str = ""
) -> None:
    row.status, row.decided_at, row.decision_reason = status, now, reason
    row.decided_by_id = actor.role_id
    row.save(update_fields=["status", "decided_at", "decided_by", "decision_reason"])
    _refresh_screens(row, now=now)


def _close_identity(row: SupportRequest, *, now: datetime) -> None:
    """End what the request had opened to the team."""
    grants.end(
        patient_id=row.patient_id,
        source=GrantSource.SUPPORT_REQUEST,
        source_id=row.pk,
        now=now,
    )


def _requested_before(
    trace: Trace, request: SupportRequest, error: IntegrityError
) -> SupportRequest:
    """Return the request that the same gesture sent a moment ago, or say that one is open."""
    before = SupportRequest.objects.filter(
        gesture=request.gesture,
        patient_id=request.patient_id,
        requester_id=request.requester_id,
    ).first()
    if before is None:
        raise UnableToRequestSupport(
            f"Une demande attend déjà la réponse de {request.addressee.name}."
        ) from error
    trace.about(patient_id=before.patient_id, entity=before, reason="déjà envoyée")
    return before


def _tell_requester(row: SupportRequest, *, actor: Actor, now: datetime) -> None:
    alerts.raise_alert(
        actor=actor,
        now=now,
        patient_id=row.patient_id,
        recipients=[role_key(row.requester_id)],
        kind=AlertKind.SUPPORT_ANSWER,
        target=_target(row),
    )


def _target(request: SupportRequest) -> str:
    return f"support:{short_id(request.pk)}"


def _refresh_screens(request: SupportRequest, *, now: datetime) -> None:
    """Announce the change to the team asked and to the requester."""
    live.announce(
        [organization_key(request.addressee_id), role_key(request.requester_id)],
        LIVE_KIND,
        now=now,
    )


def _next_case_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('support_case', 'id'))")
        return int(cursor.fetchone()[0])
