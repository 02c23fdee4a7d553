"""What can be done to a plan: write it, mend it, have it approved, say what was done of it."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Max, Q

from carbet.coordination.alerts import operations as alerts
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.care_plans import queries, rules
from carbet.coordination.care_plans.choices import (
    ActionStatus,
    GoalStatus,
    NeedDomain,
    PlanStatus,
)
from carbet.coordination.care_plans.models import (
    CarePlan,
    CarePlanVersion,
    Goal,
    Need,
    PlannedAction,
)
from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.care_teams.models import CareTeamParticipant
from carbet.core import live
from carbet.core.actor import Actor, Level, role_key
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.registries.directory.rules import APPROVE_PLAN, EDIT_PLAN

Part = Need | Goal | PlannedAction
PARTS: dict[str, type[Part]] = {rules.NEED: Need, rules.GOAL: Goal, rules.ACTION: PlannedAction}
FIELDS = {
    rules.NEED: {"text", "domain"},
    rules.GOAL: {"text", "target", "target_on"},
    rules.ACTION: {"text", "responsible_id", "frequency", "due_on"},
}
PARENTS = {rules.NEED: "care_plan", rules.GOAL: "need", rules.ACTION: "goal"}


class UnableToEditPlan(UnableTo):
    """The plan cannot be changed as asked."""


class StalePlan(UnableToEditPlan):
    """The form was filled on an older revision: nothing was changed."""

    def __init__(self) -> None:
        super().__init__("Le plan a changé pendant que vous écriviez.")


class UnableToProposePlan(UnableTo):
    """The plan cannot be proposed."""


class UnableToDecide(UnableTo):
    """The plan can be neither approved nor sent back."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one gesture wrote: where a need, a goal and an action now stand."""

    need_id: int | None
    goal_id: int | None
    action_id: int | None


@operation("care_plan.create", action="C")
def create_plan(trace: Trace, *, actor: Actor, now: datetime, patient_id: int) -> CarePlan:
    """Begin the plan of the person; beginning it twice is beginning it once.

    Raises:
        UnableToAct: the role does not write plans.
    """
    _may_edit(actor)
    plan = CarePlan.objects.filter(patient_id=patient_id).first()
    if plan is None:
        try:
            with transaction.atomic():
                plan = CarePlan.objects.create(
                    patient_id=patient_id,
                    author_id=actor.role_id,
                    updated_by_id=actor.role_id,
                    created_at=now,
                    updated_at=now,
                )
        except IntegrityError:
            plan = CarePlan.objects.get(patient_id=patient_id)
    trace.about(patient_id=patient_id, entity=plan)
    return plan


@operation("care_plan.describe")
def describe(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int,
    revision: int,
    person_words: str,
    review_due_on: date | None,
) -> CarePlan:
    """Write the person's own words and the day on which the plan is to be reviewed."""
    plan = _open(actor, patient_id, revision)
    plan.person_words = person_words.strip()
    plan.review_due_on = review_due_on
    _changed(plan, actor, now, "person_words", "review_due_on")
    trace.about(patient_id=patient_id, entity=plan)
    return plan


