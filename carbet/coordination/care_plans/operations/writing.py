"""What can be written in a plan: its parts, their order, how far they are."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Max, Q

from carbet.coordination.care_plans import queries, rules
from carbet.coordination.care_plans.choices import SERAFIN, ActionStatus, GoalStatus, NeedDomain
from carbet.coordination.care_plans.models import CarePlan, Goal, Need, PlannedAction
from carbet.coordination.care_plans.operations import asking, holding
from carbet.coordination.care_plans.operations.holding import (
    ConflictingEdit,
    StalePlan,
    UnableToEditPlan,
)
from carbet.coordination.care_teams import access as care_teams
from carbet.coordination.care_teams.models import CareTeamParticipant
from carbet.core.actor import Actor, Level
from carbet.core.audit import Trace
from carbet.core.operation import operation

Part = Need | Goal | PlannedAction
PARTS: dict[str, type[Part]] = {rules.NEED: Need, rules.GOAL: Goal, rules.ACTION: PlannedAction}
FIELDS = {
    rules.NEED: {"text", "domain"},
    rules.GOAL: {"text", "target", "target_on", "measure", "comparator", "amount"},
    rules.ACTION: {"text", "responsible_id", "frequency", "start_on", "due_on"},
}
PARENTS = {rules.NEED: "care_plan", rules.GOAL: "need", rules.ACTION: "goal"}


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
    holding.may_edit(actor)
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
    """Write the person's own words and the day on which the plan is to be reviewed.

    Raises:
        ConflictingEdit: somebody changed the same since `revision`.
    """
    plan = holding.hold(actor, patient_id)
    typed = {"person_words": person_words.strip(), "review_due_on": review_due_on}
    base = _content_read(plan, revision)
    for name, value in _merged(
        plan,
        base and {"person_words": base.person_words, "review_due_on": base.review_due_on},
        {"person_words": plan.person_words, "review_due_on": plan.review_due_on},
        typed,
    ).items():
        setattr(plan, name, value)
    holding.changed(plan, actor, now, "person_words", "review_due_on")
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
    start_on: date | None = None,
    due_on: date | None = None,
) -> Entry:
    """Write a need, a goal and an action in one go, or only the last ones under what is there.

    What is left empty is what `need_id` and `goal_id` name. The same gesture twice is one entry.
    What others wrote since `revision` stays beside it: adding overwrites nothing.

    Args:
        domain: a plain domain, or the code of a SERAFIN-PH need.

    Raises:
        UnableToEditPlan: nothing to write, or nowhere to put it.
    """
    holding.may_edit(actor)
    plan = holding.lock(patient_id)
    if written := _written(patient_id, gesture):
        trace.about(patient_id=patient_id, entity=plan, reason="déjà enregistré")
        return written
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
    if not action and (responsible_id or frequency.strip() or start_on or due_on):
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
                    domain=NeedDomain(rules.domain_of(domain)),
                    serafin=domain if domain in SERAFIN else "",
                    category=_category(patient_id, domain),
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
                    category=parent_need.category,
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
                    start_on=start_on,
                    due_on=due_on,
                    category=parent_goal.category,
                    position=_last(PlannedAction, goal=parent_goal),
                    gesture=key,
                )
    except IntegrityError as error:
        raise UnableToEditPlan("Cette saisie a déjà été enregistrée.") from error
    holding.changed(plan, actor, now)
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

    What somebody else changed since `revision` is kept, field by field.

    Args:
        kind: `need`, `goal` or `action`.
        content: the fields of that kind, all of them, as `rules.part_of` names them.

    Raises:
        ConflictingEdit: somebody changed the same field since `revision`.
        UnableToEditPlan: the part is gone, or its responsible has left the circle.
    """
    plan = holding.hold(actor, patient_id)
    part = _present(kind, patient_id, part_id)
    if not content.keys() <= FIELDS[kind]:
        raise TypeError(f"a {kind} has no such field: {content.keys() - FIELDS[kind]}")
    typed = {
        name: value.strip() if isinstance(value, str) else value for name, value in content.items()
    }
    base = _content_read(plan, revision)
    said = _merged(plan, base and rules.part_of(base, kind, part_id), _said(part, kind), typed)
    if "responsible_id" in said:
        said["responsible_id"] = _responsible(
            patient_id, said["responsible_id"], now=now, kept=part.responsible_id
        )
    if kind == rules.GOAL:
        field, sentence = rules.refused_target(
            *(said.get(name, getattr(part, name)) for name in ("measure", "comparator", "amount"))
        )
        if sentence:
            raise UnableToEditPlan(sentence, field=field)
    if kind == rules.NEED and "domain" in said:
        code = said["domain"]
        said |= {"domain": rules.domain_of(code), "serafin": code if code in SERAFIN else ""}
    for name, value in said.items():
        setattr(part, name, value)
    if kind == rules.NEED and "domain" in said:
        _recategorize(part, _category(patient_id, part.domain))
    part.save(update_fields=list(said))
    holding.changed(plan, actor, now)
    trace.about(patient_id=patient_id, entity=part)


