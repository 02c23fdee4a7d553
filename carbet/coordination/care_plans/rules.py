"""What is true of a plan: what it says, what changed in it, what is late, what may be proposed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from carbet.coordination.care_plans.choices import ActionStatus, GoalStatus, NeedDomain

# Two readings closer than this belong to one visit.
VISIT_GAP = timedelta(minutes=30)

ADDED, REMOVED, MODIFIED, PROGRESS = "added", "removed", "modified", "progress"
NEED, GOAL, ACTION, PLAN = "need", "goal", "action", "plan"

_DONE = frozenset({ActionStatus.COMPLETED, ActionStatus.CANCELLED})
_GOAL_PROGRESS = {
    GoalStatus.ACTIVE: "repris",
    GoalStatus.COMPLETED: "atteint",
    GoalStatus.CANCELLED: "abandonné",
}
_ACTION_PROGRESS = {
    ActionStatus.NOT_STARTED: "à faire de nouveau",
    ActionStatus.IN_PROGRESS: "commencée",
    ActionStatus.COMPLETED: "faite",
    ActionStatus.CANCELLED: "abandonnée",
}


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


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two contents, in words."""

    kind: str
    what: str
    sentence: str


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
            return f"Le besoin « {need.text} » n’a pas encore d’objectif."
    if not any(goal.actions for need in content.needs for goal in need.goals):
        return "Le plan n’a pas encore d’action : dites qui fait quoi."
    return ""


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


def compare(before: Content, after: Content) -> list[Change]:
    """Return what changed from one content to the other, in words: the plan, then need by need.

    A part added or removed is one change, with what it holds. Progress comes last.
    """
    changes = [*_plan_changes(before, after), *_need_changes(before, after)]
    return sorted(changes, key=lambda change: change.kind == PROGRESS)


def content_changes(before: Content, after: Content) -> list[Change]:
    """Return the changes that an approval would have to cover: all but progress."""
    return [change for change in compare(before, after) if change.kind != PROGRESS]


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


def _plan_changes(before: Content, after: Content) -> Iterator[Change]:
    if before.person_words != after.person_words:
        if not before.person_words:
            yield Change(ADDED, PLAN, "Les mots de la personne ont été ajoutés.")
        elif not after.person_words:
            yield Change(REMOVED, PLAN, "Les mots de la personne ont été retirés.")
        else:
            yield Change(MODIFIED, PLAN, "Les mots de la personne ont été modifiés.")
    if before.review_due_on != after.review_due_on:
        words = _difference("révision prévue", before.review_due_on, after.review_due_on)
        yield Change(MODIFIED, PLAN, f"Plan : {words}.")


def _need_changes(before: Content, after: Content) -> Iterator[Change]:
    old = {need.id: need for need in before.needs}
    new = {need.id: need for need in after.needs}
    old_goals = {goal.id: (need, goal) for need in before.needs for goal in need.goals}
    new_goals = {goal.id: (need, goal) for need in after.needs for goal in need.goals}
    for need in after.needs:
        if need.id not in old:
            arrived = [goal for goal in need.goals if goal.id not in old_goals]
            held = _held(len(arrived), sum(len(goal.actions) for goal in arrived))
            yield Change(ADDED, NEED, f"Besoin ajouté : « {need.text} »{held}.")
        else:
            yield from _modified_need(old[need.id], need)
        yield from _goal_changes(need, old, new, old_goals, before)
    for need in before.needs:
        if need.id not in new:
            gone = [goal for goal in need.goals if goal.id not in new_goals]
            held = _held(len(gone), sum(len(goal.actions) for goal in gone))
            yield Change(REMOVED, NEED, f"Besoin retiré : « {need.text} »{held}.")
            continue
        for goal in need.goals:
            if goal.id not in new_goals:
                held = _held(0, len(goal.actions))
                yield Change(REMOVED, GOAL, f"Objectif retiré : « {goal.text} »{held}.")
    yield from _removed_actions(before, new, new_goals, after)
    if _reordered(before.needs, after.needs):
        yield Change(MODIFIED, PLAN, "L’ordre des besoins a changé.")


def _modified_need(old: NeedContent, new: NeedContent) -> Iterator[Change]:
    parts = []
    if old.text != new.text:
        parts.append(f"reformulé, au lieu de « {old.text} »")
    if old.domain != new.domain:
        parts.append(f"domaine {_domain(new.domain)} au lieu de {_domain(old.domain)}")
    if parts:
        yield Change(MODIFIED, NEED, f"Besoin « {new.text} » : {' ; '.join(parts)}.")
    if _reordered(old.goals, new.goals):
        yield Change(MODIFIED, NEED, f"Besoin « {new.text} » : l’ordre des objectifs a changé.")


