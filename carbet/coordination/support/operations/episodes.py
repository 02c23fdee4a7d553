"""End a case, and open it again."""

from datetime import datetime

from django.db import IntegrityError, connection, transaction

from carbet.coordination.alerts import operations as alerts
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.care_teams import queries as care_team_queries
from carbet.coordination.care_teams.choices import ConsentDecision, GrantSource, ParticipantRole
from carbet.coordination.care_teams.models import CareTeamParticipant
from carbet.coordination.support import rules
from carbet.coordination.support.choices import CaseStatus, CaseStepKind, Outcome
from carbet.coordination.support.models import Case
from carbet.coordination.support.operations import following
from carbet.coordination.support.operations.following import UnableToLeadCase
from carbet.core import grants
from carbet.core.actor import Actor, Level, organization_key, role_key
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.registries.directory.rules import TRIAGE_SUPPORT
from carbet.registries.patients.models import Patient

__all__ = [
    "UnableToCloseCase",
    "UnableToLeadCase",
    "UnableToReopenCase",
    "close_case",
    "reopen_case",
]


class UnableToCloseCase(UnableTo):
    """The case cannot be closed."""


class UnableToReopenCase(UnableTo):
    """The case cannot be opened again."""


@operation("support.close")
def close_case(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    case: Case,
    reason: str,
    outcome: str = Outcome.OTHER,
    version: int | None = None,
) -> Case:
    """End the support of a team: its coordinator leaves the circle, the record closes to the team.

    Raises:
        UnableToAct: the case is another team's.
        UnableToCloseCase: closed or changed already, no reason, or nobody would manage the circle.
    """
    try:
        row = following.lock(case, actor, version=version)
    except UnableToLeadCase as refusal:
        raise UnableToCloseCase(refusal.message) from refusal
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
    row.status, row.closed_at, row.close_reason = CaseStatus.FINISHED, now, reason[:500]
    row.outcome = Outcome(outcome)
    row.suspended_at, row.resume_on, row.suspension_reason = None, None, ""
    following.save(
        row,
        "status",
        "closed_at",
        "close_reason",
        "outcome",
        "suspended_at",
        "resume_on",
        "suspension_reason",
        now=now,
    )
    following.write_step(
        row, CaseStepKind.CLOSED, actor=actor, now=now, reason=reason, outcome=row.outcome
    )
    trace.about(patient_id=row.patient_id, entity=row, reason=reason)
    grants.end(
        patient_id=row.patient_id, source=GrantSource.SUPPORT_CASE, source_id=row.pk, now=now
    )
    return row


@operation("support.reopen")
def reopen_case(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    case: Case,
    reason: str,
    consent_given_by: str,
    consent_note: str = "",
) -> Case:
    """Open again a case closed less than a year ago: whoever does becomes its coordinator.

    The person agrees again, and those who manage the record are alerted: nothing opens in silence.

    Raises:
        UnableToAct: the case was another team's.
        UnableToReopenCase: open already, closed too long ago, no reason, or no agreement.
    """
    if case.organization_id != actor.organization_id or not actor.can(TRIAGE_SUPPORT):
        raise UnableToAct("Seule l’équipe qui accompagnait la personne peut rouvrir son dossier.")
    reason = reason.strip()
    if not reason:
        raise UnableToReopenCase("Dites pourquoi l’appui reprend.", field="reason")
    if not consent_given_by:
        raise UnableToReopenCase(
            "Recueillez de nouveau l’accord de la personne, et dites qui l’a donné.",
            field="given_by",
        )
    # The row itself is closed to the actor: whoever opens it at the same time waits here.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('support.reopen', %s))", [case.pk]
        )
    seen = Case.objects.filter(pk=case.pk).select_related("coordinator__practitioner").first()
    if seen is None or seen.status != CaseStatus.FINISHED or seen.closed_at is None:
        by = f" par {seen.coordinator.practitioner}" if seen is not None else ""
        raise UnableToReopenCase(f"Ce dossier a déjà été rouvert{by}.")
    if not rules.may_reopen(closed_at=seen.closed_at, now=now):
        raise UnableToReopenCase(
            "Ce dossier est clos depuis plus d’un an : il faut une nouvelle demande."
        )
    for grantee in (role_key(actor.role_id or 0), organization_key(seen.organization_id)):
        grants.grant(
            grantee,
            patient_id=seen.patient_id,
            level=Level.MANAGE,
            source=GrantSource.SUPPORT_CASE,
            source_id=seen.pk,
            now=now,
        )
    latest = care_team_queries.latest_consent(patient_id=seen.patient_id)
    if latest is not None and latest.decision == ConsentDecision.OPPOSED:
        raise UnableToReopenCase("La personne s’oppose au partage : appelez son médecin.")
    row = Case.objects.select_for_update().get(pk=seen.pk)
    former_id = row.coordinator_id
    row.status, row.closed_at, row.close_reason, row.outcome = CaseStatus.ACTIVE, None, "", ""
    row.coordinator_id = actor.role_id or 0
    row.reopened_at = row.assigned_at = now
    try:
        with transaction.atomic():
            following.save(
                row,
                "status",
                "closed_at",
                "close_reason",
                "outcome",
                "coordinator",
                "reopened_at",
                "assigned_at",
                now=now,
            )
    except IntegrityError as error:
        raise UnableToReopenCase("Votre équipe accompagne déjà cette personne.") from error
    patient = Patient.objects.get(pk=row.patient_id)
    care_teams.record_consent(
        actor=actor,
        now=now,
        patient=patient,
        decision=ConsentDecision.GIVEN,
        given_by=consent_given_by,
        note=consent_note,
    )
    care_teams.join_as_coordinator(actor=actor, now=now, patient=patient)
    following.write_step(
        row,
        CaseStepKind.REOPENED,
        actor=actor,
        now=now,
        reason=reason,
        former_coordinator_id=former_id if former_id != row.coordinator_id else None,
    )
    managing = care_team_queries.managing_keys(patient_id=row.patient_id)
    alerts.raise_alert(
        actor=actor,
        now=now,
        patient_id=row.patient_id,
        recipients=[key for key in managing if key != organization_key(row.organization_id)],
        kind=AlertKind.CIRCLE,
        target="circle",
    )
    trace.about(patient_id=row.patient_id, entity=row, reason=reason)
    return row
