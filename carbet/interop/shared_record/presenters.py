"""What pages show of deposits, and of what the shared record holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from carbet.connectors.dmp import Entry
from carbet.core import names
from carbet.core.models import OutboxMessage
from carbet.interop.shared_record.queries import Found, Standing
from carbet.interop.shared_record.rules import why_not_take

PAGE = 25

_SAID = {
    OutboxMessage.Status.PENDING: ("En chemin", "info"),
    OutboxMessage.Status.SENT: ("Déposé", "success"),
    OutboxMessage.Status.FAILED: ("Refusé", "danger"),
    OutboxMessage.Status.CANCELLED: ("Abandonné", "neutral"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One deposit: of which version, by whom, how far."""

    number: int
    name: str
    asked_at: datetime
    label: str
    tone: str
    error: str
    carrier: str
    settled_at: datetime | None


def line(standing: Standing) -> Line:
    """Return a deposit as the page shows it."""
    row, message = standing.deposit, standing.message
    status = OutboxMessage.Status(message.status) if message else OutboxMessage.Status.PENDING
    label, tone = _SAID[status]
    return Line(
        number=row.number,
        name=row.asked_by_name,
        asked_at=row.asked_at,
        label=label,
        tone=tone,
        error=message.last_error if message else "",
        carrier=str(message.payload.get("carrier", "")) if message else "",
        settled_at=message.settled_at if message else None,
    )


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One document of the shared record, as its list shows it."""

    title: str
    type: str
    by: str
    made_at: datetime | None
    token: str
    document_id: int | None
    refusal: str


@dataclass(frozen=True, slots=True)
class EntriesPage:
    """One page of what was found: the numbers of the pages beside it, None where there is none."""

    entries: list[Entry]
    previous: int | None
    next: int | None

    @property
    def moves(self) -> list[tuple[int, str]]:
        """The pages beside this one, each with its words."""
        beside = ((self.previous, "Plus récents"), (self.next, "Plus anciens"))
        return [(number, words) for number, words in beside if number is not None]


def chosen(entries: Sequence[Entry], words: str) -> list[Entry]:
    """Return the documents whose title, type or author hold every word, accents aside."""
    wanted = names.comparison_form(words).split()
    return [
        each
        for each in entries
        if all(
            word in names.comparison_form(f"{each.title} {each.type} {each.author} {each.place}")
            for word in wanted
        )
    ]


def page_of(entries: Sequence[Entry], number: int | None) -> EntriesPage:
    """Return one page of 25; the last one where the number goes beyond."""
    last = max(1, -(-len(entries) // PAGE))
    here = min(number or 1, last)
    return EntriesPage(
        entries=list(entries[(here - 1) * PAGE : here * PAGE]),
        previous=here - 1 if here > 1 else None,
        next=here + 1 if here < last else None,
    )


def entry_line(found: Found, *, token: str) -> EntryLine:
    """Return a document of the shared record as its list shows it."""
    entry = found.entry
    return EntryLine(
        title=entry.title or entry.type or "Document",
        type=entry.type,
        by=", ".join(filter(None, (entry.author, entry.place))),
        made_at=entry.made_at,
        token=token,
        document_id=found.document_id,
        refusal=why_not_take(entry),
    )
