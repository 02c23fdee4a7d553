"""Ask each responsible member for their actions, in the one list of tasks, and hear the answer."""

from collections.abc import Iterable
from datetime import datetime

from carbet.coordination.care_plans.choices import ActionStatus
from carbet.coordination.care_plans.models import PlannedAction
from carbet.coordination.care_plans.operations import holding
from carbet.coordination.care_teams.models import CareTeamParticipant
from carbet.coordination.tasks import operations as tasks
from carbet.coordination.tasks.choices import TaskStatus
from carbet.core.actor import Actor, organization_key, role_key
from carbet.core.audit import Trace
from carbet.core.operation import operation

SOURCE = "action:"
TARGET = "plan"
MOST = 500
_TO_TASK = {
    ActionStatus.NOT_STARTED: TaskStatus.REQUESTED,
    ActionStatus.IN_PROGRESS: TaskStatus.ACCEPTED,
    ActionStatus.COMPLETED: TaskStatus.COMPLETED,
    ActionStatus.CANCELLED: TaskStatus.CANCELLED,
}
# What is refused stays to do: whoever asked is told, and gives it to somebody else.
_FROM_TASK = {
    TaskStatus.REQUESTED: ActionStatus.NOT_STARTED,
    TaskStatus.ACCEPTED: ActionStatus.IN_PROGRESS,
    TaskStatus.COMPLETED: ActionStatus.COMPLETED,
}


def ask_for_all(*, actor: Actor, now: datetime, patient_id: int) -> None:
    """Ask the responsible members of an approved plan for their actions; those newly asked know."""
    actions = PlannedAction.objects.filter(patient_id=patient_id).order_by("pk")
    _follow(actions.select_related("responsible", "goal__need")[:MOST], patient_id, actor, now)


def follow_one(*, actor: Actor, now: datetime, action: PlannedAction) -> None:
    """Bring the task of one action to how far the action is."""
    found = PlannedAction.objects.filter(pk=action.pk).select_related("responsible", "goal__need")
    _follow(found, action.patient_id, actor, now)


def _follow(actions: Iterable[PlannedAction], patient_id: int, actor: Actor, now: datetime) -> None:
    items = [
        tasks.Item(
            source=f"{SOURCE}{action.pk}",
            owner=_key(action.responsible, now),
            text=action.text,
            status=TaskStatus.CANCELLED if _is_removed(action) else _TO_TASK[_status(action)],
            due_on=action.due_on,
            category=action.category,
        )
        for action in actions
    ]
    if items:
        tasks.follow(
            actor=actor, now=now, patient_id=patient_id, items=items, target=TARGET, tell=True
        )


def _status(action: PlannedAction) -> ActionStatus:
    return ActionStatus(action.status)


def _is_removed(action: PlannedAction) -> bool:
    parts = (action, action.goal, action.goal.need)
    return any(part.removed_at is not None for part in parts)


def _key(member: CareTeamParticipant | None, now: datetime) -> str:
    if member is None or (member.ended_at is not None and member.ended_at <= now):
        return ""
    if member.practitioner_role_id is not None:
        return role_key(member.practitioner_role_id)
    return organization_key(member.organization_id) if member.organization_id is not None else ""


@operation("care_plan.progress.answer")
def record_answer(
    trace: Trace, *, actor: Actor, now: datetime, patient_id: int, action_id: int, status: str
) -> None:
    """Record on an action what its responsible member answered to the task.

    The house does it for a member who may only read the record: being asked is the right to answer.
    """
    action = (
        PlannedAction.objects.select_for_update(of=("self",))
        .filter(pk=action_id, patient_id=patient_id, removed_at__isnull=True)
        .first()
    )
    wanted = _FROM_TASK.get(TaskStatus(status))
    if action is None or wanted is None or action.status == wanted:
        trace.about(patient_id=patient_id, entity=f"PlannedAction/{action_id}", reason=status)
        return
    action.status = wanted
    action.save(update_fields=["status"])
    plan = holding.lock(patient_id)
    plan.updated_at, plan.updated_by_id = now, actor.role_id
    plan.save(update_fields=["updated_at", "updated_by"])
    trace.about(patient_id=patient_id, entity=action, reason=str(wanted))
    holding.announce(patient_id, now)
