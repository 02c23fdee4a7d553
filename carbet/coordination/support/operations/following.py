"""What every change of a case does: hold it, count it, write its step."""

from datetime import datetime

from carbet.coordination.support.choices import CaseStatus, CaseStepKind
from carbet.coordination.support.models import Case, CaseStep
from carbet.coordination.support.operations.stepping import LIVE_KIND
from carbet.core import live
from carbet.core.actor import Actor, organization_key
from carbet.core.operation import UnableTo, UnableToAct
from carbet.registries.directory.rules import TRIAGE_SUPPORT


class UnableToLeadCase(UnableTo):
    """The case cannot be led as asked: closed, changed meanwhile, or something is missing."""


def is_of_team(case: Case, actor: Actor) -> bool:
    """Tell whether the actor coordinates in the team that follows this case."""
    return case.organization_id == actor.organization_id and actor.can(TRIAGE_SUPPORT)


def lock(case: Case, actor: Actor, *, version: int | None = None) -> Case:
    """Return the row of an open case of the actor's team, held.

    Args:
        version: the one that was on screen, so that two tabs do not overwrite each other.

    Raises:
        UnableToAct: the case is another team's.
        UnableToLeadCase: it is closed, or it has changed meanwhile.
    """
    row = Case.objects.select_for_update().filter(pk=case.pk).first()
    if row is None or not is_of_team(row, actor):
        raise UnableToAct("Seule l’équipe qui accompagne la personne peut conduire son dossier.")
    if row.status == CaseStatus.FINISHED:
        raise UnableToLeadCase("Ce dossier est déjà clos.")
    if version is not None and row.version != version:
        # The last written: a first contact is written after its moment.
        latest = row.steps.order_by("-pk").first()
        what = ""
        if latest is not None:
            label = CaseStepKind(latest.kind).label.lower()
            what = f" ({label} par {latest.author_name})"
        raise UnableToLeadCase(f"Ce dossier a changé entre-temps{what} : relisez-le.")
    return row


def save(row: Case, *columns: str, now: datetime) -> None:
    """Write these columns, count the change, and have the team's screens ask again."""
    row.version += 1
    row.updated_at = now
    row.save(update_fields=[*columns, "version", "updated_at"])
    live.announce([organization_key(row.organization_id)], LIVE_KIND, now=now)


def write_step(
    row: Case,
    kind: CaseStepKind,
    *,
    actor: Actor,
    now: datetime,
    at: datetime | None = None,
    reason: str = "",
    outcome: str = "",
    former_coordinator_id: int | None = None,
    score: int | None = None,
) -> CaseStep:
    """Write what happened in a case, and who holds it from then on."""
    return CaseStep.objects.create(
        case=row,
        patient_id=row.patient_id,
        organization_id=row.organization_id,
        kind=kind,
        at=at or now,
        author_role_id=actor.role_id,
        author_name=actor.display_name,
        coordinator_id=row.coordinator_id,
        former_coordinator_id=former_coordinator_id,
        outcome=outcome,
        reason=reason[:500],
        complexity_score=score,
    )
