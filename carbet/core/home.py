"""The blocks of a professional's front page: each room adds its own, one statement asks for all.

A room that has something to say of the day calls `add` from its `AppConfig.ready`, with a `Block`
made in its presenters. `rows` is a `.values(…)` query, sliced; the rows of every block come back in
one statement, whatever the number of rooms, so that a new block costs no query.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from carbet.core.actor import Actor

MOST = 6

Row = dict[str, Any]
Rows = Callable[..., QuerySet[Any, Row] | None]
Present = Callable[..., "Line"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a block. `badge` is said with its `tone`.

    `at` is a moment, and `at_says` the word before it where the line alone does not tell of what.
    """

    title: str
    href: str = ""
    text: str = ""
    meta: tuple[str, ...] = ()
    at: datetime | None = None
    at_says: str = ""
    badge: str = ""
    tone: str = "neutral"
    icon: str = ""
    unread: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """What a room shows of the day.

    Args:
        key: its name in the page, letters and hyphens.
        rows: `(*, actor, now)` returns a `.values(…)` query of `MOST + 1` rows at most, or None
            when the block is not for that actor. Moments and days come back as `datetime` and
            `date` in ISO form: see `moment`.
        line: `(row, *, now)` returns the `Line` of a row.
        empty: what is said when there is nothing; without it, an empty block is not shown.
        more: the name of an address that shows all, and what its link says.
        live: the kinds of live events after which the block fetches itself again.
    """

    key: str
    title: str
    icon: str
    rows: Rows
    line: Present
    empty: str = ""
    empty_title: str = ""
    more: tuple[str, str] | None = None
    order: int = 50
    aside: bool = False
    tone: str = ""
    live: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A block with its lines, as the page shows it."""

    block: Block
    lines: tuple[Line, ...]
    has_more: bool

    @property
    def count(self) -> str:
        """How many wait, "6+" when there are more than the page shows."""
        if not self.lines:
            return ""
        return f"{len(self.lines)}+" if self.has_more else str(len(self.lines))


_blocks: dict[str, Block] = {}


def add(block: Block) -> None:
    """Put a block on the front page; the same key twice is the later one."""
    _blocks[block.key] = block


def blocks() -> list[Block]:
    """Return every block, in the order of the page."""
    return sorted(_blocks.values(), key=lambda block: (block.order, block.key))


def moment(text: str | None) -> datetime | None:
    """Return the moment that a row carries."""
    return datetime.fromisoformat(text) if text else None


def shown(*, actor: Actor, now: datetime) -> list[Shown]:
    """Return the blocks of the actor's day with their lines, in one statement."""
    asked = [
        (block, query)
        for block in blocks()
        if (query := block.rows(actor=actor, now=now)) is not None
    ]
    found = _ask([query for _, query in asked])
    return [
        Shown(
            block,
            tuple(block.line(row, now=now) for row in rows[:MOST]),
            has_more=len(rows) > MOST,
        )
        for (block, _), rows in zip(asked, found, strict=True)
        if rows or block.empty
    ]


def _ask(queries: Iterable[QuerySet[Any, Row]]) -> list[list[Row]]:
    """Return the rows of each query, in one statement."""
    found: list[list[Row]] = []
    parts: list[str] = []
    params: list[Any] = []
    places: list[tuple[int, list[str]]] = []
    for query in queries:
        found.append([])
        try:
            sql, values = query[: MOST + 1].query.sql_with_params()
        except EmptyResultSet:
            continue
        names = _names(query)
        columns = ", ".join(f"c{number}" for number in range(len(names)))
        # Columns are named here: two tables of one query may both have an "id".
        parts.append(f"(SELECT jsonb_agg(jsonb_build_array({columns})) FROM ({sql}) q({columns}))")
        params += values
        places.append((len(found) - 1, names))
    if not parts:
        return found
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", params)
        answer = cursor.fetchone()
    for (place, names), rows in zip(places, answer, strict=True):
        # Django leaves jsonb to be read by whoever knows that it is there.
        read = json.loads(rows) if isinstance(rows, str) else rows or []
        found[place] = [dict(zip(names, row, strict=True)) for row in read]
    return found


def _names(query: QuerySet[Any, Row]) -> list[str]:
    selected = query.query.selected  # type: ignore[attr-defined]
    if not selected:
        raise TypeError("a block's rows are asked with .values(…)")
    return list(selected)
