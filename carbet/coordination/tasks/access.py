"""Who may see a task: whoever may read the record of its person."""

from datetime import datetime

from carbet.coordination.care_teams import access as care_teams
from carbet.coordination.care_teams.access import NoSuchRecord
from carbet.coordination.tasks.models import Task
from carbet.core.actor import Actor, Level
from carbet.registries.patients.models import Patient

__all__ = ["NoSuchRecord", "get_patient", "get_task"]


def get_patient(
    *, actor: Actor, patient_id: int, now: datetime, level: Level = Level.READ
) -> Patient:
    """Return the person whose tasks the actor opens, and trace the entry.

    Raises:
        NoSuchRecord: there is none, or not for this actor at this level.
    """
    return care_teams.get_record(
        actor=actor, patient_id=patient_id, now=now, level=level, purpose="task.read"
    )


def get_task(
    *, actor: Actor, task_id: int, now: datetime, level: Level = Level.READ
) -> tuple[Task, Patient]:
    """Return a task and its person, whose record the actor may read; trace the entry.

    Raises:
        NoSuchRecord: there is none, or not for this actor.
    """
    task = Task.objects.select_related("requester_role").filter(pk=task_id).first()
    if task is None:
        raise NoSuchRecord
    return task, get_patient(actor=actor, patient_id=task.patient_id, now=now, level=level)
