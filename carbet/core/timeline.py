"""The timeline of a record: each room adds what happens in it, one statement asks for everything.

A room calls `add` from its `AppConfig.ready` with a `Source` made in its presenters. Its rows are
read where they are, through the row security of their own table: nothing is copied, so that what is
corrected, withdrawn or closed to somebody is so on the timeline too. The notebook asks for them
beside its notes and measures, page by page.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Happening:
    """What a room says of one of its rows; `href` opens it by its own door."""

    kind: str
    icon: str
    title: str
    href: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """What a room adds to the timeline: columns of its own table `x`, never what is asked.

    Each index that a page walks begins with the person: a page costs the same at any depth.

    Args:
        key: what a reader ticks to see it; several sources may share one.
        letter: its place in the order of what happened at one moment, and in addresses; unique.
        table: what follows FROM, with the alias `x` and, further, what stands in `where`.
        at: when it happened, by which an index of the person walks; `pk`, its row.
        said: what `line` needs, as the arguments of `json_build_object`.
        line: `(row, *, patient_id)` returns the `Happening` of a row: `said`, with its `id`.
        author: the role that did it; without one, a filter by author leaves it out.
        lists_authors: whether an index finds each author in one step, for the list of that filter.
        author_name: as it was written down; without one, the name of `author_role` today.
        changed: when it last changed, for « depuis ma dernière visite ».
        struck: when it was withdrawn; `struck_reason`, why.
        is_file: whether it stands among photos and files.
    """

    key: str
    letter: str
    label: str
    table: str
    at: str
    said: str
    line: Callable[..., Happening]
    where: str = ""
    pk: str = "x.id"
    patient: str = "x.patient_id"
    recorded: str = ""
    author: str = ""
    author_role: str = "NULL::bigint"
    author_organization: str = "NULL::bigint"
    author_name: str = "''"
    on_behalf_of: str = "NULL::bigint"
    visibility: str = "'circle'"
    changed: str = ""
    struck: str = "NULL::timestamptz"
    struck_reason: str = "''"
    is_file: bool = False
    lists_authors: bool = False


_sources: dict[str, Source] = {}


def add(source: Source) -> None:
    """Put what happens in a room on the timeline; the same letter twice is the later one."""
    _sources[source.letter] = source


def source(letter: str) -> Source | None:
    """Return the source of this letter, or None."""
    return _sources.get(letter)


def sources(keys: Iterable[str]) -> list[Source]:
    """Return the sources that a reader asks for, in the order of their letters."""
    asked = set(keys)
    return [each for _, each in sorted(_sources.items()) if each.key in asked]


def choices() -> list[tuple[str, str]]:
    """Return (key, label) of all that may be asked for, by label."""
    return sorted({(each.key, each.label) for each in _sources.values()}, key=lambda each: each[1])


def told(said: object) -> Row:
    """Return what a row says, as PostgreSQL gives its JSON."""
    found = json.loads(said) if isinstance(said, str) else said
    return dict(found) if isinstance(found, dict) else {}
