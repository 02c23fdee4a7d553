"""The plans that wait for the reader, on the front page: to approve, to review."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from carbet.coordination.care_plans import queries
from carbet.coordination.care_plans.models import CarePlan
from carbet.core import home
from carbet.core.actor import Actor
from carbet.registries.directory.rules import APPROVE_PLAN, DOCTOR, EDIT_PLAN
from carbet.registries.patients import queries as patients

_AUTHOR = ("civility", "given", "family")


def awaiting(*, actor: Actor, now: datetime) -> QuerySet[CarePlan, dict[str, Any]] | None:
    """Return the plans that wait for the actor, for doctors: they see that none does, too."""
    return _awaiting(actor) if actor.profession == DOCTOR else None


def _awaiting(actor: Actor) -> QuerySet[CarePlan, dict[str, Any]] | None:
    if not actor.can(APPROVE_PLAN):
        return None
    return queries.awaiting_approval(actor=actor).values(
        "patient_id",
        "proposed_at",
        *(f"proposed_by__practitioner__{part}" for part in _AUTHOR),
        *patients.name_columns(),
    )


def awaiting_line(row: dict[str, Any], *, now: datetime) -> home.Line:
    """Say a plan that waits."""
    author = filter(None, (row[f"proposed_by__practitioner__{part}"] for part in _AUTHOR))
    return home.Line(
        title=patients.name_in(row),
        href=reverse("care_plans:detail", args=[row["patient_id"]]),
        meta=(f"Proposé par {' '.join(author)}",),
        at=home.moment(row["proposed_at"]),
    )


def awaiting_others(*, actor: Actor, now: datetime) -> QuerySet[CarePlan, dict[str, Any]] | None:
    """Return the plans that wait for a carer who is no doctor: the block is seen when some do."""
    return None if actor.profession == DOCTOR else _awaiting(actor)


def to_review(*, actor: Actor, now: datetime) -> QuerySet[CarePlan, dict[str, Any]] | None:
    """Return the plans of the actor whose review is due within two weeks, the oldest due first."""
    if not actor.can(EDIT_PLAN) or actor.role_id is None:
        return None
    return queries.due_for_review(role_id=actor.role_id, today=timezone.localdate(now)).values(
        "patient_id", "review_due_on", *patients.name_columns()
    )


def review_line(row: dict[str, Any], *, now: datetime) -> home.Line:
    """Say a plan to review, late or not yet."""
    on = date.fromisoformat(str(row["review_due_on"]))
    late = on < timezone.localdate(now)
    return home.Line(
        title=patients.name_in(row),
        href=reverse("care_plans:review", args=[row["patient_id"]]),
        meta=(f"Révision prévue le {on:%d/%m/%Y}",),
        badge="En retard" if late else "",
        tone="danger" if late else "neutral",
    )


_ASKED = home.Block(
    key="plans",
    title="Plans à approuver",
    icon="plan",
    rows=awaiting,
    line=awaiting_line,
    empty="Aucun plan n’attend votre approbation.",
    order=60,
    aside=True,
)
BLOCKS = (
    _ASKED,
    replace(_ASKED, key="plans-asked", rows=awaiting_others, empty=""),
    home.Block(
        key="plans-review",
        title="Plans à revoir",
        icon="history",
        rows=to_review,
        line=review_line,
        order=61,
        aside=True,
    ),
)
