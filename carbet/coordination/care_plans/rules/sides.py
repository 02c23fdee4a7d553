"""Two contents of a plan side by side: each part beside itself, field by field."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from carbet.coordination.care_plans.choices import ActionStatus, GoalStatus
from carbet.coordination.care_plans.rules.changes import (
    ACTION,
    ADDED,
    GOAL,
    MODIFIED,
    NEED,
    PLAN,
    REMOVED,
    domain_words,
)
from carbet.coordination.care_plans.rules.content import (
    ActionContent,
    Content,
    GoalContent,
    NeedContent,
)
from carbet.coordination.care_plans.rules.targets import measured_words

SAME = "same"


@dataclass(frozen=True, slots=True)
class FieldPair:
    """One field as it was and as it is, in words."""

    label: str
    before: str
    after: str

    @property
    def changed(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class Pair:
    """One part of the plan in both contents: what became of it, and its fields."""

    what: str
    state: str
    title: str
    fields: tuple[FieldPair, ...]


def side_by_side(before: Content, after: Content) -> list[Pair]:
    """Return every part that is in either content, in the order of the later one.

    A part keeps its place when it is only in the former: after those it stood behind.
    """
    pairs = [
        _pair(
            PLAN,
            "La personne et le suivi",
            _plan_fields(before),
            _plan_fields(after),
        )
    ]
    old_goals = _by_id(goal for need in before.needs for goal in need.goals)
    new_goals = _by_id(goal for need in after.needs for goal in need.goals)
    old_actions = _by_id(action for goal in old_goals.values() for action in goal.actions)
    new_actions = _by_id(action for goal in new_goals.values() for action in goal.actions)
    for old_need, new_need in _aligned(before.needs, after.needs):
        pairs.append(_of(NEED, old_need, new_need, _need_fields))
        held = _aligned(
            [goal for goal in _goals(old_need) if goal.id not in new_goals or _in(new_need, goal)],
            _goals(new_need),
        )
        for old_goal, new_goal in held:
            there = old_goal or (old_goals.get(new_goal.id) if new_goal else None)
            pairs.append(_of(GOAL, there, new_goal, _goal_fields))
            kept = {action.id for action in _actions(new_goal)}
            for old_action, new_action in _aligned(
                [
                    action
                    for action in _actions(there)
                    if action.id not in new_actions or action.id in kept
                ],
                _actions(new_goal),
            ):
                was = old_action or (old_actions.get(new_action.id) if new_action else None)
                pairs.append(_of(ACTION, was, new_action, _action_fields))
    return pairs


def _aligned(before: Sequence[Any], after: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield each part beside itself, None where it is not; in the order of the later content."""
    old, new = _by_id(before), _by_id(after)
    gone = [part for part in before if part.id not in new]
    for part in after:
        yield old.get(part.id), part
    for part in gone:
        yield part, None


def _by_id(parts: Any) -> dict[int, Any]:
    return {part.id: part for part in parts}


def _goals(need: NeedContent | None) -> tuple[GoalContent, ...]:
    return need.goals if need else ()


def _actions(goal: GoalContent | None) -> tuple[ActionContent, ...]:
    return goal.actions if goal else ()


def _in(need: NeedContent | None, goal: GoalContent) -> bool:
    return any(each.id == goal.id for each in _goals(need))


def _of(what: str, before: Any, after: Any, fields: Any) -> Pair:
    here = after or before
    return _pair(
        what,
        here.text,
        fields(before) if before else {},
        fields(after) if after else {},
    )


def _pair(what: str, title: str, before: dict[str, str], after: dict[str, str]) -> Pair:
    names = list(after or before)
    fields = tuple(
        FieldPair(name, before.get(name, ""), after.get(name, ""))
        for name in names
        if before.get(name) or after.get(name)
    )
    if not before:
        state = ADDED
    elif not after:
        state = REMOVED
    else:
        state = MODIFIED if any(field.changed for field in fields) else SAME
    return Pair(what, state, title, fields)


def _plan_fields(content: Content) -> dict[str, str]:
    return {
        "Ce que souhaite la personne": content.person_words,
        "Révision prévue": _day(content.review_due_on),
    }


def _need_fields(need: NeedContent) -> dict[str, str]:
    return {"Besoin": need.text, "Domaine": domain_words(need.domain, need.serafin)}


def _goal_fields(goal: GoalContent) -> dict[str, str]:
    return {
        "Objectif": goal.text,
        "Résultat attendu": goal.target,
        "Mesure attendue": measured_words(goal),
        "À atteindre avant le": _day(goal.target_on),
        "Avancement": _label(GoalStatus, goal.status),
    }


def _action_fields(action: ActionContent) -> dict[str, str]:
    return {
        "Action": action.text,
        "Qui s’en charge": action.responsible,
        "Fréquence": action.frequency,
        "Début": _day(action.start_on),
        "Échéance": _day(action.due_on),
        "Avancement": _label(ActionStatus, action.status),
    }


def _label(choices: Any, code: str) -> str:
    return str(choices(code).label) if code in choices.values else code


def _day(on: date | None) -> str:
    return on.strftime("%d/%m/%Y") if on else ""
