"""Lead a case while it is open: first contact, complexity, hand-over, pause."""

from collections.abc import Iterable
from datetime import date, datetime

from django.utils import timezone

from carbet.coordination.alerts import operations as alerts
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.care_teams.choices import GrantSource, ParticipantRole
from carbet.coordination.care_teams.models import CareTeamParticipant
from carbet.coordination.support import rules
from carbet.coordination.support.choices import CaseStatus, CaseStepKind, Contact
from carbet.coordination.support.models import Case
from carbet.coordination.support.operations import following
from carbet.coordination.support.operations.following import UnableToLeadCase
from carbet.core import grants
from carbet.core.actor import Actor, Level, role_key
from carbet.core.audit import Trace
from carbet.core.operation import operation
from carbet.registries.directory.models import PractitionerRole
from carbet.registries.directory.rules import CARING
from carbet.registries.patients.models import Patient


@operation("support.contact")
def record_contact(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    case: Case,
    at: datetime,
    contact: str,
    note: str = "",
) -> Case:
    """Record when the first contact was made, and with whom: it is counted from the request.

    Raises:
        UnableToAct: the case is another team's.
        UnableToLeadCase: recorded already, in the future, or before the request.
    """
    row = following.lock(case, actor)
    if row.first_contact_at is not None:
        raise UnableToLeadCase("Le premier contact est déjà noté.")
    if at > now:
        raise UnableToLeadCase("Ce moment est dans le futur.", field="at")
    if at < row.requested_at:
        raise UnableToLeadCase("Ce moment précède la demande.", field="at")
    row.first_contact_at, row.first_contact_with = at, Contact(contact)
    following.save(row, "first_contact_at", "first_contact_with", now=now)
    following.write_step(
        row, CaseStepKind.CONTACTED, actor=actor, now=now, at=at, reason=note.strip()
    )
    trace.about(patient_id=row.patient_id, entity=row)
    return row


@operation("support.score")
def score_case(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    case: Case,
    factors: Iterable[str],
    note: str = "",
) -> Case:
    """Weigh again how complex the situation is; the case's history keeps each score.

    Raises:
        UnableToAct: the case is another team's.
        UnableToLeadCase: closed, or an unknown factor.
    """
    row = following.lock(case, actor)
    try:
        weight = rules.complexity(factors)
    except ValueError as error:
        raise UnableToLeadCase("Critère inconnu.", field="factors") from error
    row.complexity_score, row.complexity_level = weight.score, weight.level
    row.complexity_factors = [factor.code for factor in weight.factors]
    row.complexity_note = note.strip()[:500]
    following.save(
        row,
        "complexity_score",
        "complexity_level",
        "complexity_factors",
        "complexity_note",
        now=now,
    )
    following.write_step(row, CaseStepKind.SCORED, actor=actor, now=now, score=weight.score)
    trace.about(patient_id=row.patient_id, entity=row)
    return row


