"""What pages show of threads: one line a thread, one a message, ready to be read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from carbet.coordination.documents.rules import content
from carbet.coordination.messaging import queries, rules
from carbet.coordination.messaging.access import reader_key
from carbet.coordination.messaging.choices import MessageKind
from carbet.coordination.messaging.models import Message, Participant, Thread
from carbet.coordination.messaging.queries import Candidate, Found, Reading, ThreadLine
from carbet.core import home
from carbet.core.actor import Actor
from carbet.registries.patients import queries as patients
from carbet.registries.patients.models import Patient

# Lines of one author this close stand under one name.
TOGETHER = timedelta(minutes=10)
SPOKEN_READERS = 3
LATEST_OWN = 3
EVENTS = {
    MessageKind.JOINED: "{author} a ajouté {text}",
    MessageKind.LEFT: "{author} a quitté la discussion",
    MessageKind.REMOVED: "{author} a retiré {text}",
    MessageKind.CLOSED: "{author} a clos la discussion",
    MessageKind.REOPENED: "{author} a rouvert la discussion",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One thread of a list. `title` is the person, else the subject, else those inside."""

    pk: int
    title: str
    about: bool
    subject: str
    text: str
    at: datetime
    unread: int
    more_unread: bool
    urgent: bool
    mentioned: bool
    muted: bool
    archived: bool
    closed: bool
    others: str


def title_of(subject: str, person: Patient | None, names: Sequence[str]) -> str:
    """Return how a thread is called: the person it is about, else its subject, else its people."""
    if person is not None:
        return str(person)
    return subject or said(names) or "Discussion"


def said(names: Sequence[str], *, most: int = 3) -> str:
    """Return names in one breath: « Inès Robeiri, Marc Tianon et d’autres »."""
    listed = ", ".join(names[:most])
    return f"{listed} et d’autres" if len(names) > most else listed


def row(line: ThreadLine, *, actor: Actor, within_record: bool = False) -> Row:
    """Return what a list shows of a thread; `within_record` leaves out the person's name."""
    person = None if within_record else line.person
    title = title_of(line.subject, person, line.names)
    mine = line.last_author == reader_key(actor)
    text = line.last_text
    if line.last_kind in EVENTS:
        text = EVENTS[MessageKind(line.last_kind)].format(author=line.last_author_name, text="")
        if line.last_text and line.last_kind == MessageKind.CLOSED:
            text = f"{text} : {line.last_text}"
    else:
        text = text or line.last_attached.replace("\n", ", ")
        text = f"{'Vous' if mine else line.last_author_name} : {text}"
    return Row(
        pk=line.pk,
        title=title,
        about=person is not None,
        subject=line.subject if title != line.subject else "",
        text=text,
        at=line.active_at,
        unread=min(line.unread, queries.MOST_COUNTED - 1),
        more_unread=line.unread >= queries.MOST_COUNTED,
        urgent=line.urgent,
        mentioned=line.mentioned,
        muted=line.muted,
        archived=line.archived,
        closed=line.closed,
        others=said(line.names),
    )


# How large the small view of a photo stands in a line, in CSS pixels.
SMALL_SIDE = 176


@dataclass(frozen=True, slots=True)
class Attached:
    """A file of a line; `width` and `height` of its small view, 0 when it has none."""

    pk: int
    name: str
    kind: str
    size: str
    width: int
    height: int


