"""What can be done with tasks: ask, accept, do, refuse, cancel, entrust to another, open again."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.dispatch import Signal
from django.utils import timezone

from carbet.coordination.alerts import operations as alerts
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.alerts.queries import users
from carbet.coordination.care_teams import access as care_teams
from carbet.coordination.tasks import queries, rules
from carbet.coordination.tasks.choices import Priority, TaskStatus
from carbet.coordination.tasks.models import Task
from carbet.core import live
from carbet.core.actor import Actor, role_key
from carbet.core.audit import Trace
from carbet.core.identifiers import short_id
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.registries.patients.models import Patient

LONGEST = 300
LONGEST_REASON = 500
# Sent with `task`, `actor` and `now` when whoever was asked answers, or opens it again: the room
# that asked (`task.source`) records what it changes there.
answered = Signal()


@dataclass(frozen=True)
class Item:
    """What a room above asks of somebody, as it stands there now.

    `source` names it ("action:12"); `owner` is a key, empty when nobody is asked any more;
    `category` is that of what its text comes from.
    """

    source: str
    owner: str
    text: str
    status: str = TaskStatus.REQUESTED
    due_on: date | None = None
    urgent: bool = False
    reason: str = ""
    category: int = 0


class UnableToAsk(UnableTo):
    """The task cannot be asked as given."""


class UnableToSettle(UnableTo):
    """The task is settled already, or not one's own, or a reason is missing."""


@operation("task.create", action="C")
def create_task(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    owner: str,
    text: str,
    due_on: date | None = None,
    urgent: bool = False,
    gesture: uuid.UUID | None = None,
    category: int | None = None,
    source: str = "",
    target: str = "",
) -> Task:
    """Ask a role or a structure of the circle to do something; its screens and devices know.

    Args:
        owner: the key of whoever is asked, who may write in the record.
        category: what its words say, which decides who else reads it (`DataCategory`, 0 for whoever
            enters the record); by default the first that is open to whoever asks.
        source: what asks for it in another room; the same source, or the same gesture, twice is
            one task.
        target: the place of the record it comes from, as alerts name it.

    Raises:
        UnableToAsk: no text, a text too long, a day past, nobody to ask under that key, or a
            category that is closed to whoever asks.
    """
    text = " ".join(text.split())
    if not text:
        raise UnableToAsk("Dites ce qui est à faire.", field="text")
    if len(text) > LONGEST:
        raise UnableToAsk(f"{LONGEST} signes au plus.", field="text")
    known = Task.objects.filter(gesture=gesture).first() if gesture else None
    if known is None and source:
        known = Task.objects.filter(source=source).first()
    if known is not None:
        trace.about(patient_id=known.patient_id, entity=known)
        return known
    if due_on is not None and due_on < timezone.localdate(now):
        raise UnableToAsk("Ce jour est déjà passé.", field="due_on")
    owner_name = _owner_name(patient, owner)
    if category is None:
        category = int(care_teams.category_of_author(patient))
    if not rules.may_entrust(category=category, opened=care_teams.opened_on(patient)):
        raise UnableToAsk(
            "Vous ne lisez pas ce type d’information : choisissez-en un autre.", field="category"
        )
    task = Task(
        patient_id=patient.pk,
        text=text,
        category=category,
        priority=Priority.URGENT if urgent else Priority.ROUTINE,
        owner=owner,
        owner_name=owner_name,
        requester_role_id=actor.role_id,
        requester_name=_name(actor),
        requested_at=now,
        due_on=due_on,
        order_on=due_on or date.max,
        source=source,
        target=target,
        gesture=gesture,
        updated_at=now,
    )
    task.save(force_insert=True)
    _tell(task, [owner], actor=actor, now=now, urgent=urgent)
    trace.about(patient_id=patient.pk, entity=task)
    return task


@operation("task.follow")
def follow(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int,
    items: Iterable[Item],
    target: str = "",
    tell: bool = False,
) -> list[Task]:
    """Bring the tasks of a room above to what it says now: asked, moved, done there, given up.

    What is closed from the start, or asked of nobody, makes no task. Whoever is newly asked is
    alerted when `tell`; otherwise the room has done so.
    """
    wanted = {item.source: item for item in items}
    known = {
        task.source: task
        for task in Task.objects.select_for_update()
        .filter(source__in=wanted, patient_id=patient_id)
        .order_by("pk")
    }
    new = {item.owner for item in wanted.values() if item.source not in known} | {
        item.owner
        for item in wanted.values()
        if item.source in known and known[item.source].owner != item.owner
    }
    called = users.names_of(new - {""}) if new - {""} else {}
    changed: list[Task] = []
    for source, item in wanted.items():
        row = known.get(source)
        if row is None:
            if item.owner not in called or not rules.is_open(item.status):
                continue
            row = Task(
                patient_id=patient_id,
                source=source,
                target=target,
                owner=item.owner,
                owner_name=called[item.owner][:300],
                requester_role_id=actor.role_id,
                requester_name=_name(actor),
                requested_at=now,
                updated_at=now,
            )
            _describe(row, item)
            row.save(force_insert=True)
            asked = True
        else:
            asked = _bring(row, item, called, actor=actor, now=now)
            if asked is None:
                continue
        changed.append(row)
        live.announce(_sides(row), "task", now=now)
        if tell and asked:
            _tell(row, [row.owner], actor=actor, now=now, urgent=item.urgent)
    for row in changed or [None]:
        trace.about(patient_id=patient_id, entity=row or "Task x0")
    return changed