@operation("support.hand_over")
def hand_over_case(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    case: Case,
    coordinator: PractitionerRole,
    reason: str,
    version: int | None = None,
) -> Case:
    """Entrust a case to another coordinator of the team, who enters the circle and is alerted.

    The former one leaves the circle; the team goes on reading the record.

    Raises:
        UnableToAct: the case is another team's.
        UnableToLeadCase: closed, changed meanwhile, theirs already, not of the team, or no reason.
    """
    row = following.lock(case, actor, version=version)
    reason = reason.strip()
    if not reason:
        raise UnableToLeadCase("Dites ce que la suite doit savoir.", field="reason")
    if coordinator.pk == row.coordinator_id:
        raise UnableToLeadCase("Ce dossier lui est déjà confié.", field="coordinator")
    gone = coordinator.ended_at is not None and coordinator.ended_at <= now
    if coordinator.organization_id != row.organization_id or gone:
        raise UnableToLeadCase("Cette personne n’est pas de votre équipe.", field="coordinator")
    if coordinator.category not in CARING:
        raise UnableToLeadCase("Ce rôle ne coordonne pas.", field="coordinator")
    former_id = row.coordinator_id
    row.coordinator, row.assigned_at = coordinator, now
    following.save(row, "coordinator", "assigned_at", now=now)
    # Row security lets the team's grant go to whom the case has just been entrusted, no other.
    grants.grant(
        coordinator.key,
        patient_id=row.patient_id,
        level=Level.MANAGE,
        source=GrantSource.SUPPORT_CASE,
        source_id=row.pk,
        now=now,
    )
    care_teams.join_as_coordinator(
        actor=actor,
        now=now,
        patient=Patient.objects.get(pk=row.patient_id),
        role_id=coordinator.pk,
    )
    _leave(row, former_id, actor=actor, now=now)
    grants.end(
        patient_id=row.patient_id,
        source=GrantSource.SUPPORT_CASE,
        source_id=row.pk,
        grantee=role_key(former_id),
        now=now,
    )
    following.write_step(
        row,
        CaseStepKind.ASSIGNED,
        actor=actor,
        now=now,
        reason=reason,
        former_coordinator_id=former_id,
    )
    alerts.raise_alert(
        actor=actor,
        now=now,
        patient_id=row.patient_id,
        recipients=[coordinator.key, role_key(former_id)],
        kind=AlertKind.CASE,
        target="case",
    )
    trace.about(patient_id=row.patient_id, entity=row, reason=reason)
    return row


@operation("support.suspend")
def suspend_case(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    case: Case,
    reason: str,
    resume_on: date | None = None,
    version: int | None = None,
) -> Case:
    """Suspend the support for a time (a stay, a journey); the record stays open to the team.

    Raises:
        UnableToAct: the case is another team's.
        UnableToLeadCase: closed, suspended already, no reason, or a day that is past.
    """
    row = following.lock(case, actor, version=version)
    reason = reason.strip()
    if row.status == CaseStatus.ON_HOLD:
        raise UnableToLeadCase("Cet appui est déjà suspendu.")
    if not reason:
        raise UnableToLeadCase("Dites pourquoi l’appui est suspendu.", field="reason")
    if resume_on is not None and resume_on <= timezone.localdate(now):
        raise UnableToLeadCase("La reprise est un jour à venir.", field="resume_on")
    row.status, row.suspended_at = CaseStatus.ON_HOLD, now
    row.suspension_reason, row.resume_on = reason[:500], resume_on
    following.save(row, "status", "suspended_at", "suspension_reason", "resume_on", now=now)
    following.write_step(row, CaseStepKind.SUSPENDED, actor=actor, now=now, reason=reason)
    trace.about(patient_id=row.patient_id, entity=row, reason=reason)
    return row


@operation("support.resume")
def resume_case(trace: Trace, *, actor: Actor, now: datetime, case: Case) -> Case:
    """Take the support up again.

    Raises:
        UnableToAct: the case is another team's.
        UnableToLeadCase: it is not suspended.
    """
    row = following.lock(case, actor)
    if row.status != CaseStatus.ON_HOLD:
        raise UnableToLeadCase("Cet appui n’est pas suspendu.")
    row.status, row.suspended_at = CaseStatus.ACTIVE, None
    row.suspension_reason, row.resume_on = "", None
    following.save(row, "status", "suspended_at", "suspension_reason", "resume_on", now=now)
    following.write_step(row, CaseStepKind.RESUMED, actor=actor, now=now)
    trace.about(patient_id=row.patient_id, entity=row)
    return row


def _leave(row: Case, role_id: int, *, actor: Actor, now: datetime) -> None:
    """Let the former coordinator leave the circle, when they are in it as such."""
    stay = (
        CareTeamParticipant.objects.filter(
            patient_id=row.patient_id,
            practitioner_role_id=role_id,
            role=ParticipantRole.COORDINATOR,
            ended_at__isnull=True,
        )
        .select_related("care_team")
        .first()
    )
    if stay is not None:
        care_teams.end_participation(
            actor=actor, now=now, participant=stay, reason="Dossier d’appui confié à un collègue"
        )