def _goal_changes(
    need: NeedContent,
    old_needs: dict[int, NeedContent],
    new_needs: dict[int, NeedContent],
    old_goals: dict[int, tuple[NeedContent, GoalContent]],
    before: Content,
) -> Iterator[Change]:
    old_actions = {
        action.id: (goal, action)
        for parent in before.needs
        for goal in parent.goals
        for action in goal.actions
    }
    for goal in need.goals:
        if goal.id not in old_goals:
            if need.id in old_needs:
                held = _held(0, sum(action.id not in old_actions for action in goal.actions))
                yield Change(
                    ADDED, GOAL, f"Objectif ajouté à « {need.text} » : « {goal.text} »{held}."
                )
        else:
            yield from _modified_goal(*old_goals[goal.id], need, goal)
        for action in goal.actions:
            if action.id in old_actions:
                yield from _modified_action(*old_actions[action.id], goal, action)
            elif goal.id in old_goals:
                yield Change(
                    ADDED,
                    ACTION,
                    f"Action ajoutée à « {goal.text} » : « {action.text} »{_who_when(action)}.",
                )


def _modified_goal(
    old_need: NeedContent, old: GoalContent, new_need: NeedContent, new: GoalContent
) -> Iterator[Change]:
    parts = []
    if old.text != new.text:
        parts.append(f"reformulé, au lieu de « {old.text} »")
    if old_need.id != new_need.id:
        parts.append(f"rattaché au besoin « {new_need.text} »")
    if old.target != new.target:
        parts.append(_difference("résultat attendu", old.target, new.target))
    if old.target_on != new.target_on:
        parts.append(_difference("échéance", old.target_on, new.target_on))
    if parts:
        yield Change(MODIFIED, GOAL, f"Objectif « {new.text} » : {' ; '.join(parts)}.")
    if _reordered(old.actions, new.actions):
        yield Change(MODIFIED, GOAL, f"Objectif « {new.text} » : l’ordre des actions a changé.")
    if old.status != new.status:
        word = _GOAL_PROGRESS.get(GoalStatus(new.status), new.status)
        yield Change(PROGRESS, GOAL, f"Objectif {word} : « {new.text} ».")


def _modified_action(
    old_goal: GoalContent, old: ActionContent, new_goal: GoalContent, new: ActionContent
) -> Iterator[Change]:
    parts = []
    if old.text != new.text:
        parts.append(f"reformulée, au lieu de « {old.text} »")
    if old_goal.id != new_goal.id:
        parts.append(f"rattachée à l’objectif « {new_goal.text} »")
    if old.responsible_id != new.responsible_id:
        if new.responsible_id is None:
            parts.append(f"n’est plus confiée à {old.responsible}")
        elif old.responsible_id is None:
            parts.append(f"confiée à {new.responsible}")
        else:
            parts.append(f"confiée à {new.responsible} au lieu de {old.responsible}")
    if old.frequency != new.frequency:
        parts.append(_difference("fréquence", old.frequency, new.frequency))
    if old.due_on != new.due_on:
        parts.append(_difference("échéance", old.due_on, new.due_on))
    if parts:
        yield Change(MODIFIED, ACTION, f"Action « {new.text} » : {' ; '.join(parts)}.")
    if old.status != new.status:
        word = _ACTION_PROGRESS.get(ActionStatus(new.status), new.status)
        yield Change(PROGRESS, ACTION, f"Action {word} : « {new.text} ».")


def _removed_actions(
    before: Content,
    new_needs: dict[int, NeedContent],
    new_goals: dict[int, tuple[NeedContent, GoalContent]],
    after: Content,
) -> Iterator[Change]:
    kept = {action.id for need in after.needs for goal in need.goals for action in goal.actions}
    for need in before.needs:
        for goal in need.goals:
            if goal.id not in new_goals:
                continue
            for action in goal.actions:
                if action.id not in kept:
                    yield Change(REMOVED, ACTION, f"Action retirée : « {action.text} ».")


def _reordered(before: Iterable[Any], after: Iterable[Any]) -> bool:
    """Tell whether the parts that are in both stand in another order."""
    old, new = [part.id for part in before], [part.id for part in after]
    return [key for key in old if key in new] != [key for key in new if key in old]


def _held(goals: int, actions: int) -> str:
    held = [
        f"{count} {word}{'s' if count > 1 else ''}"
        for count, word in ((goals, "objectif"), (actions, "action"))
        if count
    ]
    return f" ({', '.join(held)})" if held else ""


def _who_when(action: ActionContent) -> str:
    said = [action.responsible, action.frequency]
    if action.due_on:
        said.append(f"avant le {_words(action.due_on)}")
    found = ", ".join(filter(None, said))
    return f" ({found})" if found else ""


def _difference(name: str, old: str | date | None, new: str | date | None) -> str:
    if not old:
        return f"{name} : {_words(new)}"
    if not new:
        return f"{name} retirée ({_words(old)})" if name != "résultat attendu" else f"{name} retiré"
    return f"{name} : {_words(new)} au lieu de {_words(old)}"


def _words(value: str | date | None) -> str:
    return value.strftime("%d/%m/%Y") if isinstance(value, date) else str(value or "")


def _domain(code: str) -> str:
    return str(NeedDomain(code).label) if code in NeedDomain.values else code


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
