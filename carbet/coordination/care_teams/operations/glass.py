"""Break the glass, and review who did."""

from datetime import datetime
from uuid import UUID

from carbet.coordination.alerts import operations as alerts
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.care_teams import queries, rules
from carbet.coordination.care_teams.choices import (
    GlassReason,
    GrantSource,
)
from carbet.coordination.care_teams.models import (
    GlassBreaking,
)
from carbet.core import grants
from carbet.core.actor import Actor, Level
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.registries.directory.rules import BREAK_GLASS


class UnableToBreakGlass(UnableTo):
    """The exceptional entry is refused."""


@operation("glass.break", action="E")
def break_glass(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int,
    reason: str,
    explanation: str,
    gesture: UUID | None = None,
) -> GlassBreaking:
    """Open a record to someone outside its circle, for four hours, and tell the circle at once.

    Source: CSP L1110-4; CNIL: justified, limited in time, traced, told, reviewed.

    Raises:
        UnableToAct: the role may not, at all.
        UnableToBreakGlass: no explanation.
    """
    if not actor.can(BREAK_GLASS) or actor.role_id is None:
        raise UnableToAct("Votre rôle ne permet pas l’accès exceptionnel.")
    if len(explanation.strip()) < 10:
        raise UnableToBreakGlass(
            "Expliquez en une phrase pourquoi vous devez entrer.", field="explanation"
        )
    if gesture and (done := GlassBreaking.objects.filter(gesture=gesture).first()):
        trace.about(patient_id=patient_id, entity=done)
        return done
    until = now + rules.GLASS_DURATION
    grants.grant(
        f"role:{actor.role_id}",
        patient_id=patient_id,
        level=Level.WRITE,
        source=GrantSource.GLASS,
        now=now,
        valid_until=until,
    )
    breaking = GlassBreaking.objects.create(
        patient_id=patient_id,
        practitioner_role_id=actor.role_id,
        reason=GlassReason(reason),
        explanation=explanation.strip(),
        opened_at=now,
        valid_until=until,
        gesture=gesture,
    )
    alerts.raise_alert(
        actor=actor,
        now=now,
        patient_id=patient_id,
        recipients=queries.managing_keys(patient_id=patient_id),
        kind=AlertKind.GLASS,
        target="access",
        urgent=True,
    )
    trace.about(patient_id=patient_id, entity=breaking, reason=f"{reason} : {explanation}")
    return breaking


@operation("glass.review")
def review_glass(
    trace: Trace, *, actor: Actor, now: datetime, breaking: GlassBreaking, note: str
) -> GlassBreaking:
    """Record that an exceptional entry was looked at, and what was thought of it."""
    row = GlassBreaking.objects.select_for_update().get(pk=breaking.pk)
    if row.reviewed_at is not None:
        raise UnableTo("Cet accès a déjà été relu.")
    row.reviewed_at, row.reviewed_by_id, row.review_note = now, actor.role_id, note
    row.save(update_fields=["reviewed_at", "reviewed_by", "review_note"])
    trace.about(patient_id=row.patient_id, entity=row, reason=note)
    return row
