"""What is true of a plan: what it says, what changed in it, what is late, what may be proposed."""

from dataclasses import replace
from datetime import date, timedelta

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
    quoted,
)
from carbet.coordination.care_plans.rules.content import (
    ActionContent,
    Content,
    GoalContent,
    NeedContent,
    as_json,
    from_json,
    without_progress,
)
from carbet.core.actor import DataCategory

__all__ = [
    "ACTION",
    "ADDED",
    "GOAL",
    "MODIFIED",
    "NEED",
    "PLAN",
    "PROGRESS",
    "REMOVED",
    "WHOLE",
    "ActionContent",
    "Change",
    "Content",
    "GoalContent",
    "NeedContent",
    "as_json",
    "category_of",
    "compare",
    "content_changes",
    "from_json",
    "is_late",
    "missing_for_proposal",
    "quoted",
    "without_medical",
    "without_progress",
]

WHOLE = DataCategory.MEDICAL | DataCategory.SOCIAL
"""What one must be allowed to read to answer for a whole plan."""

# Two readings closer than this belong to one visit.
VISIT_GAP = timedelta(minutes=30)

_DONE = frozenset({ActionStatus.COMPLETED, ActionStatus.CANCELLED})


def category_of(domain: str) -> DataCategory:
    """Return which category of data a need of this domain is: health is medical, life is social."""
    return DataCategory.MEDICAL if domain == NeedDomain.HEALTH else DataCategory.SOCIAL


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