def _describe(row: Task, item: Item) -> None:
    row.text, row.due_on = " ".join(item.text.split())[:LONGEST], item.due_on
    row.order_on, row.category = item.due_on or date.max, item.category
    row.priority = Priority.URGENT if item.urgent else Priority.ROUTINE


def _said(row: Task) -> tuple[Any, ...]:
    return row.text, row.due_on, row.priority, row.owner, row.status, row.category


def _bring(
    row: Task, item: Item, called: dict[str, str], *, actor: Actor, now: datetime
) -> bool | None:
    """Bring one task to what its room says. Return if somebody is newly asked, None if same."""
    before = _said(row)
    was_open, was_owner = rules.is_open(row.status), row.owner
    _describe(row, item)
    status = TaskStatus(item.status) if item.owner else TaskStatus.CANCELLED
    if item.owner in called:
        row.owner, row.owner_name = item.owner, called[item.owner][:300]
        row.reminded_at = None
    if rules.is_open(status):
        # What was accepted stays so; what was refused is asked again only of somebody else.
        if was_owner != row.owner or row.status in (TaskStatus.COMPLETED, TaskStatus.CANCELLED):
            row.status, row.reason = TaskStatus.REQUESTED, ""
            row.settled_at, row.settled_by = None, ""
        if status == TaskStatus.ACCEPTED and row.status == TaskStatus.REQUESTED:
            row.status = status
    elif was_open:
        row.status, row.reason = status, item.reason.strip()[:LONGEST_REASON]
        if status == TaskStatus.REJECTED and not row.reason:
            row.reason = "sans précision"
        row.settled_at, row.settled_by = now, _name(actor)
    if before == _said(row):
        return None
    _keep(row, now=now)
    return rules.is_open(row.status) and (was_owner != row.owner or not was_open)


@operation("task.accept")
def accept(trace: Trace, *, actor: Actor, now: datetime, task: Task) -> Task:
    """Say that one will do it."""
    row = _lock_own(task, actor)
    if row.status == TaskStatus.REQUESTED:
        row.status = TaskStatus.ACCEPTED
        _keep(row, now=now)
        live.announce(_sides(row), "task", now=now)
        _announce(row, actor=actor, now=now)
    trace.about(patient_id=row.patient_id, entity=row)
    return row


@operation("task.complete")
def complete(trace: Trace, *, actor: Actor, now: datetime, task: Task, comment: str = "") -> Task:
    """Say that it is done, with a word if useful; whoever asked is told.

    Raises:
        UnableToSettle: it is settled already, by whom and when is said; or not one's own.
    """
    row = _lock_own(task, actor)
    _settle(row, TaskStatus.COMPLETED, comment, actor=actor, now=now)
    trace.about(patient_id=row.patient_id, entity=row)
    return row


@operation("task.refuse")
def refuse(trace: Trace, *, actor: Actor, now: datetime, task: Task, reason: str) -> Task:
    """Say that one will not do it, and why; whoever asked is told.

    Raises:
        UnableToSettle: no reason, settled already, or not one's own.
    """
    row = _lock_own(task, actor)
    if not reason.strip():
        raise UnableToSettle("Dites pourquoi : la réponse en dépend.", field="reason")
    _settle(row, TaskStatus.REJECTED, reason, actor=actor, now=now)
    trace.about(patient_id=row.patient_id, entity=row, reason=reason)
    return row


@operation("task.cancel")
def cancel(trace: Trace, *, actor: Actor, now: datetime, task: Task, reason: str = "") -> Task:
    """Take back what one asked; whoever was asked is told.

    Raises:
        UnableToSettle: settled already, or somebody else asked for it.
    """
    row = _lock(task)
    _check_asked(row, actor)
    _settle(row, TaskStatus.CANCELLED, reason, actor=actor, now=now)
    trace.about(patient_id=row.patient_id, entity=row, reason=reason)
    return row


@operation("task.reopen")
def reopen(trace: Trace, *, actor: Actor, now: datetime, task: Task) -> Task:
    """Open again what was settled too soon; its history keeps the former answer.

    Raises:
        UnableToSettle: it is open, or neither asked of nor by the actor.
    """
    row = _lock(task)
    own = rules.may_settle(owner=row.owner, grantees=actor.grantees)
    asked = rules.may_withdraw(requester_id=row.requester_role_id, role_ids=queries.role_ids(actor))
    if not (own or asked):
        raise UnableToSettle("Cette tâche n’est ni la vôtre ni demandée par vous.")
    if rules.is_open(row.status):
        raise UnableToSettle("Cette tâche est déjà à faire.")
    row.status, row.reason = TaskStatus.REQUESTED, ""
    row.settled_at, row.settled_by = None, ""
    _keep(row, now=now)
    _tell(row, _sides(row), actor=actor, now=now)
    _announce(row, actor=actor, now=now)
    trace.about(patient_id=row.patient_id, entity=row)
    return row


