"""What can be asked of tasks: mine, those I asked for, those settled, those of a person."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from carbet.coordination.alerts.queries import users
from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.tasks.choices import OPEN
from carbet.coordination.tasks.models import Task
from carbet.core.actor import Actor, Level

PAGE = 25
MINE, ASKED, SETTLED = "mine", "asked", "settled"


@dataclass(frozen=True)
class Position:
    """Where a page begins: after this day (or moment) and this row."""

    at: str
    pk: int


@dataclass(frozen=True)
class TaskPage:
    """One page of tasks, and where the next one begins (None at the end)."""

    tasks: list[Task]
    following: Position | None


# The nearest of each of the actor's keys come from its index: a page costs the same at any depth.
_NEAREST = """
SELECT near.id FROM unnest(%s::text[]) key, LATERAL (
  SELECT t.id FROM tasks_task t
  WHERE t.owner = key AND t.status IN ('requested', 'accepted')
    AND (t.order_on, t.id) > (%s::date, %s::bigint) AND (NOT %s OR t.due_on < %s::date)
  ORDER BY t.order_on, t.id LIMIT %s
) near
"""
_LATEST = """
SELECT late.id FROM unnest(%s::text[]) key, LATERAL (
  SELECT t.id FROM tasks_task t
  WHERE t.owner = key AND t.settled_at IS NOT NULL
    AND (t.settled_at, t.id) < (%s::timestamptz, %s::bigint)
  ORDER BY t.settled_at DESC, t.id DESC LIMIT %s
) late
"""
_BEGINNING, _END = "0001-01-01", "9999-12-31T23:59:59+00:00"
_LAST = 2**62


def tasks_for(
    *,
    actor: Actor,
    view: str,
    today: date,
    late_only: bool = False,
    after: Position | None = None,
) -> TaskPage:
    """Return a page of the actor's tasks across persons, each with its person, in one query.

    `mine`: to do, the nearest day first. `asked`: what others were asked and have not settled.
    `settled`: done, refused or cancelled, the latest first, of either side.
    """
    most = PAGE + 1
    if view == SETTLED:
        at, pk = (after.at, after.pk) if after else (_END, _LAST)
        mine = RawSQL(_LATEST, [list(actor.grantees), at, pk, most])  # noqa: S611 - our statement
        latest = Q(settled_at__lt=at) | Q(settled_at=at, pk__lt=pk)
        asked = Task.objects.filter(
            latest, requester_role__in=role_ids(actor), settled_at__isnull=False
        ).order_by("-settled_at", "-pk")[:most]
        rows = Task.objects.filter(Q(pk__in=mine) | Q(pk__in=asked.values("pk")))
        rows = rows.order_by("-settled_at", "-pk")
    else:
        at, pk = (after.at, after.pk) if after else (_BEGINNING, 0)
        if view == ASKED:
            rows = Task.objects.filter(
                Q(order_on__gt=at) | Q(order_on=at, pk__gt=pk),
                requester_role__in=role_ids(actor),
                status__in=OPEN,
            ).exclude(owner__in=actor.grantees)
            if late_only:
                rows = rows.filter(due_on__lt=today)
        else:
            nearest = RawSQL(  # noqa: S611 - our statement
                _NEAREST, [list(actor.grantees), at, pk, late_only, today, most]
            )
            rows = Task.objects.filter(pk__in=nearest)
        rows = rows.order_by("order_on", "pk")
    found = list(rows.select_related("patient")[:most])
    return _page(found, settled=view == SETTLED)


def tasks_of(*, patient_id: int, before: int | None = None) -> TaskPage:
    """Return the tasks of a person, those to do first on the first page; two queries at most."""
    rows = Task.objects.filter(patient_id=patient_id)
    open_ones: list[Task] = []
    if before is None:
        open_ones = list(rows.filter(status__in=OPEN).order_by("order_on", "pk")[:50])
    else:
        rows = rows.filter(pk__lt=before)
    settled = list(rows.exclude(status__in=OPEN).order_by("-pk")[: PAGE + 1])
    more = len(settled) > PAGE
    settled = settled[:PAGE]
    return TaskPage(open_ones + settled, Position("", settled[-1].pk) if more and settled else None)


def waiting(*, actor: Actor) -> QuerySet[Task]:
    """Return what waits for the actor, the nearest day first."""
    return Task.objects.filter(owner__in=actor.grantees, status__in=OPEN).order_by("order_on", "pk")


def owners(*, patient_id: int) -> list[tuple[str, str]]:
    """Return (key, name) of whoever may be asked: those who may read the record, by name."""
    keys = [
        carer.key
        for carer in care_teams.carers(patient_id=patient_id)
        if carer.level >= Level.READ and carer.key.startswith(("role:", "org:"))
    ]
    found = users.names_of(keys)
    return sorted(found.items(), key=lambda each: (each[0].startswith("org:"), each[1]))


def role_ids(actor: Actor) -> tuple[int, ...]:
    """Return the roles that the actor asks for: its own, and those it acts for."""
    own = (actor.role_id,) if actor.role_id else ()
    return (*own, *actor.delegated_role_ids)


def late_unsaid(*, today: date, most: int = 200) -> list[Task]:
    """Return the tasks whose day has passed and nobody was told of it yet."""
    return list(
        Task.objects.select_for_update(skip_locked=True)
        .filter(status__in=OPEN, due_on__lt=today, reminded_at__isnull=True)
        .order_by("due_on", "pk")[:most]
    )


def versions(*, task: Task) -> list[dict[str, object]]:
    """Return what history kept of a task, the first version first."""
    kept = Task.pgh_event_model.objects.filter(pgh_obj_id=task.pk).order_by("pgh_id")
    return list(
        kept.values("status", "reason", "owner_name", "settled_by", "updated_at", "due_on")[:100]
    )


def _page(found: list[Task], *, settled: bool) -> TaskPage:
    shown = found[:PAGE]
    if len(found) <= PAGE:
        return TaskPage(shown, None)
    last = shown[-1]
    at: date | datetime | None = last.settled_at if settled else last.order_on
    return TaskPage(shown, Position(at.isoformat() if at else "", last.pk))
