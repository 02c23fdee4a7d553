"""All that a plan says, as plain values: whole, in order, kept and read back the same."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from carbet.coordination.care_plans.choices import ActionStatus, GoalStatus, NeedDomain


@dataclass(frozen=True, slots=True)
class ActionContent:
    """An action as the plan says it; `status` is progress, not content."""

    id: int
    text: str
    responsible_id: int | None = None
    responsible: str = ""
    frequency: str = ""
    due_on: date | None = None
    status: str = ActionStatus.NOT_STARTED


@dataclass(frozen=True, slots=True)
class GoalContent:
    """A goal with its actions, in order; `status` is progress, not content."""

    id: int
    text: str
    target: str = ""
    target_on: date | None = None
    status: str = GoalStatus.ACTIVE
    actions: tuple[ActionContent, ...] = ()


@dataclass(frozen=True, slots=True)
class NeedContent:
    """A need with its goals, in order."""

    id: int
    text: str
    domain: str = NeedDomain.HEALTH
    goals: tuple[GoalContent, ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """All that a plan says at one moment, whole and in order."""

    person_words: str = ""
    review_due_on: date | None = None
    needs: tuple[NeedContent, ...] = ()


def without_progress(content: Content) -> Content:
    """Return what is approved in a content: neither statuses nor the names behind the members."""
    return replace(
        content,
        needs=tuple(
            replace(
                need,
                goals=tuple(
                    replace(
                        goal,
                        status="",
                        actions=tuple(
                            replace(action, status="", responsible="") for action in goal.actions
                        ),
                    )
                    for goal in need.goals
                ),
            )
            for need in content.needs
        ),
    )


def as_json(content: Content) -> dict[str, Any]:
    """Return a content as plain values, to be kept as an approved version."""
    return {
        "person_words": content.person_words,
        "review_due_on": _iso(content.review_due_on),
        "needs": [
            {
                "id": need.id,
                "text": need.text,
                "domain": need.domain,
                "goals": [
                    {
                        "id": goal.id,
                        "text": goal.text,
                        "target": goal.target,
                        "target_on": _iso(goal.target_on),
                        "status": goal.status,
                        "actions": [
                            {
                                "id": action.id,
                                "text": action.text,
                                "responsible_id": action.responsible_id,
                                "responsible": action.responsible,
                                "frequency": action.frequency,
                                "due_on": _iso(action.due_on),
                                "status": action.status,
                            }
                            for action in goal.actions
                        ],
                    }
                    for goal in need.goals
                ],
            }
            for need in content.needs
        ],
    }


def from_json(kept: dict[str, Any]) -> Content:
    """Return the content of an approved version from its plain values."""
    return Content(
        person_words=kept.get("person_words", ""),
        review_due_on=_day(kept.get("review_due_on")),
        needs=tuple(
            NeedContent(
                id=need["id"],
                text=need["text"],
                domain=need.get("domain", NeedDomain.HEALTH),
                goals=tuple(
                    GoalContent(
                        id=goal["id"],
                        text=goal["text"],
                        target=goal.get("target", ""),
                        target_on=_day(goal.get("target_on")),
                        status=goal.get("status", GoalStatus.ACTIVE),
                        actions=tuple(
                            ActionContent(
                                id=action["id"],
                                text=action["text"],
                                responsible_id=action.get("responsible_id"),
                                responsible=action.get("responsible", ""),
                                frequency=action.get("frequency", ""),
                                due_on=_day(action.get("due_on")),
                                status=action.get("status", ActionStatus.NOT_STARTED),
                            )
                            for action in goal.get("actions", ())
                        ),
                    )
                    for goal in need.get("goals", ())
                ),
            )
            for need in kept.get("needs", ())
        ),
    )


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
