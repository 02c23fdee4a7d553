"""What a review makes of a plan: what goes on is carried over, what is over leaves it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from carbet.coordination.care_plans.choices import ActionStatus, GoalStatus, Outcome
from carbet.coordination.care_plans.rules.content import Content

GOAL_STATUS = {Outcome.REACHED: GoalStatus.COMPLETED, Outcome.DROPPED: GoalStatus.CANCELLED}
_OVER = frozenset({ActionStatus.COMPLETED, ActionStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class Judged:
    """What a review says of one goal."""

    outcome: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class CarriedOver:
    """What leaves the plan after a review; all the rest is carried over.

    `outcomes` is what the review keeps: each goal with what was said of it.
    """

    outcomes: tuple[dict[str, Any], ...]
    goals_over: dict[int, str]
    actions_over: tuple[int, ...]
    needs_over: tuple[int, ...]

    @property
    def carried(self) -> int:
        """How many goals go on."""
        return sum(each["outcome"] == Outcome.CONTINUED for each in self.outcomes)


def carry_over(content: Content, judged: Mapping[int, Judged]) -> CarriedOver:
    """Return what becomes of each part, given what the review says of each goal.

    A goal that goes on keeps the actions that are not over; one that is over leaves with all its
    actions; a need leaves when every goal it had is over. A goal not judged goes on.
    """
    outcomes: list[dict[str, Any]] = []
    goals_over: dict[int, str] = {}
    actions_over: list[int] = []
    needs_over: list[int] = []
    for need in content.needs:
        for goal in need.goals:
            said = judged.get(goal.id, Judged(Outcome.CONTINUED))
            outcomes.append(
                {
                    "id": goal.id,
                    "need": need.text,
                    "text": goal.text,
                    "outcome": said.outcome,
                    "note": said.note,
                }
            )
            if said.outcome in GOAL_STATUS:
                goals_over[goal.id] = str(GOAL_STATUS[Outcome(said.outcome)])
                actions_over += [action.id for action in goal.actions]
            else:
                actions_over += [action.id for action in goal.actions if action.status in _OVER]
        if need.goals and all(goal.id in goals_over for goal in need.goals):
            needs_over.append(need.id)
    return CarriedOver(tuple(outcomes), goals_over, tuple(actions_over), tuple(needs_over))


def next_review(due_on: date | None, *, approved_on: date | None, today: date) -> date | None:
    """Return the day to propose for the next review: as far again as this one was set; or none."""
    if due_on is None or approved_on is None or due_on <= approved_on:
        return None
    return today + timedelta(days=(due_on - approved_on).days)