@operation("task.entrust")
def entrust(trace: Trace, *, actor: Actor, now: datetime, task: Task, owner: str) -> Task:
    """Ask somebody else instead, whether one asked for it or it was asked of one.

    Raises:
        UnableToSettle: settled already, neither asked of nor by the actor, or of what is closed to
            them but for this task.
        UnableToAsk: nobody to ask under that key.
    """
    row = _lock(task)
    if not rules.may_settle(owner=row.owner, grantees=actor.grantees):
        _check_asked(row, actor)
    _check_open(row)
    opened = care_teams.opened(patient_id=row.patient_id)
    if not rules.may_entrust(category=row.category, opened=opened):
        raise UnableToSettle("Ce qu’elle concerne ne vous est pas ouvert : refusez-la plutôt.")
    if owner != row.owner:
        patient = Patient.objects.get(pk=row.patient_id)
        before = row.owner
        row.owner, row.owner_name = owner, _owner_name(patient, owner)
        row.status, row.reminded_at = TaskStatus.REQUESTED, None
        _keep(row, now=now)
        _tell(row, [owner], actor=actor, now=now, urgent=row.priority == Priority.URGENT)
        live.announce([before, *_sides(row)], "task", now=now)
    trace.about(patient_id=row.patient_id, entity=row)
    return row


@operation("task.remind", action="E")
def remind_late(trace: Trace, *, actor: Actor, now: datetime) -> int:
    """Tell both sides, once, of what is late. Return how many tasks were told of."""
    late = queries.late_unsaid(today=timezone.localdate(now))
    for task in late:
        task.reminded_at = now
        task.save(update_fields=["reminded_at"])
        _tell(task, _sides(task), actor=actor, now=now)
        trace.about(patient_id=task.patient_id, entity=task)
    if not late:
        trace.about(entity="Task x0")
    return len(late)


def _settle(row: Task, status: str, reason: str, *, actor: Actor, now: datetime) -> None:
    _check_open(row)
    reason = reason.strip()
    if len(reason) > LONGEST_REASON:
        raise UnableToSettle(f"{LONGEST_REASON} signes au plus.", field="reason")
    row.status, row.reason = status, reason
    row.settled_at, row.settled_by = now, _name(actor)
    _keep(row, now=now)
    _tell(row, _sides(row), actor=actor, now=now)
    _announce(row, actor=actor, now=now)


def _announce(row: Task, *, actor: Actor, now: datetime) -> None:
    if row.source:
        answered.send(sender=Task, task=row, actor=actor, now=now)


def _tell(
    task: Task, keys: list[str], *, actor: Actor, now: datetime, urgent: bool = False
) -> None:
    live.announce(_sides(task), "task", now=now)
    alerts.raise_alert(
        actor=actor,
        now=now,
        patient_id=task.patient_id,
        recipients=[key for key in keys if key not in actor.grantees],
        kind=AlertKind.TASK,
        target=f"task:{short_id(task.pk)}",
        urgent=urgent,
    )


def _sides(task: Task) -> list[str]:
    asked = [role_key(task.requester_role_id)] if task.requester_role_id else []
    return [task.owner, *asked]


def _keep(row: Task, *, now: datetime) -> None:
    row.updated_at, row.version = now, row.version + 1
    row.save()


def _lock(task: Task) -> Task:
    # Row security shows to a lock only what may be written.
    row = Task.objects.select_for_update().filter(pk=task.pk).first()
    if row is None:
        raise UnableToAct("Votre accès à ce dossier ne permet pas d’y répondre.")
    return row


def _lock_own(task: Task, actor: Actor) -> Task:
    row = _lock(task)
    if not rules.may_settle(owner=row.owner, grantees=actor.grantees):
        raise UnableToSettle("Cette tâche est demandée à quelqu’un d’autre.")
    if not rules.is_answered_here(row.source):
        raise UnableToSettle("Répondez là où la demande est faite : le lien est sur cette page.")
    return row


def _check_asked(row: Task, actor: Actor) -> None:
    if not rules.may_withdraw(requester_id=row.requester_role_id, role_ids=queries.role_ids(actor)):
        raise UnableToSettle("Cette tâche a été demandée par quelqu’un d’autre.")


def _check_open(row: Task) -> None:
    if not rules.is_open(row.status):
        verb = TaskStatus(row.status).label.lower()
        at = timezone.localtime(row.settled_at)
        raise UnableToSettle(f"Déjà {verb} par {row.settled_by}, le {at:%d/%m à %H h %M}.")


def _owner_name(patient: Patient, owner: str) -> str:
    name = dict(queries.owners(patient_id=patient.pk)).get(owner)
    if name is None:
        raise UnableToAsk("Choisissez quelqu’un du cercle.", field="owner")
    return name[:300]


def _name(actor: Actor) -> str:
    return ", ".join(filter(None, (actor.display_name, actor.role_label)))[:300]