def _content_read(plan: CarePlan, revision: int) -> rules.Content | None:
    """Return what the plan said when the form was drawn; None when it still says so."""
    if plan.revision == revision:
        return None
    return queries.content_at(patient_id=plan.patient_id, revision=revision) or rules.Content()


def _merged(
    plan: CarePlan, base: dict[str, Any] | None, theirs: dict[str, Any], mine: dict[str, Any]
) -> dict[str, Any]:
    """Return what to write of `mine`; `base` is what both had read, None when nobody else wrote."""
    if base is None:
        return dict(mine)
    merged = rules.merge(base, theirs, mine)
    if merged.conflicts:
        raise ConflictingEdit(merged, plan.revision)
    return merged.values


def _said(part: Any, kind: str) -> dict[str, Any]:
    """Return what a row says, named as its form names it."""
    said = {name: getattr(part, name) for name in FIELDS[kind]}
    if kind == rules.NEED:
        said["domain"] = part.serafin or part.domain
    return said


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
    """Take a need, a goal or an action out of the plan; its row stays and can be put back.

    Raises:
        StalePlan: somebody changed it, or what it holds, since `revision`.
    """
    plan = holding.hold(actor, patient_id)
    part = _present(kind, patient_id, part_id)
    base = _content_read(plan, revision)
    if base is not None:
        standing = queries.get_plan(patient_id=patient_id)
        now_said = rules.branch_of(standing.content, kind, part_id)
        if rules.branch_of(base, kind, part_id) != now_said:
            raise StalePlan("Cette ligne a changé pendant que vous décidiez : relisez-la.")
    part.removed_at = now
    part.save(update_fields=["removed_at"])
    holding.changed(plan, actor, now)
    if isinstance(part, PlannedAction):
        asking.follow_one(actor=actor, now=now, action=part)
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
    """Put back what was taken out, where it was; what others wrote since stays."""
    plan = holding.hold(actor, patient_id)
    part = PARTS[kind].objects.filter(patient_id=patient_id, pk=part_id).first()
    if part is None:
        raise UnableToEditPlan("Cet élément n’existe pas dans ce plan.")
    part.removed_at = None
    part.save(update_fields=["removed_at"])
    holding.changed(plan, actor, now)
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
    """Exchange a part with the one before it, or after it; at the edge nothing moves.

    It is one step from where it stands now, whatever others did since `revision`.
    """
    plan = holding.hold(actor, patient_id)
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
    holding.changed(plan, actor, now)


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
    plan = holding.lock(patient_id)
    known = ActionStatus if kind == rules.ACTION else GoalStatus
    if kind == rules.NEED or status not in known.values:
        raise UnableToEditPlan("Cet avancement n’existe pas.")
    part = _present(kind, patient_id, part_id)
    part.status = known(status)
    part.save(update_fields=["status"])
    plan.updated_at, plan.updated_by_id = now, actor.role_id
    plan.save(update_fields=["updated_at", "updated_by"])
    if isinstance(part, PlannedAction):
        asking.follow_one(actor=actor, now=now, action=part)
    trace.about(patient_id=patient_id, entity=part, reason=str(part.status))
    holding.announce(patient_id, now)


def _present(kind: str, patient_id: int, part_id: int | None) -> Any:
    part = (
        PARTS[kind]
        .objects.filter(patient_id=patient_id, pk=part_id or 0, removed_at__isnull=True)
        .first()
    )
    if part is None:
        raise UnableToEditPlan("Cet élément n’est plus dans le plan.")
    return part


def _category(patient_id: int, domain: str) -> int:
    """Return the category of a need of this domain, which the author must be allowed to read."""
    category = rules.category_of(rules.domain_of(domain))
    if category not in care_teams.opened(patient_id=patient_id, level=Level.WRITE):
        raise UnableToEditPlan("Ce domaine est réservé aux soignants.", field="domain")
    return int(category)


def _recategorize(need: Need, category: int) -> None:
    """Let the goals and actions of a need follow its domain."""
    if need.category == category:
        return
    need.category = category
    need.save(update_fields=["category"])
    PlannedAction.objects.filter(goal__need=need).update(category=category)
    Goal.objects.filter(need=need).update(category=category)


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
