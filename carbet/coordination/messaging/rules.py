"""What is true of a thread: what is unread, who read which line and when, who is mentioned."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from carbet.core import names

MAX_TEXT = 20_000
MAX_SUBJECT = 120
MOST_PARTICIPANTS = 50
# A reader seen this lately is on the page now.
PRESENT_SECONDS = 120

_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*", re.UNICODE)


@dataclass(frozen=True, slots=True)
class ReadUpTo:
    """A reader had read every line up to `seq` at `read_at`."""

    reader: str
    name: str
    seq: int
    read_at: datetime


def readers_of(
    receipts: Iterable[ReadUpTo], *, seq: int, author: str = ""
) -> list[tuple[str, datetime]]:
    """Return (name, moment) of everyone but the author who read the line, the first reader first.

    The moment is that of the earliest receipt that reaches the line, whatever the order in which
    receipts are given.
    """
    first: dict[str, ReadUpTo] = {}
    for receipt in receipts:
        if receipt.seq < seq or receipt.reader == author:
            continue
        known = first.get(receipt.reader)
        if known is None or (receipt.read_at, receipt.seq) < (known.read_at, known.seq):
            first[receipt.reader] = receipt
    found = sorted(first.values(), key=lambda one: (one.read_at, one.name))
    return [(one.name, one.read_at) for one in found]


def read_after_writing(*, read: int, seen: int, written: int) -> int:
    """Return up to where an author has read once their line is written.

    Their own line counts as read only when they had seen all that stands before it: what others
    wrote while they typed stays unread.

    Args:
        read: up to where they had read; seen: the last line on their screen; written: their line.
    """
    reached = max(read, min(seen, written - 1))
    return written if reached == written - 1 else reached


def mentioned(text: str, people: Mapping[str, str]) -> list[str]:
    """Return the keys of those named after an @ in the text, in the order of `people`.

    A full name is heard in whatever accents and capitals; a first or a last name alone only when
    one participant carries it.

    Args:
        people: the name of each participant by key.
    """
    if "@" not in text:
        return []
    heard = [
        " ".join(names.all_tokens(" ".join(_WORD.findall(part[:120])[:6])))
        for part in text.split("@")[1:]
    ]
    forms: dict[str, set[str]] = {}
    for key, name in people.items():
        words = [word for word in names.all_tokens(name) if word not in _CIVILITIES]
        for form in {" ".join(words), *(words if len(words) > 1 else ())}:
            if form and form not in names.PARTICLES:
                forms.setdefault(form, set()).add(key)
    found: set[str] = set()
    for said in heard:
        spoken = [form for form in forms if said == form or said.startswith(form + " ")]
        if spoken:
            keys = forms[max(spoken, key=len)]
            if len(keys) == 1:
                found |= keys
    return [key for key in people if key in found]


_CIVILITIES = frozenset({"DR", "PR", "M", "MME", "DOCTEUR", "PROFESSEUR"})


def normalized(text: str) -> str:
    """Return the text as it is kept: one end of line is one sign, nothing around it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").strip()


def is_present(read_at: datetime | None, *, now: datetime) -> bool:
    """Tell whether a reader last seen then is on the page now."""
    return read_at is not None and abs((now - read_at).total_seconds()) <= PRESENT_SECONDS
