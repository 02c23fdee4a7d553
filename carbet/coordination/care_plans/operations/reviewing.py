"""What the person says of the plan, and its review: what is over leaves, the rest is carried on."""

from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID

from django.utils import timezone

from carbet.coordination.care_plans import queries, rules
from carbet.coordination.care_plans.choices import Agreement, AgreementGiver
from carbet.coordination.care_plans.models import (
    CarePlan,
    Goal,
    Need,
    PlannedAction,
    PlanReview,
)
from carbet.coordination.care_plans.operations import asking, holding
from carbet.coordination.care_plans.operations.holding import UnableToEditPlan
from carbet.coordination.care_teams import access as care_teams
from carbet.core.actor import Actor, DataCategory
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation


class UnableToReview(UnableTo):
    """The review cannot be kept as given."""


@operation("care_plan.agreement.record")
def record_agreement(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int,
    revision: int,
    decision: str,
    given_by: str,
    words: str = "",
    on: date | None = None,
) -> CarePlan:
    """Write what the person says of the plan as it was shown to them; it undoes no approval.

    Raises:
        StalePlan: the plan changed since it was shown: they have not agreed to that.
        UnableToEditPlan: a day to come, or a refusal without their words.
    """
    plan = holding.open_plan(actor, patient_id, revision)
    decision, given_by = Agreement(decision), AgreementGiver(given_by)
    on = on or timezone.localdate(now)
    if on > timezone.localdate(now):
        raise UnableToEditPlan("Ce jour n’est pas encore venu.", field="on")
    if decision in (Agreement.PARTLY, Agreement.REFUSED) and not words.strip():
        raise UnableToEditPlan("Écrivez ses réserves, avec ses mots.", field="words")
    plan.agreement, plan.agreed_by, plan.agreed_on = decision, given_by, on
    plan.agreement_words, plan.agreed_revision = words.strip(), plan.revision
    plan.agreement_taken_by_id = actor.role_id
    plan.updated_at, plan.updated_by_id = now, actor.role_id
    plan.save()
    trace.about(patient_id=patient_id, entity=plan, reason=str(decision))
    holding.announce(patient_id, now)
    return plan


@operation("care_plan.review", action="C")
def review(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int,
    revision: int,
    gesture: UUID,
    judged: Mapping[int, rules.Judged],
    conclusion: str = "",
    present: str = "",
    next_review_on: date | None = None,
) -> PlanReview:
    """Keep a review of the plan, and make of what goes on the draft of the next version.

    Goals reached or dropped leave the plan with their actions, as do actions that are over; they
    stay in the versions, in the history and in the review. The same gesture twice is one review.

    Args:
        judged: by goal, what the review says of it.
        present: who took part, as they would say it.

    Raises:
        StalePlan: the plan changed since it was read: what was judged is not what it says.
        UnableToReview: no goal to review, or a next review that is not to come.
    """
    holding.may_edit(actor)
    plan = holding.lock(patient_id)
    if before := PlanReview.objects.filter(patient_id=patient_id, gesture=gesture).first():
        trace.about(patient_id=patient_id, entity=before, reason="déjà enregistré")
        return before
    plan = holding.open_plan(actor, patient_id, revision)
    standing = queries.get_plan(patient_id=patient_id)
    carried = rules.carry_over(standing.content, judged)
    if not carried.outcomes:
        raise UnableToReview("Ce plan n’a pas encore d’objectif à revoir.")
    if next_review_on is not None and next_review_on <= timezone.localdate(now):
        raise UnableToReview("La prochaine révision doit être à venir.", field="next_review_on")
    if carried.carried and next_review_on is None:
        raise UnableToReview("Dites quand revoir ce qui continue.", field="next_review_on")
    row = PlanReview.objects.create(
        patient_id=patient_id,
        care_plan=plan,
        category=_category(patient_id),
        number=standing.latest.number if standing.latest else None,
        held_at=now,
        held_by_id=actor.role_id,
        held_by_name=actor.display_name,
        present=present.strip(),
        conclusion=conclusion.strip(),
        outcomes=list(carried.outcomes),
        next_review_on=next_review_on,
        gesture=gesture,
    )
    _take_out(carried, patient_id, actor, now)
    plan.review_due_on = next_review_on
    holding.changed(plan, actor, now, "review_due_on")
    trace.about(patient_id=patient_id, entity=row)
    return row


def _take_out(carried: rules.CarriedOver, patient_id: int, actor: Actor, now: datetime) -> None:
    for goal in Goal.objects.filter(patient_id=patient_id, pk__in=carried.goals_over):
        goal.status, goal.removed_at = carried.goals_over[goal.pk], now
        goal.save(update_fields=["status", "removed_at"])
    for need in Need.objects.filter(patient_id=patient_id, pk__in=carried.needs_over):
        need.removed_at = now
        need.save(update_fields=["removed_at"])
    for action in PlannedAction.objects.filter(patient_id=patient_id, pk__in=carried.actions_over):
        action.removed_at = now
        action.save(update_fields=["removed_at"])
        asking.follow_one(actor=actor, now=now, action=action)


def _category(patient_id: int) -> int:
    """Return whose review it is: what is open to whoever holds it, medical first."""
    opened = care_teams.opened(patient_id=patient_id)
    return int(DataCategory.MEDICAL if DataCategory.MEDICAL in opened else DataCategory.SOCIAL)