@operation("care_plan.entry.add", action="C")
def add_entry(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int,
    revision: int,
    gesture: UUID,
    need_id: int | None = None,
    need: str = "",
    domain: str = NeedDomain.HEALTH,
    goal_id: int | None = None,
    goal: str = "",
    target: str = "",
    target_on: date | None = None,
    action: str = "",
    responsible_id: int | None = None,
    frequency: str = "",
    due_on: date | None = None,
) -> Entry:
    """Write a need, a goal and an action in one go, or only the last ones under what is there.

    What is left empty is what `need_id` and `goal_id` name. The same gesture twice is one entry.

    Raises:
        StalePlan: the plan changed since `revision`.
        UnableToEditPlan: nothing to write, or nowhere to put it.
    """
    _may_edit(actor)
    plan = _lock(patient_id)
    if written := _written(patient_id, gesture):
        trace.about(patient_id=patient_id, entity=plan, reason="déjà enregistré")
        return written
    plan = _open(actor, patient_id, revision)
    need, goal, action = need.strip(), goal.strip(), action.strip()
    if not (need or goal or action):
        raise UnableToEditPlan(
            "Écrivez un besoin, un objectif ou une action.",
            field="need"
            if need_id is None and goal_id is None
            else "goal"
            if need_id
            else "action",
        )
    if not action and (responsible_id or frequency.strip() or due_on):
        raise UnableToEditPlan("Dites quelle est l’action.", field="action")
    if not goal and (target.strip() or target_on):
        raise UnableToEditPlan("Dites quel est l’objectif.", field="goal")
    parent_goal = None
    if not need and not goal:
        if goal_id is None:
            raise UnableToEditPlan("Dites quel objectif cette action sert.", field="goal")
        parent_goal = _present(rules.GOAL, patient_id, goal_id)
        need_id = parent_goal.need_id
    elif goal and not need and need_id is None:
        raise UnableToEditPlan("Dites à quel besoin répond cet objectif.", field="need")
    elif need and action and not goal:
        raise UnableToEditPlan("Dites quel objectif cette action sert.", field="goal")
    try:
        with transaction.atomic():
            key: UUID | None = gesture
            parent_need: Need | None = None
            if need:
                parent_need = Need.objects.create(
                    care_plan=plan,
                    patient_id=patient_id,
                    text=need,
                    domain=NeedDomain(domain),
                    position=_last(Need, care_plan=plan),
                    gesture=key,
                )
                key = None
            else:
                parent_need = _present(rules.NEED, patient_id, need_id)
            if goal:
                parent_goal = Goal.objects.create(
                    need=parent_need,
                    patient_id=patient_id,
                    text=goal,
                    target=target.strip(),
                    target_on=target_on,
                    position=_last(Goal, need=parent_need),
                    gesture=key,
                )
                key = None
            planned = None
            if action:
                planned = PlannedAction.objects.create(
                    goal=parent_goal,
                    patient_id=patient_id,
                    text=action,
                    responsible_id=_responsible(patient_id, responsible_id, now=now),
                    frequency=frequency.strip(),
                    due_on=due_on,
                    position=_last(PlannedAction, goal=parent_goal),
                    gesture=key,
                )
    except IntegrityError as error:
        raise UnableToEditPlan("Cette saisie a déjà été enregistrée.") from error
    _changed(plan, actor, now)
    trace.about(patient_id=patient_id, entity=planned or parent_goal or parent_need)
    return Entry(
        parent_need.pk if parent_need else None,
        parent_goal.pk if parent_goal else None,
        planned.pk if planned else None,
    )


@operation("care_plan.part.change")
def change_part(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int,
    revision: int,
    kind: str,
    part_id: int,
    **content: Any,
) -> None:
    """Change what a need, a goal or an action says; its former words stay in the history.

    Args:
        kind: `need`, `goal` or `action`.
        content: the fields of that kind, all of them.

    Raises:
        StalePlan: the plan changed since `revision`.
        UnableToEditPlan: the part is gone, or its responsible has left the circle.
    """
    plan = _open(actor, patient_id, revision)
    part = _present(kind, patient_id, part_id)
    if "responsible_id" in content:
        content["responsible_id"] = _responsible(
            patient_id, content["responsible_id"], now=now, kept=part.responsible_id
        )
    if not content.keys() <= FIELDS[kind]:
        raise TypeError(f"a {kind} has no such field: {content.keys() - FIELDS[kind]}")
    for name, value in content.items():
        setattr(part, name, value.strip() if isinstance(value, str) else value)
    part.save(update_fields=list(content))
    _changed(plan, actor, now)
    trace.about(patient_id=patient_id, entity=part)


@operation("care_plan.part.remove")
def remove_part(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int,
    revision: int,
    kind: str,
    part_id: int,
) -> None:
    """Take a need, a goal or an action out of the plan; its row stays and can be put back."""
    plan = _open(actor, patient_id, revision)
    part = _present(kind, patient_id, part_id)
    part.removed_at = now
    part.save(update_fields=["removed_at"])
    _changed(plan, actor, now)
    trace.about(patient_id=patient_id, entity=part, reason="retiré du plan")


@operation("care_plan.part.restore")
def restore_part(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int,
    revision: int,
    kind: str,
    part_id: int,
) -> None:
    """Put back what was taken out, where it was."""
    plan = _open(actor, patient_id, revision)
    part = PARTS[kind].objects.filter(patient_id=patient_id, pk=part_id).first()
    if part is None:
        raise UnableToEditPlan("Cet élément n’existe pas dans ce plan.")
    part.removed_at = None
    part.save(update_fields=["removed_at"])
    _changed(plan, actor, now)
    trace.about(patient_id=patient_id, entity=part, reason="remis dans le plan")


@operation("care_plan.part.move")
def move_part(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int,
    revision: int,
    kind: str,
    part_id: int,
    upwards: bool,
) -> None:
    """Exchange a part with the one before it, or after it; at the edge nothing moves."""
    plan = _open(actor, patient_id, revision)
    part = _present(kind, patient_id, part_id)
    parent = f"{PARENTS[kind]}_id"
    siblings = list(
        PARTS[kind]
        .objects.filter(**{parent: getattr(part, parent)}, removed_at__isnull=True)
        .order_by("position", "pk")
    )
    here = [sibling.pk for sibling in siblings].index(part.pk)
    there = here - 1 if upwards else here + 1
    trace.about(patient_id=patient_id, entity=part, reason="ordre")
    if not 0 <= there < len(siblings):
        return
    siblings[here], siblings[there] = siblings[there], siblings[here]
    for position, sibling in enumerate(siblings, start=1):
        if sibling.position != position:
            sibling.position = position
            sibling.save(update_fields=["position"])
    _changed(plan, actor, now)


