"""What is true of a plan: what it says, what changed in it, what is late, what may be proposed."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from carbet.coordination.care_plans.choices import ActionStatus, NeedDomain
from carbet.coordination.care_plans.rules.changes import (
    ACTION,
    ADDED,
    GOAL,
    MODIFIED,
    NEED,
    PLAN,
    PROGRESS,
    REMOVED,
    Change,
    compare,
    content_changes,
    domain_words,
    quoted,
)
from carbet.coordination.care_plans.rules.content import (
    ActionContent,
    AgreementContent,
    Content,
    GoalContent,
    NeedContent,
    agreement_as_json,
    agreement_from_json,
    as_json,
    from_json,
    without_progress,
)
from carbet.coordination.care_plans.rules.merging import Merged, merge
from carbet.coordination.care_plans.rules.reviewing import (
    CarriedOver,
    Judged,
    carry_over,
    next_review,
)
from carbet.coordination.care_plans.rules.sides import FieldPair, Pair, side_by_side
from carbet.coordination.care_plans.rules.targets import (
    MEASURES,
    is_met,
    measured_words,
    refused_target,
    whole_target,
)
from carbet.core.actor import DataCategory

__all__ = [
    "ACTION",
    "ADDED",
    "GOAL",
    "KINDS",
    "MEASURES",
    "MODIFIED",
    "NEED",
    "PLAN",
    "PROGRESS",
    "REMOVED",
    "WHOLE",
    "ActionContent",
    "AgreementContent",
    "CarriedOver",
    "Change",
    "Content",
    "FieldPair",
    "GoalContent",
    "Judged",
    "Merged",
    "NeedContent",
    "Pair",
    "agreement_as_json",
    "agreement_from_json",
    "as_json",
    "branch_of",
    "carry_over",
    "category_of",
    "compare",
    "content_changes",
    "domain_of",
    "domain_words",
    "from_json",
    "is_late",
    "is_met",
    "measured_words",
    "merge",
    "missing_for_proposal",
    "next_review",
    "part_of",
    "plannable",
    "quoted",
    "refused_target",
    "side_by_side",
    "whole_target",
    "without_medical",
    "without_progress",
]

KINDS = (NEED, GOAL, ACTION)
"""The kinds of parts that a plan is made of."""

WHOLE = DataCategory.MEDICAL | DataCategory.SOCIAL
"""What one must be allowed to read to answer for a whole plan."""

# Two readings closer than this belong to one visit.
VISIT_GAP = timedelta(minutes=30)
# A plan to review is shown this long before its day.
REVIEW_NOTICE = timedelta(days=14)

_DONE = frozenset({ActionStatus.COMPLETED, ActionStatus.CANCELLED})


def category_of(domain: str) -> DataCategory:
    """Return which category of data a need of this domain is: health is medical, life is social."""
    return DataCategory.MEDICAL if domain == NeedDomain.HEALTH else DataCategory.SOCIAL


def domain_of(code: str) -> str:
    """Return the plain domain of a SERAFIN-PH need, or the plain domain that is given.

    Source: SERAFIN-PH, nomenclature des besoins (CNSA, 2018): 1.1 health, 1.2 autonomy, 1.3 social
    participation, of which housing (1.3.2), rights (1.3.1) and resources (1.3.5) have ours.
    """
    if code in NeedDomain.values:
        return code
    for start, domain in (
        ("1.1", NeedDomain.HEALTH),
        ("1.2", NeedDomain.AUTONOMY),
        ("1.3.1", NeedDomain.RIGHTS),
        ("1.3.5", NeedDomain.RIGHTS),
        ("1.3.2", NeedDomain.HOME),
        ("1.3", NeedDomain.PARTICIPATION),
    ):
        if code == start or code.startswith(f"{start}."):
            return domain
    return NeedDomain.HEALTH


def part_of(content: Content, kind: str, part_id: int) -> dict[str, Any] | None:
    """Return what a need, a goal or an action says, field by field; None when it is not there."""
    for need in content.needs:
        if kind == NEED and need.id == part_id:
            return {"text": need.text, "domain": need.serafin or need.domain}
        for goal in need.goals:
            if kind == GOAL and goal.id == part_id:
                return {
                    "text": goal.text,
                    "target": goal.target,
                    "target_on": goal.target_on,
                    "measure": goal.measure,
                    "comparator": goal.comparator,
                    "amount": goal.amount,
                }
            for action in goal.actions:
                if kind == ACTION and action.id == part_id:
                    return {
                        "text": action.text,
                        "responsible_id": action.responsible_id,
                        "frequency": action.frequency,
                        "start_on": action.start_on,
                        "due_on": action.due_on,
                    }
    return None


def branch_of(content: Content, kind: str, part_id: int) -> object:
    """Return a part with all that it holds, without progress; None when it is not there."""
    said = without_progress(content)
    goals = [goal for need in said.needs for goal in need.goals]
    parts: dict[str, list[Any]] = {
        NEED: list(said.needs),
        GOAL: goals,
        ACTION: [action for goal in goals for action in goal.actions],
    }
    return next((part for part in parts[kind] if part.id == part_id), None)


def without_medical(content: Content) -> Content:
    """Return what those read of a plan to whom medical data are not open."""
    return replace(
        content,
        needs=tuple(
            need for need in content.needs if category_of(need.domain) != DataCategory.MEDICAL
        ),
    )


def is_late(due_on: date | None, status: str, *, on: date) -> bool:
    """Tell whether an action should have been done before this day and was not."""
    return due_on is not None and due_on < on and status not in _DONE


def missing_for_proposal(content: Content) -> str:
    """Return what the plan lacks before a doctor can approve it, as a sentence, or nothing.

    Source: HAS, plan personnalisé de coordination en santé: needs, goals and actions.
    """
    if not content.needs:
        return "Écrivez au moins un besoin, avec un objectif et une action."
    for need in content.needs:
        if not need.goals:
            return f"Le besoin {quoted(need.text)} n’a pas encore d’objectif."
    if not any(goal.actions for need in content.needs for goal in need.goals):
        return "Le plan n’a pas encore d’action : dites qui fait quoi."
    return ""


def plannable(content: Content | None) -> frozenset[int]:
    """Return the actions of an approved plan that may become visits."""
    if content is None:
        return frozenset()
    return frozenset(
        action.id for need in content.needs for goal in need.goals for action in goal.actions
    )