def attached(file: Mapping[str, Any]) -> Attached:
    """Return what is shown of a file, as `queries.window` gives it."""
    width, height = file["width"] or 0, file["height"] or 0
    scale = min(1.0, SMALL_SIDE / max(width, height, 1))
    return Attached(
        pk=file["pk"],
        name=file["name"],
        kind=content.KINDS.get(file["media_type"], ("", "Fichier"))[1],
        size=content.write_size(file["size"]),
        width=max(1, round(width * scale)) if width else 0,
        height=max(1, round(height * scale)) if width else 0,
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a thread, as this reader sees it."""

    seq: int
    pk: int
    mine: bool
    author: str
    label: str
    at: datetime
    text: str
    event: str
    urgent: bool
    mentions_me: bool
    new_day: bool
    follows: bool
    first_unread: bool
    readers: tuple[tuple[str, datetime], ...]
    note_id: int | None
    gesture: str
    files: tuple[Attached, ...]

    @property
    def few_readers(self) -> bool:
        """Tell whether all the readers are named in the line itself."""
        return len(self.readers) <= SPOKEN_READERS


def lines(
    messages: Iterable[Message],
    *,
    actor: Actor,
    receipts: Sequence[rules.ReadUpTo],
    read_seq: int,
) -> list[Line]:
    """Return the lines of a window, oldest first, with who read one's own."""
    own = reader_key(actor)
    messages = list(messages)
    # What a device may not know yet that the server has: its last ones.
    latest = [message.pk for message in messages if message.author == own][-LATEST_OWN:]
    shown: list[Line] = []
    before: Message | None = None
    marked = False
    for message in messages:
        mine = message.author == own
        new_day = before is None or _day(before.at) != _day(message.at)
        unread = message.seq > read_seq and not mine and not marked and read_seq > 0
        marked = marked or unread
        shown.append(
            Line(
                seq=message.seq,
                pk=message.pk,
                mine=mine,
                author=signature(message),
                label=message.author_label,
                at=message.at,
                text=message.text if message.kind in (MessageKind.TEXT, MessageKind.CLOSED) else "",
                event=_event(message),
                urgent=message.urgent,
                mentions_me=own in message.mentions,
                new_day=new_day,
                follows=not new_day and not unread and _follows(before, message),
                first_unread=unread,
                readers=tuple(rules.readers_of(receipts, seq=message.seq, author=own))
                if mine and message.kind == MessageKind.TEXT
                else (),
                note_id=message.note_id,
                gesture=str(message.gesture) if message.pk in latest else "",
                files=tuple(attached(file) for file in message.files),
            )
        )
        before = message
    return shown


def signature(message: Message) -> str:
    """Return who wrote and for whom: « Odile Fortin, pour Yann Le Bihan »."""
    if message.on_behalf_of:
        return f"{message.author_name}, pour {message.on_behalf_of}"
    return message.author_name


def _event(message: Message) -> str:
    sentence = EVENTS.get(MessageKind(message.kind), "")
    return sentence.format(author=message.author_name, text=message.text) if sentence else ""


def _follows(before: Message | None, message: Message) -> bool:
    return (
        before is not None
        and before.author == message.author
        and before.kind == message.kind == MessageKind.TEXT
        and timedelta(0) <= message.at - before.at < TOGETHER
    )


def _day(at: datetime) -> object:
    return timezone.localtime(at).date()


@dataclass(frozen=True, slots=True)
class Presence:
    """Who else looked at the thread last, when, and whether they are on the page now."""

    name: str
    at: datetime
    present: bool


def presence(readers: Sequence[Reading], *, actor: Actor, now: datetime) -> Presence | None:
    """Return the last reader but oneself, or None when nobody else has read."""
    own = reader_key(actor)
    for reading in readers:
        if reading.reader != own and reading.read_at is not None:
            here = rules.is_present(reading.read_at, now=now)
            return Presence(reading.name, reading.read_at, here)
    return None


@dataclass(frozen=True, slots=True)
class Result:
    """One line found, with its thread."""

    thread_id: int
    seq: int
    after: int
    title: str
    about: bool
    author: str
    at: datetime
    text: str


def results(found: Iterable[Found], persons: dict[int, Patient]) -> list[Result]:
    """Return what a search shows."""
    return [
        Result(
            thread_id=one.thread_id,
            seq=one.seq,
            # The page that ends a few lines after it.
            after=one.seq + 10,
            title=title_of(
                one.subject, persons.get(one.patient_id) if one.patient_id else None, ()
            ),
            about=one.patient_id is not None,
            author=one.author_name,
            at=one.at,
            text=(one.text[:240] + ("…" if len(one.text) > 240 else ""))
            or one.attached.replace("\n", ", "),
        )
        for one in found
    ]


@dataclass(frozen=True, slots=True)
class Choice:
    """Somebody who may be ticked."""

    key: str
    name: str
    label: str
    checked: bool


def choices(candidates: Iterable[Candidate], *, checked: Iterable[str]) -> list[Choice]:
    """Return candidates as boxes, those ticked first."""
    ticked = set(checked)
    boxes = [Choice(one.key, one.name, one.label, one.key in ticked) for one in candidates]
    return sorted(boxes, key=lambda box: not box.checked)


# --- On the front page ---------------------------------------------------------------------------


def unread_threads(*, actor: Actor, now: datetime) -> QuerySet[Participant, dict[str, Any]] | None:
    """Return the threads with something unread, for those who have an account here."""
    if not actor.grantees:
        return None
    return (
        Thread.objects.filter(Q(pk__in=queries.waiting(actor=actor)))
        .order_by("-last_at", "-pk")
        .values("pk", "subject", "last_at", "created_by_name", *patients.name_columns("patient__"))
        .annotate(about=F("patient_id"))[: home.MOST + 1]
    )


def unread_line(row: dict[str, Any], *, now: datetime) -> home.Line:
    """Say a thread with something unread; the person is named only where the identity is open."""
    name = patients.name_in(row, "patient__") if row["about"] else ""
    return home.Line(
        title=name or row["subject"] or f"Discussion ouverte par {row['created_by_name']}",
        href=reverse("messaging:thread", args=[row["pk"]]),
        text=row["subject"] if name else "",
        at=home.moment(row["last_at"]),
        icon="person" if name else "message",
        unread=True,
    )


HOME = home.Block(
    key="messages",
    title="Messages non lus",
    icon="message",
    rows=unread_threads,
    line=unread_line,
    more=("messaging:list", "Tous les messages"),
    order=25,
    live="message",
)
