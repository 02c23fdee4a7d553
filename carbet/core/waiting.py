"""What every page says beside its own words: how much waits by room, and what disturbs everybody.

A room that counts or warns says so from its `AppConfig.ready`. All is asked in one statement: a
new count or warning costs no query.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from carbet.core.actor import Actor

# What waits for an actor: `(*, actor)` returns a `.values(…)` query, one row a thing that waits.
Waiting = Callable[..., QuerySet[Any, Any]]
# A warning is at the top of every page: few, and short.
MOST_NOTICES = 2


@dataclass(frozen=True, slots=True)
class Notice:
    """One line at the top of every page: what is wrong, where more is said of it."""

    text: str
    href: str
    tone: str = "warning"


@dataclass(frozen=True, slots=True)
class Said:
    """What waits for an actor by key, and what they are warned of."""

    counts: dict[str, int] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()


_rooms: dict[str, Waiting] = {}
_warnings: dict[str, tuple[Waiting, Callable[[dict[str, Any]], Notice]]] = {}


def add(key: str, waiting: Waiting) -> None:
    """Count what a room says waits, under this key."""
    _rooms[key] = waiting


def warn(key: str, rows: Waiting, notice: Callable[[dict[str, Any]], Notice]) -> None:
    """Show what a room warns of: `rows(*, actor, now)` is a `.values(…)` query, worst first."""
    _warnings[key] = rows, notice


def said(*, actor: Actor, now: datetime) -> Said:
    """Return what waits for the actor and what they are warned of, in one statement."""
    if not actor.grantees:
        return Said(dict.fromkeys(_rooms, 0))
    parts: dict[str, str] = {}
    params: list[Any] = []

    def ask(key: str, selected: str, query: QuerySet[Any, Any]) -> None:
        try:
            sql, values = query.query.sql_with_params()
        except EmptyResultSet:
            return
        parts[key] = f"(SELECT {selected} FROM ({sql}) q)"
        params.extend(values)

    for key, waiting in _rooms.items():
        ask(f"count {key}", "count(*)", waiting(actor=actor))
    for key, (rows, _) in _warnings.items():
        ask(f"warn {key}", "jsonb_agg(to_jsonb(q))", rows(actor=actor, now=now)[:MOST_NOTICES])
    found: dict[str, Any] = {}
    if parts:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(parts.values())}", params)
            found = dict(zip(parts, cursor.fetchone(), strict=True))
    return Said(
        {key: found.get(f"count {key}", 0) for key in _rooms},
        tuple(
            notice(row)
            for key, (_, notice) in _warnings.items()
            for row in _rows(found.get(f"warn {key}"))
        )[:MOST_NOTICES],
    )


def _rows(answer: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(answer) if isinstance(answer, str) else answer or []
    return rows
