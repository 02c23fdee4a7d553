"""How much waits for whoever reads, by room: the counts of the menu, all in one statement.

A room that counts calls `add` from its `AppConfig.ready`; a new count costs no query.
"""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from carbet.core.actor import Actor

# What waits for an actor: `(*, actor)` returns a `.values(…)` query, one row a thing that waits.
Waiting = Callable[..., QuerySet[Any, Any]]

_rooms: dict[str, Waiting] = {}


def add(key: str, waiting: Waiting) -> None:
    """Count what a room says waits, under this key."""
    _rooms[key] = waiting


def counts(*, actor: Actor) -> dict[str, int]:
    """Return how much waits for the actor, by key, in one statement."""
    found = dict.fromkeys(_rooms, 0)
    if not actor.grantees:
        return found
    asked: dict[str, str] = {}
    params: list[Any] = []
    for key, waiting in _rooms.items():
        try:
            sql, values = waiting(actor=actor).query.sql_with_params()
        except EmptyResultSet:
            continue
        asked[key] = f"(SELECT count(*) FROM ({sql}) q)"
        params += values
    if asked:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(asked.values())}", params)
            found |= dict(zip(asked, cursor.fetchone(), strict=True))
    return found
