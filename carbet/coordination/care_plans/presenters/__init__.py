"""A plan as its pages show it: the tree with its labels and tones, what is open on the screen."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Any, Self

from carbet.coordination.care_plans import queries, rules
from carbet.coordination.care_plans.choices import (
    ActionStatus,
    Agreement,
    AgreementGiver,
    GoalStatus,
    PlanStatus,
)
from carbet.coordination.care_plans.library import ProposedAction, ProposedNeed
from carbet.coordination.care_plans.operations import Adopted
from carbet.coordination.care_plans.queries import RemovedPart, Visits
from carbet.coordination.care_plans.rules import (
    ActionContent,
    AgreementContent,
    Content,
    GoalContent,
)
from carbet.coordination.care_teams.models import CareTeamParticipant
from carbet.coordination.notebook.queries import MeasurePoint
from carbet.coordination.notebook.rules import write_value

_TONES = {
    ActionStatus.NOT_STARTED: "neutral",
    ActionStatus.IN_PROGRESS: "info",
    ActionStatus.COMPLETED: "success",
    ActionStatus.CANCELLED: "neutral",
    GoalStatus.ACTIVE: "info",
}


@dataclass(frozen=True, slots=True)
class ActionLine:
    """An action as one line of the page."""

    id: int
    text: str
    who: str
    has_left: bool
    frequency: str
    start_on: date | None
    due_on: date | None
    appointment_id: int | None
    is_late: bool
    status: str
    label: str
    tone: str
    visits: Visits | None = None


@dataclass(frozen=True, slots=True)
class GoalLines:
    """A goal and its actions; `measured` is what the notebook last said of its target."""

    id: int
    text: str
    target: str
    target_on: date | None
    status: str
    label: str
    tone: str
    actions: tuple[ActionLine, ...]
    removed: tuple[RemovedPart, ...]
    measured: MeasurePoint | None = None
    measured_words: str = ""
    is_met: bool = False


@dataclass(frozen=True, slots=True)
class NeedLines:
    """A need and its goals."""

    id: int
    text: str
    domain: str
    goals: tuple[GoalLines, ...]
    removed: tuple[RemovedPart, ...]


def tree(
    content: Content,
    *,
    today: date,
    left: frozenset[int] = frozenset(),
    removed: Iterable[RemovedPart] = (),
    measured: Mapping[str, MeasurePoint] = MappingProxyType({}),
    visits: Mapping[int, Visits] = MappingProxyType({}),
) -> tuple[NeedLines, ...]:
    """Return the needs with what the page says of each part.

    Args:
        left: the responsible members who have left the circle.
        removed: the parts taken out that can be put back where they were.
        measured: the last measure of each kind, for the targets that a measure tells.
        visits: the visits to come of the actions that became visits.
    """
    taken_out = tuple(removed)
    return tuple(
        NeedLines(
            id=need.id,
            text=need.text,
            domain=rules.domain_words(need.domain, need.serafin),
            goals=tuple(
                _goal(goal, today, left, taken_out, measured, visits) for goal in need.goals
            ),
            removed=_of(taken_out, rules.GOAL, need.id),
        )
        for need in content.needs
    )


@dataclass(frozen=True, slots=True)
class Judging:
    """One need with each of its goals and the two boxes that a review fills for it."""

    need: NeedLines
    goals: tuple[tuple[GoalLines, Any, Any], ...]


def judging(
    content: Content, form: Any, *, today: date, measured: Mapping[str, MeasurePoint]
) -> list[Judging]:
    """Return the needs that have goals, each goal with its boxes in the form of the review."""
    return [
        Judging(
            need,
            tuple((goal, form[f"goal-{goal.id}"], form[f"note-{goal.id}"]) for goal in need.goals),
        )
        for need in tree(content, today=today, measured=measured)
        if need.goals
    ]


@dataclass(frozen=True, slots=True)
class ProposalLine:
    """A goal or an action to keep or not: its mark in the form, who would do it, when."""

    mark: str
    text: str
    more: str
    kept: bool
    actions: tuple["ProposalLine", ...] = ()


@dataclass(frozen=True, slots=True)
class ProposedNeedLines:
    """A need to consider, with its goals."""

    text: str
    domain: str
    goals: tuple[ProposalLine, ...]


def proposals(
    needs: Sequence[ProposedNeed], members: Sequence[CareTeamParticipant], *, kept: Container[str]
) -> list[ProposedNeedLines]:
    """Return a proposal as its page shows it; `kept` are the marks whose box is ticked."""

    def action(mark: str, said: ProposedAction) -> ProposalLine:
        member = queries.fittest(said.who, members)
        parts = (queries.member_name(member) if member else "À attribuer", said.frequency)
        return ProposalLine(mark, said.text, " · ".join(filter(None, parts)), mark in kept)

    return [
        ProposedNeedLines(
            text=need.text,
            domain=rules.domain_words(rules.domain_of(need.domain), need.domain),
            goals=tuple(
                ProposalLine(
                    f"{n}.{g}",
                    goal.text,
                    goal.target,
                    f"{n}.{g}" in kept,
                    tuple(action(f"{n}.{g}.{a}", each) for a, each in enumerate(goal.actions)),
                )
                for g, goal in enumerate(need.goals)
            ),
        )
        for n, need in enumerate(needs)
    ]


def adopted_words(added: Adopted) -> str:
    """Say what was added to the plan."""
    said = [
        f"{count} {word}{'s' if count > 1 else ''}"
        for count, word in (
            (added.needs, "besoin"),
            (added.goals, "objectif"),
            (added.actions, "action"),
        )
        if count
    ]
    return f"Ajouté au plan : {', '.join(said)}." if said else "Tout était déjà dans le plan."


def agreement_words(agreement: AgreementContent) -> str:
    """Return in one sentence who said what of the plan, and when."""
    if not agreement:
        return ""
    said = Agreement(agreement.decision).label
    giver = AgreementGiver(agreement.given_by).label if agreement.given_by else ""
    on = f"le {agreement.on:%d/%m/%Y}" if agreement.on else ""
    return f"{said} : {', '.join(filter(None, (str(giver).lower(), on)))}"


def status_words(status: PlanStatus, number: int | None) -> str:
    """Return where the plan stands, in words."""
    if status == PlanStatus.DRAFT and number:
        return "Modifié depuis l’approbation"
    if status == PlanStatus.ACTIVE and number:
        return f"Approuvé, version {number}"
    return str(status.label)


def status_tone(status: PlanStatus) -> str:
    """Return the tone of a status."""
    return {PlanStatus.ACTIVE: "success", PlanStatus.PROPOSED: "info"}.get(status, "warning")


def status_icon(status: PlanStatus) -> str:
    """Return the icon of a status."""
    return {PlanStatus.ACTIVE: "check", PlanStatus.PROPOSED: "send"}.get(status, "edit")


@dataclass(frozen=True, slots=True)
class Place:
    """The need, and the goal if any, that quick typing goes on with."""

    need_id: int
    need: str
    goal_id: int | None = None
    goal: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """Which form is open on the editing page, as its address says: `action-12`, `besoin-3`."""

    what: str = ""
    id: int = 0

    WORDS = {
        "besoin": rules.NEED,
        "objectif": rules.GOAL,
        "action": rules.ACTION,
        "objectif-pour": "goal_for",
        "action-pour": "action_for",
        "vers-besoin": "to_need",
        "vers-objectif": "to_goal",
        "vers-action": "to_action",
        "retire-besoin": "removed_need",
        "retire-objectif": "removed_goal",
        "retire-action": "removed_action",
        "saisie": "entry",
        "suite": "after",
        "suite-besoin": "after_need",
        "presentation": "words",
        "vers-presentation": "to_words",
    }
    ANCHORS = {
        "goal_for": "need",
        "action_for": "goal",
        "after": "entry",
        "after_need": "entry",
        "to_words": "words",
    }

    @classmethod
    def read(cls, text: str) -> Self:
        """Return what the address says is open; nothing when it says nothing sensible."""
        word, _, number = text.rpartition("-") if text[-1:].isdecimal() else (text, "", "0")
        if word not in cls.WORDS or len(number) > 18:
            return cls()
        return cls(cls.WORDS[word], int(number))

    def __str__(self) -> str:
        word = next((word for word, what in self.WORDS.items() if what == self.what), "")
        return f"{word}-{self.id}" if self.id else word

    @property
    def reached(self) -> str:
        """The kind of part that was just written, and where the keyboard goes on."""
        return self.what.removeprefix("to_") if self.what.startswith("to_") else ""

    @property
    def removed(self) -> str:
        """The kind of part that was just taken out."""
        return self.what.removeprefix("removed_") if self.what.startswith("removed_") else ""

    @property
    def back(self) -> str:
        """Where closing the form leads, as its address says it."""
        return str(replace(self, what=f"to_{self.ANCHORS.get(self.what, self.what)}"))

    @property
    def anchor(self) -> str:
        """The id of the element to show: where the form is, or what was just written."""
        what = self.ANCHORS.get(self.what, self.what.removeprefix("to_").replace("_", "-"))
        return f"{what}-{self.id}" if self.id and what != "entry" else what


def place(content: Content, *, goal_id: int = 0, need_id: int = 0) -> Place | None:
    """Return where quick typing goes on: after this goal, or under this need; None when gone."""
    for need in content.needs:
        if need.id == need_id:
            return Place(need.id, need.text)
        for goal in need.goals:
            if goal.id == goal_id:
                return Place(need.id, need.text, goal.id, goal.text)
    return None


def _of(removed: tuple[RemovedPart, ...], kind: str, parent_id: int) -> tuple[RemovedPart, ...]:
    return tuple(part for part in removed if part.kind == kind and part.parent_id == parent_id)


def _goal(
    goal: GoalContent,
    today: date,
    left: frozenset[int],
    removed: tuple[RemovedPart, ...],
    measured: Mapping[str, MeasurePoint],
    visits: Mapping[int, Visits],
) -> GoalLines:
    found = measured.get(goal.measure) if goal.measure and goal.amount is not None else None
    return GoalLines(
        id=goal.id,
        text=goal.text,
        measured=found,
        measured_words=_value(found) if found else "",
        is_met=found is not None and rules.is_met(goal, found.value),
        target=rules.whole_target(goal),
        target_on=goal.target_on,
        status=goal.status,
        label=_label(GoalStatus, goal.status),
        tone=_TONES.get(goal.status, "neutral"),
        actions=tuple(
            _action(action, today, left, visits.get(action.id)) for action in goal.actions
        ),
        removed=_of(removed, rules.ACTION, goal.id),
    )


def _action(
    action: ActionContent, today: date, left: frozenset[int], visits: Visits | None
) -> ActionLine:
    return ActionLine(
        id=action.id,
        text=action.text,
        who=action.responsible,
        has_left=action.responsible_id in left,
        frequency=action.frequency,
        start_on=action.start_on,
        due_on=action.due_on,
        appointment_id=action.appointment_id,
        is_late=rules.is_late(action.due_on, action.status, on=today),
        status=action.status,
        label=_label(ActionStatus, action.status),
        tone=_TONES.get(action.status, "neutral"),
        visits=visits,
    )


def _value(point: MeasurePoint) -> str:
    said = write_value(point.kind, point.value, point.second_value)
    return f"{said} {rules.MEASURES[point.kind].unit}"


def _label(choices: type[ActionStatus] | type[GoalStatus], code: str) -> str:
    return str(choices(code).label) if code in choices.values else code
