"""The visits to come that actions became, and those that lost their reason."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection

from carbet.coordination.care_plans.choices import ActionStatus, GoalStatus
from carbet.coordination.care_plans.models import PlannedAction
from carbet.coordination.care_plans.queries.statements import VISITS
from carbet.coordination.scheduling.choices import OPEN

_REASONS = {
    "removed": "l’action a été retirée du plan",
    "ended": "l’action ou son objectif est terminé",
    "late": "l’échéance de l’action vient avant",
    "other": "l’action a changé de responsable",
}


@dataclass(frozen=True, slots=True)
class Visits:
    """The visits to come of one action; `surplus_ids`, those that it no longer asks for."""

    action_id: int
    text: str
    ids: tuple[int, ...]
    starts: tuple[datetime, ...]
    surplus_ids: tuple[int, ...]
    reason: str

    @property
    def count(self) -> int:
        return len(self.ids)

    @property
    def surplus(self) -> int:
        return len(self.surplus_ids)

    @property
    def next_id(self) -> int:
        return self.ids[0]

    @property
    def next_start(self) -> datetime:
        return self.starts[0]

    @property
    def others(self) -> int:
        return len(self.ids) - 1

    def count_from(self, moment: datetime) -> int:
        """Return how many visits begin at that moment or after."""
        return sum(start >= moment for start in self.starts)


def is_made_by(gesture: uuid.UUID, action: PlannedAction) -> bool:
    """Tell whether this very gesture made the visits of an action."""
    first = action.appointment
    if first is None:
        return False
    return gesture == (first.series.gesture if first.series is not None else first.gesture)


CODES = {
    "open": [str(each) for each in OPEN],
    "ended": [str(ActionStatus.COMPLETED), str(ActionStatus.CANCELLED)],
    "goal_ended": [str(GoalStatus.COMPLETED), str(GoalStatus.CANCELLED)],
}


def visits(*, patient_id: int) -> dict[int, Visits]:
    """Return the visits to come of each action that became visits, in one query, by action."""
    with connection.cursor() as cursor:
        cursor.execute(
            VISITS,
            {"patient": patient_id, "zone": settings.TIME_ZONE} | CODES,
        )
        rows = cursor.fetchall()
    return {row[0]: _read(*row) for row in rows}


def visits_from_json(said: list[dict[str, Any]] | None) -> dict[int, Visits]:
    """Return the visits by action, as the statement of the plan brings them."""
    return {
        row["id"]: _read(
            row["id"],
            row["text"],
            row["ids"],
            [datetime.fromisoformat(start) for start in row["starts"]],
            row["surplus"],
            row["why"],
        )
        for row in said or []
    }


def _read(
    number: int,
    text: str,
    ids: list[int],
    starts: list[datetime],
    surplus: list[int],
    why: str | None,
) -> Visits:
    reason = _REASONS[why] if why else ""
    return Visits(number, text, tuple(ids), tuple(starts), tuple(surplus), reason)
