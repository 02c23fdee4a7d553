"""Take into the plan what an outline or an assessment proposes: what a person kept of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from django.utils import timezone

from carbet.coordination.care_plans import queries, rules
from carbet.coordination.care_plans.choices import SERAFIN, NeedDomain
from carbet.coordination.care_plans.library import ProposedAction, ProposedGoal, ProposedNeed
from carbet.coordination.care_plans.models import CarePlan, Goal, Need, PlannedAction
from carbet.coordination.care_plans.operations import holding
from carbet.coordination.care_plans.operations.holding import UnableToEditPlan
from carbet.coordination.care_plans.operations.writing import create_plan
from carbet.coordination.care_teams import access as care_teams
from carbet.core.actor import Actor, Level
from carbet.core.audit import Trace
from carbet.core.operation import operation


@dataclass(frozen=True, slots=True)
class Adopted:
    """How many needs, goals and actions were added; what was there already is not counted."""

    needs: int = 0
    goals: int = 0
    actions: int = 0


@operation("care_plan.proposals.adopt", action="C")
def adopt(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int,
    gesture: UUID,
    kept: Sequence[ProposedNeed],
    review_in_days: int | None = None,
) -> Adopted:
    """Add to the plan what was kept of a proposal; the plan is begun when there is none.

    What the plan says already is not said twice: a need, a goal or an action of the same words, or
    what the same gesture or the same assessment wrote before. An action goes to the member of the
    circle whose profession fits, when there is one.

    Args:
        review_in_days: when the plan has no day of review yet, this many days from now.

    Raises:
        UnableToEditPlan: nothing was kept, or a domain is not open to the actor.
    """
    holding.may_edit(actor)
    if not kept:
        raise UnableToEditPlan("Gardez au moins une ligne.")
    create_plan(actor=actor, now=now, patient_id=patient_id)
    plan = holding.lock(patient_id)
    writer = _Writer(plan, actor, now, gesture)
    for need in kept:
        writer.need(need)
    if not writer.added:
        trace.about(patient_id=patient_id, entity=plan, reason="déjà dans le plan")
        return Adopted()
    if review_in_days and plan.review_due_on is None:
        plan.review_due_on = writer.today + timedelta(days=review_in_days)
    holding.changed(plan, actor, now, "review_due_on")
    for row in writer.added:
        trace.about(patient_id=patient_id, entity=row)
    return Adopted(
        *(
            sum(isinstance(row, kind) for row in writer.added)
            for kind in (Need, Goal, PlannedAction)
        )
    )


class _Writer:
    """The plan being completed: what stands in it, and what was added."""

    def __init__(self, plan: CarePlan, actor: Actor, now: datetime, gesture: UUID) -> None:
        self.plan = plan
        self.now = now
        self.gesture = gesture
        self.today = timezone.localdate(now)
        self.added: list[Any] = []
        self.opened = care_teams.opened(patient_id=plan.patient_id, level=Level.WRITE)
        self.members = queries.members(patient_id=plan.patient_id, now=now)
        present = {"patient_id": plan.patient_id, "removed_at__isnull": True}
        self.needs = {_form(row.text): row for row in Need.objects.filter(**present)}
        self.goals = {(row.need_id, _form(row.text)): row for row in Goal.objects.filter(**present)}
        self.actions = {
            (row.goal_id, _form(row.text)) for row in PlannedAction.objects.filter(**present)
        }
        self.written = set(
            Goal.objects.filter(patient_id=plan.patient_id, gesture__isnull=False).values_list(
                "gesture", flat=True
            )
        )

    def need(self, said: ProposedNeed) -> None:
        goals = [goal for goal in said.goals if self._key(said, goal) not in self.written]
        if not goals:
            return
        row = self.needs.get(_form(said.text))
        if row is None:
            domain = rules.domain_of(said.domain)
            category = rules.category_of(domain)
            if category not in self.opened:
                raise UnableToEditPlan(
                    f"Le besoin {rules.quoted(said.text)} est réservé aux soignants."
                )
            row = Need.objects.create(
                care_plan=self.plan,
                patient_id=self.plan.patient_id,
                text=said.text,
                domain=NeedDomain(domain),
                serafin=said.domain if said.domain in SERAFIN else "",
                category=int(category),
                position=len(self.needs) + 1,
            )
            self.needs[_form(said.text)] = row
            self.added.append(row)
        for goal in goals:
            self.goal(row, goal, self._key(said, goal))

    def goal(self, need: Need, said: ProposedGoal, key: UUID) -> None:
        row = self.goals.get((need.pk, _form(said.text)))
        if row is None:
            row = Goal.objects.create(
                need=need,
                patient_id=need.patient_id,
                text=said.text,
                target=said.target,
                target_on=self._day(said.target_in_days),
                measure=said.measure,
                comparator=said.comparator,
                amount=said.amount,
                category=need.category,
                position=len(self.goals) + 1,
                gesture=key,
            )
            self.goals[need.pk, _form(said.text)] = row
            self.added.append(row)
        for action in said.actions:
            self.action(row, action)

    def action(self, goal: Goal, said: ProposedAction) -> None:
        if (goal.pk, _form(said.text)) in self.actions:
            return
        member = queries.fittest(said.who, self.members)
        row = PlannedAction.objects.create(
            goal=goal,
            patient_id=goal.patient_id,
            text=said.text,
            responsible_id=member.pk if member else None,
            frequency=said.frequency,
            start_on=self._day(said.start_in_days),
            due_on=self._day(said.due_in_days),
            category=goal.category,
            position=len(self.actions) + 1,
        )
        self.actions.add((goal.pk, _form(said.text)))
        self.added.append(row)

    def _key(self, need: ProposedNeed, goal: ProposedGoal) -> UUID:
        """Return the key of a goal: where it comes from, else this gesture and its words."""
        return (
            queries.proposal_key(self.plan.patient_id, goal.source)
            if goal.source
            else uuid5(self.gesture, f"{need.text}\n{goal.text}")
        )

    def _day(self, days: int | None) -> date | None:
        return None if days is None else self.today + timedelta(days=days)


def _form(text: str) -> str:
    return " ".join(text.split()).casefold()
