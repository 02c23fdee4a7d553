"""What changed from one content of a plan to another, in words."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from carbet.coordination.care_plans.choices import (
    SERAFIN,
    ActionStatus,
    GoalStatus,
    NeedDomain,
)
from carbet.coordination.care_plans.rules.content import (
    ActionContent,
    Content,
    GoalContent,
    NeedContent,
)
from carbet.coordination.care_plans.rules.targets import measured_words

ADDED, REMOVED, MODIFIED, PROGRESS = "added", "removed", "modified", "progress"
NEED, GOAL, ACTION, PLAN = "need", "goal", "action", "plan"

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
class Change:
    """One difference between two contents, in words."""

    kind: str
    what: str
    sentence: str


def compare(before: Content, after: Content) -> list[Change]:
    """Return what changed from one content to the other, in words: the plan, then need by need.

    A part added or removed is one change, with what it holds. Progress comes last.
    """
    changes = [*_plan_changes(before, after), *_need_changes(before, after)]
    return sorted(changes, key=lambda change: change.kind == PROGRESS)


def content_changes(before: Content, after: Content) -> list[Change]:
    """Return the changes that an approval would have to cover: all but progress."""
    return [change for change in compare(before, after) if change.kind != PROGRESS]


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
            yield Change(
                ADDED,
                NEED,
                f"Besoin ajouté : {quoted(need.text)}{held}.",
            )
        else:
            yield from _modified_need(old[need.id], need)
        yield from _goal_changes(need, old, new, old_goals, before)
    for need in before.needs:
        if need.id not in new:
            gone = [goal for goal in need.goals if goal.id not in new_goals]
            held = _held(len(gone), sum(len(goal.actions) for goal in gone))
            yield Change(
                REMOVED,
                NEED,
                f"Besoin retiré : {quoted(need.text)}{held}.",
            )
            continue
        for goal in need.goals:
            if goal.id not in new_goals:
                held = _held(0, len(goal.actions))
                yield Change(
                    REMOVED,
                    GOAL,
                    f"Objectif retiré : {quoted(goal.text)}{held}.",
                )
    yield from _removed_actions(before, new, new_goals, after)
    if _reordered(before.needs, after.needs):
        yield Change(MODIFIED, PLAN, "L’ordre des besoins a changé.")


def _modified_need(old: NeedContent, new: NeedContent) -> Iterator[Change]:
    parts = []
    if old.text != new.text:
        parts.append(f"reformulé, au lieu de {quoted(old.text)}")
    if (old.domain, old.serafin) != (new.domain, new.serafin):
        parts.append(
            f"domaine {domain_words(new.domain, new.serafin)}"
            f" au lieu de {domain_words(old.domain, old.serafin)}"
        )
    if parts:
        yield Change(
            MODIFIED,
            NEED,
            f"Besoin {quoted(new.text)} : {' ; '.join(parts)}.",
        )
    if _reordered(old.goals, new.goals):
        yield Change(
            MODIFIED,
            NEED,
            f"Besoin {quoted(new.text)} : l’ordre des objectifs a changé.",
        )


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
                    ADDED,
                    GOAL,
                    f"Objectif ajouté à {quoted(need.text)} : {quoted(goal.text)}{held}.",
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
                    f"Action ajoutée à {quoted(goal.text)} : {quoted(action.text)}"
                    f"{_who_when(action)}.",
                )


def _modified_goal(
    old_need: NeedContent, old: GoalContent, new_need: NeedContent, new: GoalContent
) -> Iterator[Change]:
    parts = []
    if old.text != new.text:
        parts.append(f"reformulé, au lieu de {quoted(old.text)}")
    if old_need.id != new_need.id:
        parts.append(f"rattaché au besoin {quoted(new_need.text)}")
    if old.target != new.target:
        parts.append(_difference("résultat attendu", old.target, new.target))
    if measured_words(old) != measured_words(new):
        parts.append(_difference("mesure attendue", measured_words(old), measured_words(new)))
    if old.target_on != new.target_on:
        parts.append(_difference("échéance", old.target_on, new.target_on))
    if parts:
        yield Change(
            MODIFIED,
            GOAL,
            f"Objectif {quoted(new.text)} : {' ; '.join(parts)}.",
        )
    if _reordered(old.actions, new.actions):
        yield Change(
            MODIFIED,
            GOAL,
            f"Objectif {quoted(new.text)} : l’ordre des actions a changé.",
        )
    if old.status != new.status:
        word = _GOAL_PROGRESS.get(GoalStatus(new.status), new.status)
        yield Change(PROGRESS, GOAL, f"Objectif {word} : {quoted(new.text)}.")


def _modified_action(
    old_goal: GoalContent, old: ActionContent, new_goal: GoalContent, new: ActionContent
) -> Iterator[Change]:
    parts = []
    if old.text != new.text:
        parts.append(f"reformulée, au lieu de {quoted(old.text)}")
    if old_goal.id != new_goal.id:
        parts.append(f"rattachée à l’objectif {quoted(new_goal.text)}")
    if old.responsible_id != new.responsible_id:
        if new.responsible_id is None:
            parts.append(f"n’est plus confiée à {old.responsible}")
        elif old.responsible_id is None:
            parts.append(f"confiée à {new.responsible}")
        else:
            parts.append(f"confiée à {new.responsible} au lieu de {old.responsible}")
    if old.frequency != new.frequency:
        parts.append(_difference("fréquence", old.frequency, new.frequency))
    if old.start_on != new.start_on:
        parts.append(_difference("date de début", old.start_on, new.start_on))
    if old.due_on != new.due_on:
        parts.append(_difference("échéance", old.due_on, new.due_on))
    if parts:
        yield Change(
            MODIFIED,
            ACTION,
            f"Action {quoted(new.text)} : {' ; '.join(parts)}.",
        )
    if old.status != new.status:
        word = _ACTION_PROGRESS.get(ActionStatus(new.status), new.status)
        yield Change(PROGRESS, ACTION, f"Action {word} : {quoted(new.text)}.")


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
                    yield Change(
                        REMOVED,
                        ACTION,
                        f"Action retirée : {quoted(action.text)}.",
                    )


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


def domain_words(domain: str, serafin: str = "") -> str:
    """Return the domain of a need in words: its SERAFIN-PH code when it has one."""
    if serafin in SERAFIN:
        return f"{serafin} {SERAFIN[serafin]}"
    return str(NeedDomain(domain).label) if domain in NeedDomain.values else domain


def quoted(text: str) -> str:
    """Return the text in French quotation marks that never part from it."""
    return f"«\N{NO-BREAK SPACE}{text}\N{NO-BREAK SPACE}»"
