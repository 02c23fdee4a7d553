"""All that a plan says, as plain values: whole, in order, kept and read back the same."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from carbet.coordination.care_plans.choices import ActionStatus, GoalStatus, NeedDomain


@dataclass(frozen=True, slots=True)
class ActionContent:
    """An action as the plan says it; `status` and `appointment_id` are progress, not content."""

    id: int
    text: str
    responsible_id: int | None = None
    responsible: str = ""
    frequency: str = ""
    due_on: date | None = None
    status: str = ActionStatus.NOT_STARTED
    start_on: date | None = None
    appointment_id: int | None = None


@dataclass(frozen=True, slots=True)
class GoalContent:
    """A goal with its actions, in order; `status` is progress, not content.

    `measure` (LOINC), `comparator` and `amount` are a target that a measure of the notebook tells.
    """

    id: int
    text: str
    target: str = ""
    target_on: date | None = None
    status: str = GoalStatus.ACTIVE
    actions: tuple[ActionContent, ...] = ()
    measure: str = ""
    comparator: str = ""
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class NeedContent:
    """A need with its goals, in order."""

    id: int
    text: str
    domain: str = NeedDomain.HEALTH
    goals: tuple[GoalContent, ...] = ()
    serafin: str = ""


@dataclass(frozen=True, slots=True)
class AgreementContent:
    """What the person, or whoever speaks for them, said of the plan, and to whom."""

    decision: str = ""
    given_by: str = ""
    on: date | None = None
    words: str = ""
    taken_by: str = ""

    def __bool__(self) -> bool:
        return bool(self.decision)


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
                            replace(action, status="", responsible="", appointment_id=None)
                            for action in goal.actions
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
                "serafin": need.serafin,
                "goals": [
                    {
                        "id": goal.id,
                        "text": goal.text,
                        "target": goal.target,
                        "target_on": _iso(goal.target_on),
                        "measure": goal.measure,
                        "comparator": goal.comparator,
                        "amount": None if goal.amount is None else str(goal.amount),
                        "status": goal.status,
                        "actions": [
                            {
                                "id": action.id,
                                "text": action.text,
                                "responsible_id": action.responsible_id,
                                "responsible": action.responsible,
                                "frequency": action.frequency,
                                "start_on": _iso(action.start_on),
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
                serafin=need.get("serafin", ""),
                goals=tuple(
                    GoalContent(
                        id=goal["id"],
                        text=goal["text"],
                        target=goal.get("target", ""),
                        target_on=_day(goal.get("target_on")),
                        measure=goal.get("measure", ""),
                        comparator=goal.get("comparator", ""),
                        amount=_number(goal.get("amount")),
                        status=goal.get("status", GoalStatus.ACTIVE),
                        actions=tuple(
                            ActionContent(
                                id=action["id"],
                                text=action["text"],
                                responsible_id=action.get("responsible_id"),
                                responsible=action.get("responsible", ""),
                                frequency=action.get("frequency", ""),
                                start_on=_day(action.get("start_on")),
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


def _number(text: str | None) -> Decimal | None:
    return Decimal(text) if text else None


def agreement_as_json(agreement: AgreementContent) -> dict[str, Any]:
    """Return an agreement as plain values, to be kept with the version that it speaks of."""
    return {
        "decision": agreement.decision,
        "given_by": agreement.given_by,
        "on": _iso(agreement.on),
        "words": agreement.words,
        "taken_by": agreement.taken_by,
    }


def agreement_from_json(kept: dict[str, Any] | None) -> AgreementContent:
    """Return the agreement kept with a version, an empty one when none was."""
    said = kept or {}
    return AgreementContent(
        decision=said.get("decision", ""),
        given_by=said.get("given_by", ""),
        on=_day(said.get("on")),
        words=said.get("words", ""),
        taken_by=said.get("taken_by", ""),
    )
