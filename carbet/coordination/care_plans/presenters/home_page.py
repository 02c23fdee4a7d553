"""The plans that wait for the reader's approval, on the front page."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from carbet.coordination.care_plans import queries
from carbet.coordination.care_plans.models import CarePlan
from carbet.core import home
from carbet.core.actor import Actor
from carbet.registries.directory.rules import APPROVE_PLAN
from carbet.registries.patients import queries as patients

_AUTHOR = ("civility", "given", "family")


def awaiting(*, actor: Actor, now: datetime) -> QuerySet[CarePlan, dict[str, Any]] | None:
    """Return the plans that wait for the actor, for those who approve only."""
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


HOME = home.Block(
    key="plans",
    title="Plans à approuver",
    icon="plan",
    rows=awaiting,
    line=awaiting_line,
    empty="Aucun plan n’attend votre approbation.",
    order=60,
    aside=True,
)