@operation("care_plan.progress.record")
def record_progress(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int,
    kind: str,
    part_id: int,
    status: str,
) -> None:
    """Say how far an action or a goal is; progress is not content, so an approval still holds.

    Raises:
        UnableToEditPlan: the part is not in the plan any more.
    """
    plan = _lock(patient_id)
    known = ActionStatus if kind == rules.ACTION else GoalStatus
    if kind == rules.NEED or status not in known.values:
        raise UnableToEditPlan("Cet avancement n’existe pas.")
    part = _present(kind, patient_id, part_id)
    part.status = known(status)
    part.save(update_fields=["status"])
    plan.updated_at, plan.updated_by_id = now, actor.role_id
    plan.save(update_fields=["updated_at", "updated_by"])
    trace.about(patient_id=patient_id, entity=part, reason=str(part.status))
    _announce(patient_id, now)


@operation("care_plan.propose")
def propose(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int,
    revision: int,
    approver_id: int,
) -> CarePlan:
    """Ask a doctor of the circle to approve the plan as it stands, and alert them.

    Raises:
        StalePlan: the plan changed since `revision`.
        UnableToProposePlan: something is missing, or the approver is no doctor of the circle.
    """
    plan = _open(actor, patient_id, revision)
    if plan.status == PlanStatus.ACTIVE:
        raise UnableToProposePlan("Ce plan est déjà approuvé : rien n’a changé depuis.")
    standing = queries.get_plan(patient_id=patient_id)
    if missing := rules.missing_for_proposal(standing.content):
        raise UnableToProposePlan(missing)
    present = queries.doctors(queries.members(patient_id=patient_id, now=now))
    if approver_id not in {member.practitioner_role_id for member in present}:
        raise UnableToProposePlan("Choisissez un médecin du cercle.", field="approver")
    plan.status = PlanStatus.PROPOSED
    plan.approver_id = approver_id
    plan.proposed_at, plan.proposed_by_id = now, actor.role_id
    plan.returned_at, plan.returned_comment = None, ""
    plan.save(
        update_fields=[
            "status",
            "approver",
            "proposed_at",
            "proposed_by",
            "returned_at",
            "returned_comment",
        ]
    )
    alerts.raise_alert(
        actor=actor,
        now=now,
        patient_id=patient_id,
        recipients=[role_key(approver_id)],
        kind=AlertKind.PLAN_PROPOSED,
        target="plan",
    )
    trace.about(patient_id=patient_id, entity=plan)
    _announce(patient_id, now)
    return plan


@operation("care_plan.approve", action="E")
def approve(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int,
    revision: int,
    comment: str = "",
) -> CarePlanVersion:
    """Approve the plan as it was read: the doctor asked does it, nobody for them.

    The version keeps all that the plan says, with the names as they are today.

    Raises:
        UnableToAct: the actor is not the doctor who was asked.
        UnableToDecide: the plan is not proposed, or changed since it was read.
    """
    plan = _decided(actor, patient_id, revision)
    standing = queries.get_plan(patient_id=patient_id)
    last = CarePlanVersion.objects.filter(care_plan=plan).aggregate(last=Max("number"))["last"]
    version = CarePlanVersion.objects.create(
        patient_id=patient_id,
        care_plan=plan,
        number=(last or 0) + 1,
        content=rules.as_json(standing.content)
        | {"author": str(standing.author), "approved_by": asdict(standing.approver)},
        approved_at=now,
        approved_by_id=actor.role_id,
        comment=comment.strip(),
    )
    plan.status = PlanStatus.ACTIVE
    plan.save(update_fields=["status"])
    _tell_authors(plan, actor, now)
    trace.about(patient_id=patient_id, entity=version)
    return version


@operation("care_plan.send_back", action="E")
def send_back(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int,
    revision: int,
    comment: str,
) -> CarePlan:
    """Return the plan to its authors with what should change.

    Raises:
        UnableToAct: the actor is not the doctor who was asked.
        UnableToDecide: not proposed, changed since it was read, or without a comment.
    """
    if not comment.strip():
        raise UnableToDecide("Dites ce qu’il faudrait changer.", field="comment")
    plan = _decided(actor, patient_id, revision)
    plan.status = PlanStatus.DRAFT
    plan.returned_at, plan.returned_comment = now, comment.strip()
    plan.save(update_fields=["status", "returned_at", "returned_comment"])
    _tell_authors(plan, actor, now)
    trace.about(patient_id=patient_id, entity=plan)
    return plan


