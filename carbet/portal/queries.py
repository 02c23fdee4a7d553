"""What can be asked of the front door: which regional services exist, for whom, in what state."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from django.db.models import Case, Q, QuerySet, When
from django.urls import NoReverseMatch, reverse

from carbet.core import waiting
from carbet.core.actor import Actor
from carbet.portal import rules
from carbet.portal.choices import DisruptionKind, DisruptionState
from carbet.portal.models import Disruption

_CATALOGUE = Path(__file__).parent / "data" / "services.json"
# The status of a service, in words, with its tone.
STATUSES = {
    "open": ("En service", "success"),
    "trial": ("À l’essai", "info"),
    "elsewhere": ("Hors de Carbet", "neutral"),
    "planned": ("En préparation", "warning"),
}


# What is under way and to come, at most: a region has a handful.
MOST_OPEN = 100
PAGE = 20


@dataclass(frozen=True, slots=True)
class Held:
    """A disruption as it stands: `badge` is what the tile of its service says, with its tone."""

    row: Disruption
    service: str
    state: DisruptionState
    badge: str
    tone: str

    @property
    def is_open(self) -> bool:
        return self.state in (DisruptionState.PLANNED, DisruptionState.UNDER_WAY)


@dataclass(frozen=True, slots=True)
class Service:
    """A regional service: what it is, for whom, its state, how to get it, what disturbs it."""

    key: str
    name: str
    icon: str
    summary: str
    audience: str
    status: str
    tone: str
    how: str
    href: str
    is_elsewhere: bool
    # The worst first; `status` is its badge.
    disruptions: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing said of a disruption: when, by whom."""

    at: datetime
    by: str
    title: str
    message: str
    ends_at: datetime | None


def services(*, actor: Actor, now: datetime) -> list[Service]:
    """Return the services of the catalogue, with the address of those where the actor may enter."""
    held: dict[str, list[Held]] = {}
    for each in open_disruptions(now=now):
        if each.state == DisruptionState.UNDER_WAY or (
            each.row.starts_at <= now + rules.SAID_BEFORE
        ):
            held.setdefault(each.row.service, []).append(each)
    return [_service(row, actor, tuple(held.get(row["key"], ()))) for row in _rows()]


def open_disruptions(*, now: datetime) -> list[Held]:
    """Return what disturbs services now, incidents first, then what is planned, the nearest first.

    One statement.
    """
    rows = Disruption.objects.filter(
        Q(kind=DisruptionKind.INCIDENT) | Q(ends_at__gt=now), ended_at__isnull=True
    ).order_by("starts_at", "pk")[:MOST_OPEN]
    found = _held(rows, now)
    rank = {"danger": 0, "warning": 1, "info": 2}
    return sorted(found, key=lambda each: rank[each.tone])


def under_way(*, actor: Actor, now: datetime) -> QuerySet[Disruption, dict[str, Any]]:
    """Return what disturbs services at this moment, incidents first: for the top of every page."""
    if actor.is_person:
        return Disruption.objects.none().values("pk")
    return (
        Disruption.objects.filter(
            Q(kind=DisruptionKind.INCIDENT) | Q(ends_at__gt=now),
            ended_at__isnull=True,
            starts_at__lte=now,
        )
        .order_by(Case(When(kind=DisruptionKind.INCIDENT, then=0), default=1), "-starts_at", "-pk")
        .values("pk", "kind", "service", "title")
    )


def notice(row: dict[str, Any]) -> waiting.Notice:
    """Say in one line what disturbs a service at this moment."""
    words, tone = rules.badge(kind=row["kind"], state=DisruptionState.UNDER_WAY)
    service = service_names().get(row["service"], row["service"])
    return waiting.Notice(
        f"{words} : {row['title']} ({service})",
        reverse("disruptions:detail", args=[row["pk"]]),
        tone,
    )


def past_disruptions(*, now: datetime, before: int | None = None) -> list[Held]:
    """Return a page of what ended or was cancelled, declared last first, below a row number."""
    rows = Disruption.objects.filter(
        Q(ended_at__isnull=False) | Q(kind=DisruptionKind.MAINTENANCE, ends_at__lte=now)
    ).order_by("-pk")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return _held(rows[:PAGE], now)


def steps_of(disruption: Disruption) -> list[Step]:
    """Return all that was said of a disruption, the last first, from its history."""
    history = Disruption.pgh_event_model.objects.filter(pgh_obj_id=disruption.pk)
    return [
        Step(
            row.updated_at,
            row.updated_by_name,
            "Terminé" if row.ended_at else row.title,
            row.outcome if row.ended_at else row.message,
            None if row.ended_at else row.ends_at,
        )
        for row in history.order_by("-pgh_id")[:50]
    ]


def held(row: Disruption, *, now: datetime) -> Held:
    """Return a disruption as it stands."""
    return _held([row], now)[0]


def state_of(row: Disruption, *, now: datetime) -> DisruptionState:
    """Return where a disruption is."""
    return rules.state(
        kind=row.kind,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        ended_at=row.ended_at,
        now=now,
    )


def service_names() -> dict[str, str]:
    """Return the name of each service of the catalogue, by its key."""
    return {row["key"]: row["name"] for row in _rows()}


def _held(rows: Iterable[Disruption], now: datetime) -> list[Held]:
    names = service_names()
    found = []
    for row in rows:
        state = state_of(row, now=now)
        words, tone = rules.badge(kind=row.kind, state=state)
        found.append(Held(row, names.get(row.service, row.service), state, words, tone))
    return found


@cache
def _rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(_CATALOGUE.read_text())
    return rows


def _service(row: dict[str, Any], actor: Actor, disruptions: tuple[Held, ...]) -> Service:
    words, tone = STATUSES[row["status"]]
    if disruptions:
        words, tone = disruptions[0].badge, disruptions[0].tone
    href = row.get("link", "")
    if "address" in row and ("capability" not in row or actor.can(row["capability"])):
        try:
            href = reverse(row["address"])
        except NoReverseMatch:
            href = ""
    return Service(
        key=row["key"],
        name=row["name"],
        icon=row["icon"],
        summary=row["summary"],
        audience=row["for"],
        status=words,
        tone=tone,
        how=row["how"],
        href=href,
        is_elsewhere="link" in row,
        disruptions=disruptions,
    )
