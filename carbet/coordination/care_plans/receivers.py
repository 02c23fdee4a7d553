"""What the plan hears from the tasks below: what a member answers about their own action."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from carbet.coordination.care_plans import operations
from carbet.coordination.tasks.models import Task
from carbet.coordination.tasks.operations import answered
from carbet.core.actor import Actor, for_house


@receiver(answered)
def record_answer(sender: Any, *, task: Task, actor: Actor, now: datetime, **_: Any) -> None:
    """Record on the action what its task says now."""
    kind, _, number = task.source.partition(":")
    if kind == "action" and number.isdecimal():
        operations.record_answer(
            actor=for_house(actor),
            now=now,
            patient_id=task.patient_id,
            action_id=int(number),
            status=task.status,
        )
