"""How a task is shown: to whom, by when, late or not, what became of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from carbet.coordination.alerts import queries as alerts
from carbet.coordination.alerts.presenters import AlertLine, page_of_target
from carbet.coordination.alerts.presenters import line as alert_line
from carbet.coordination.tasks import queries, rules
from carbet.coordination.tasks.choices import Priority, TaskStatus
from carbet.coordination.tasks.models import Task
from carbet.core import home
from carbet.core.actor import Actor

TONES = {
    TaskStatus.REQUESTED: "neutral",
    TaskStatus.ACCEPTED: "info",
    TaskStatus.COMPLETED: "success",
    TaskStatus.REJECTED: "danger",
    TaskStatus.CANCELLED: "neutral",
}


@dataclass(frozen=True)
class TaskLine:
    """One task in a list."""

    pk: int
    href: str
    text: str
    person: str
    owner: str
    requester: str
    due_on: date | None
    late: bool
    urgent: bool
    status: str
    tone: str
    reason: str
    settled_at: datetime | None
    settled_by: str
    open: bool


def lines(tasks: Iterable[Task], *, now: datetime, with_person: bool = True) -> list[TaskLine]:
    """Return tasks as lines; their persons were read under the reader's own rights."""
    today = timezone.localdate(now)
    return [_line(task, today=today, with_person=with_person) for task in tasks]


def _line(task: Task, *, today: date, with_person: bool) -> TaskLine:
    status = TaskStatus(task.status)
    return TaskLine(
        pk=task.pk,
        href=reverse("tasks:detail", args=[task.pk]),
        text=task.text,
        person=str(task.patient) if with_person and task.patient else "",
        owner=task.owner_name,
        requester=task.requester_name,
        due_on=task.due_on,
        late=rules.is_late(task.status, task.due_on, today=today),
        urgent=task.priority == Priority.URGENT,
        status=status.label,
        tone=TONES[status],
        reason=task.reason,
        settled_at=task.settled_at,
        settled_by=task.settled_by,
        open=rules.is_open(task.status),
    )


def source_of(task: Task) -> str:
    """Return the address of the page that a task comes from, or an empty string."""
    return page_of_target(task.target, patient_id=task.patient_id) if task.target else ""


def urgent_alerts(*, actor: Actor) -> list[AlertLine]:
    """Return the urgent alerts to read first: they ask for something too."""
    return [alert_line(alert) for alert in alerts.urgent_unread(actor=actor)]


def past(versions: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Say each version of a task in words, the latest first, where something changed."""
    said: list[dict[str, Any]] = []
    before: tuple[Any, ...] = ()
    for each in versions:
        now = (each["status"], each["owner_name"], each["reason"])
        if now != before:
            said.append(
                {
                    "at": each["updated_at"],
                    "status": TaskStatus(each["status"]).label,
                    "owner": each["owner_name"],
                    "by": each["settled_by"],
                    "reason": each["reason"],
                }
            )
        before = now
    return said[::-1]


def to_do(*, actor: Actor, now: datetime) -> QuerySet[Task, dict[str, Any]] | None:
    """Return what waits for the actor, for the front page."""
    if not actor.is_professional or not actor.role_id:
        return None
    return queries.waiting(actor=actor).values(
        "id", "text", "due_on", "priority", "requester_name"
    )[: home.MOST + 1]


def to_do_line(row: home.Row, *, now: datetime) -> home.Line:
    """Show one task on the front page; the person is named on its own page."""
    due_on = date.fromisoformat(row["due_on"]) if row["due_on"] else None
    late = due_on is not None and due_on < timezone.localdate(now)
    urgent = row["priority"] == Priority.URGENT
    return home.Line(
        title=row["text"],
        href=reverse("tasks:detail", args=[row["id"]]),
        meta=tuple(
            filter(
                None,
                (
                    f"demandé par {row['requester_name']}",
                    f"pour le {due_on:%d/%m/%Y}" if due_on else "",
                ),
            )
        ),
        badge="En retard" if late else "Urgent" if urgent else "",
        tone="danger" if late or urgent else "neutral",
        icon="check",
    )


HOME = home.Block(
    key="tasks",
    title="Mes tâches",
    icon="check",
    rows=to_do,
    line=to_do_line,
    empty="Personne n’attend rien de vous.",
    more=("tasks:list", "Toutes mes tâches"),
    order=20,
    live="task",
)