def _may_edit(actor: Actor) -> None:
    if not actor.can(EDIT_PLAN):
        raise UnableToAct("Votre rôle ne permet pas d’écrire le plan.")


def _lock(patient_id: int) -> CarePlan:
    plan = CarePlan.objects.select_for_update().filter(patient_id=patient_id).first()
    if plan is None:
        raise UnableToEditPlan("Ce plan n’existe pas, ou vous ne pouvez pas l’écrire.")
    return plan


def _open(actor: Actor, patient_id: int, revision: int) -> CarePlan:
    """Return the plan, locked, if the actor may change it and read it as it stands."""
    _may_edit(actor)
    plan = _lock(patient_id)
    if plan.revision != revision:
        raise StalePlan
    return plan


def _changed(plan: CarePlan, actor: Actor, now: datetime, *fields: str) -> None:
    """Count the change: what was approved or proposed is so no more."""
    plan.status = PlanStatus.DRAFT
    plan.proposed_at = None
    plan.revision += 1
    plan.updated_at, plan.updated_by_id = now, actor.role_id
    plan.save(
        update_fields=["status", "proposed_at", "revision", "updated_at", "updated_by", *fields]
    )
    _announce(plan.patient_id, now)


def _decided(actor: Actor, patient_id: int, revision: int) -> CarePlan:
    """Return the plan, locked, if it waits for this very actor and is what they read."""
    plan = _lock(patient_id)
    if not actor.can(APPROVE_PLAN) or actor.role_id is None or plan.approver_id != actor.role_id:
        raise UnableToAct("Seul le médecin à qui le plan est proposé peut se prononcer.")
    if plan.status != PlanStatus.PROPOSED:
        raise UnableToDecide("Ce plan n’est pas, ou n’est plus, proposé à l’approbation.")
    if plan.revision != revision:
        raise UnableToDecide("Le plan a changé depuis que vous l’avez lu : relisez-le.")
    return plan


def _tell_authors(plan: CarePlan, actor: Actor, now: datetime) -> None:
    alerts.raise_alert(
        actor=actor,
        now=now,
        patient_id=plan.patient_id,
        recipients={role_key(pk) for pk in (plan.author_id, plan.proposed_by_id) if pk},
        kind=AlertKind.PLAN_DECIDED,
        target="plan",
    )
    _announce(plan.patient_id, now)


def _announce(patient_id: int, now: datetime) -> None:
    live.announce(
        care_teams.keys_of_level(patient_id=patient_id, level=Level.READ), "plan", now=now
    )


def _present(kind: str, patient_id: int, part_id: int | None) -> Any:
    part = (
        PARTS[kind]
        .objects.filter(patient_id=patient_id, pk=part_id or 0, removed_at__isnull=True)
        .first()
    )
    if part is None:
        raise UnableToEditPlan("Cet élément n’est plus dans le plan.")
    return part


def _written(patient_id: int, gesture: UUID) -> Entry | None:
    """Return what this gesture wrote already, if anything."""
    need = Need.objects.filter(patient_id=patient_id, gesture=gesture).first()
    goal = Goal.objects.filter(patient_id=patient_id, gesture=gesture).first()
    action = (
        PlannedAction.objects.filter(patient_id=patient_id, gesture=gesture)
        .select_related("goal")
        .first()
    )
    if need is not None:
        goal = need.goals.order_by("pk").first()
    if goal is not None and action is None:
        action = goal.actions.order_by("pk").first()
    if action is not None:
        return Entry(action.goal.need_id, action.goal_id, action.pk)
    if goal is not None:
        return Entry(goal.need_id, goal.pk, None)
    return Entry(need.pk, None, None) if need is not None else None


def _responsible(
    patient_id: int, participant_id: int | None, *, now: datetime, kept: int | None = None
) -> int | None:
    """Return the member if they are in the circle now, or already answered for the action."""
    if participant_id is None or participant_id == kept:
        return participant_id
    found = CareTeamParticipant.objects.filter(
        Q(ended_at__isnull=True) | Q(ended_at__gt=now),
        pk=participant_id,
        patient_id=patient_id,
        started_at__lte=now,
    ).exists()
    if not found:
        raise UnableToEditPlan(
            "Cette personne n’est pas, ou n’est plus, dans le cercle.", field="responsible"
        )
    return participant_id


def _last(model: type[Part], **parent: Any) -> int:
    """Return the position that comes after all those of this parent, removed ones included."""
    return (model.objects.filter(**parent).aggregate(last=Max("position"))["last"] or 0) + 1
