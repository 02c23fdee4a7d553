"""What can be asked of threads: mine, one's lines by pages, who read what, who may be invited."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import BinaryIO

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import OuterRef, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import JSONObject

from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.messaging.access import reader_key
from carbet.coordination.messaging.models import (
    SEALED_AS,
    Attachment,
    AttachmentPiece,
    Message,
    Participant,
    Thread,
)
from carbet.coordination.messaging.rules import ReadUpTo
from carbet.core import pieces
from carbet.core.actor import Actor, Level
from carbet.registries.accounts.models import Account
from carbet.registries.directory.models import Organization, PractitionerRole
from carbet.registries.patients import access as patients
from carbet.registries.patients.models import Patient

PAGE = 25
WINDOW = 30
# What a badge counts: beyond, "99+" says as much.
MOST_COUNTED = 100
MOST_READERS = 200
MOST_FOUND = 25


@dataclass(frozen=True, slots=True)
class ThreadLine:
    """One thread of a list, with its last line and what concerns the reader."""

    pk: int
    patient_id: int | None
    subject: str
    active_at: datetime
    closed: bool
    muted: bool
    archived: bool
    last_kind: str
    last_text: str
    last_attached: str
    last_author: str
    last_author_name: str
    unread: int
    urgent: bool
    mentioned: bool
    names: tuple[str, ...]
    person: Patient | None = None


@dataclass(frozen=True)
class ThreadPage:
    """One page of threads, and the place where the next one begins (None at the end)."""

    lines: list[ThreadLine]
    next_before: tuple[datetime, int] | None


# Each key's latest threads come from its index: a page costs the same at any depth.
_MINE = """
  SELECT latest.thread_id, latest.active_at FROM unnest(%(keys)s::text[]) key, LATERAL (
    SELECT p.thread_id, p.active_at
    FROM messaging_participant p
    JOIN messaging_thread t ON t.id = p.thread_id
    LEFT JOIN messaging_reader r ON r.thread_id = p.thread_id AND r.reader = %(reader)s
    WHERE p.grantee = key AND p.left_at IS NULL
      AND (%(before)s::timestamptz IS NULL
           OR (p.active_at, p.thread_id) < (%(before)s::timestamptz, %(before_id)s::bigint))
      AND (%(patient)s::bigint IS NULL OR t.patient_id = %(patient)s)
      AND (COALESCE(r.archived_seq, -1) >= t.told_seq) = %(archived)s
      AND (NOT %(unread)s OR t.told_seq > COALESCE(r.read_seq, 0))
    ORDER BY p.active_at DESC, p.thread_id DESC LIMIT %(limit)s
  ) latest
"""
# On every page: the keys stand in a subquery, which a plan cannot look into, so that the session
# keeps one plan instead of one a request.
_WAITING = f"""
SELECT latest.thread_id FROM unnest((SELECT %s::text[])) key, LATERAL (
  SELECT p.thread_id
  FROM messaging_participant p
  JOIN messaging_thread t ON t.id = p.thread_id
  LEFT JOIN messaging_reader r ON r.thread_id = p.thread_id AND r.reader = %s
  WHERE p.grantee = key AND p.left_at IS NULL
    AND COALESCE(r.archived_seq, -1) < t.told_seq
    AND t.told_seq > COALESCE(r.read_seq, 0) AND NOT COALESCE(r.muted, false)
  ORDER BY p.active_at DESC, p.thread_id DESC LIMIT {MOST_COUNTED}
) latest
"""  # noqa: S608 - made of our own constant
_LINES = f"""
WITH page AS (
  SELECT DISTINCT thread_id, active_at FROM ({_MINE}) mine
  ORDER BY active_at DESC, thread_id DESC LIMIT %(limit)s
)
SELECT t.id, t.patient_id, t.subject, page.active_at, t.closed_seq IS NOT NULL,
       COALESCE(r.muted, false), COALESCE(r.archived_seq, -1) >= t.told_seq,
       m.kind, left(m.text, 160), m.attached, m.author, m.author_name,
       new.number, COALESCE(new.urgent, false), COALESCE(new.mentioned, false), with_whom.names
FROM page
JOIN messaging_thread t ON t.id = page.thread_id
LEFT JOIN messaging_reader r ON r.thread_id = t.id AND r.reader = %(reader)s
LEFT JOIN messaging_message m ON m.thread_id = t.id AND m.seq = t.told_seq
CROSS JOIN LATERAL (
  SELECT count(*) AS number, bool_or(u.urgent) AS urgent,
         bool_or(u.mentions && %(keys)s::varchar[]) AS mentioned
  FROM (SELECT u.urgent, u.mentions FROM messaging_message u
        WHERE u.thread_id = t.id AND u.seq > COALESCE(r.read_seq, 0)
          AND u.kind IN ('text', 'closed', 'reopened') AND u.author <> %(reader)s
        ORDER BY u.seq LIMIT {MOST_COUNTED}) u
) new
CROSS JOIN LATERAL (
  SELECT array_agg(w.name) AS names FROM (
    SELECT w.name FROM messaging_participant w
    WHERE w.thread_id = t.id AND w.left_at IS NULL AND w.grantee <> %(reader)s
    ORDER BY w.id LIMIT 4) w
) with_whom
ORDER BY page.active_at DESC, t.id DESC
"""  # noqa: S608 - made of our own constants


def _asked(actor: Actor, **given: object) -> dict[str, object]:
    return {
        "keys": list(actor.grantees),
        "reader": reader_key(actor),
        "before": None,
        "before_id": None,
        "patient": None,
        "archived": False,
        "unread": False,
        "limit": PAGE + 1,
    } | given


def threads(
    *,
    actor: Actor,
    now: datetime,
    archived: bool = False,
    unread: bool = False,
    patient_id: int | None = None,
    before: tuple[datetime, int] | None = None,
    most: int = PAGE,
) -> ThreadPage:
    """Return the actor's threads, the latest first, each with its person, in two queries.

    Args:
        archived: those put away instead of the others.
        before: where the page before ended.
    """
    moment, last_id = before or (None, None)
    with connection.cursor() as cursor:
        cursor.execute(
            _LINES,
            _asked(
                actor,
                before=moment,
                before_id=last_id,
                patient=patient_id,
                archived=archived,
                unread=unread,
                limit=most + 1,
            ),
        )
        rows = [ThreadLine(*row[:15], tuple(row[15] or ())) for row in cursor.fetchall()]
    shown = with_persons(rows[:most], actor=actor, now=now)
    place = (shown[-1].active_at, shown[-1].pk) if len(rows) > most else None
    return ThreadPage(shown, place)


def with_persons(lines: Sequence[ThreadLine], *, actor: Actor, now: datetime) -> list[ThreadLine]:
    """Return the lines with the person that each is about, in one query at most."""
    ids = sorted({line.patient_id for line in lines if line.patient_id is not None})
    found = patients.find_entered(actor=actor, patient_ids=ids, now=now) if ids else {}
    return [
        replace(line, person=found.get(line.patient_id)) if line.patient_id else line
        for line in lines
    ]


def waiting(*, actor: Actor) -> QuerySet[Thread]:
    """Return the threads with something unread for the actor, muted and archived ones set aside.

    At most a hundred of each key. For the count of the menu.
    """
    found = RawSQL(  # noqa: S611 - the statement is ours, what it receives are parameters
        _WAITING, [list(actor.grantees), reader_key(actor)]
    )
    return Thread.objects.filter(pk__in=found).order_by().values("pk")


_FILE = {name: name for name in ("pk", "name", "media_type", "size", "width", "height")}


def window(
    *, thread: Thread, before: int | None = None, most: int = WINDOW
) -> tuple[list[Message], bool]:
    """Return the last lines of a thread, oldest first, and whether older ones exist: one query.

    Each carries `files`, its attachments in order: pk, name, media_type, size, width and height.

    Args:
        before: a line's number; the window ends right before it.
    """
    files = Attachment.objects.filter(message_id=OuterRef("pk")).order_by("number")
    lines = (
        Message.objects.filter(thread_id=thread.pk)
        .defer("words")
        .annotate(files=ArraySubquery(files.values(file=JSONObject(**_FILE))))
    )
    if before is not None:
        lines = lines.filter(seq__lt=before)
    rows = list(lines.order_by("-seq")[: most + 1])
    return rows[most - 1 :: -1] if len(rows) > most else rows[::-1], len(rows) > most


def content(*, attachment: Attachment) -> BinaryIO:
    """Return the bytes of a file, at their start."""
    kept = AttachmentPiece.objects.filter(attachment_id=attachment.pk, rank__gt=0)
    rows = kept.order_by("rank").values_list("rank", "data").iterator(chunk_size=4)
    return pieces.joined(rows, key=attachment.sealed_with, file_id=attachment.pk, kind=SEALED_AS)


def small_view(*, attachment: Attachment) -> bytes:
    """Return the small view of an image, or nothing."""
    rows = AttachmentPiece.objects.filter(attachment_id=attachment.pk, rank=0)
    with pieces.joined(
        rows.values_list("rank", "data"),
        key=attachment.sealed_with,
        file_id=attachment.pk,
        kind=SEALED_AS,
    ) as found:
        return found.read()


def participants(*, thread_id: int) -> list[Participant]:
    """Return those who take part now, in the order in which they came, in one query."""
    return list(
        Participant.objects.filter(thread_id=thread_id, left_at__isnull=True).order_by("pk")
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """How far one reader is, since when, and how the reader keeps the thread."""

    reader: str
    name: str
    read_seq: int
    read_at: datetime | None
    muted: bool
    archived_seq: int | None


# For each reader: the receipts within the lines shown, and the first one beyond them.
_RECEIPTS = """
SELECT r.reader, r.name, r.read_seq, r.read_at, r.muted, r.archived_seq, x.seq, x.read_at
FROM (SELECT * FROM messaging_reader WHERE thread_id = %(thread)s
      ORDER BY reader = %(own)s DESC, read_at DESC NULLS LAST LIMIT %(most)s) r
LEFT JOIN LATERAL (
  (SELECT c.seq, c.read_at FROM messaging_receipt c
   WHERE c.thread_id = r.thread_id AND c.reader = r.reader AND c.seq BETWEEN %(first)s AND %(last)s
   ORDER BY c.seq LIMIT 60)
  UNION ALL
  (SELECT c.seq, c.read_at FROM messaging_receipt c
   WHERE c.thread_id = r.thread_id AND c.reader = r.reader AND c.seq > %(last)s
   ORDER BY c.seq LIMIT 1)
) x ON true
"""


def receipts(
    *, actor: Actor, thread: Thread, first: int, last: int
) -> tuple[list[Reading], list[ReadUpTo]]:
    """Return the readers, the latest first, and their receipts for these lines: one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            _RECEIPTS,
            {
                "thread": thread.pk,
                "own": reader_key(actor),
                "first": first,
                "last": last,
                "most": MOST_READERS,
            },
        )
        rows = cursor.fetchall()
    readers = {row[0]: Reading(*row[:6]) for row in rows}
    found = [ReadUpTo(row[0], row[1], row[6], row[7]) for row in rows if row[6] is not None]
    never = datetime.min.replace(tzinfo=UTC)
    ordered = sorted(readers.values(), key=lambda one: one.read_at or never, reverse=True)
    return ordered, found


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may be invited: the key, the name, and what they do where."""

    key: str
    name: str
    label: str


def candidates(*, patient_id: int, level: Level, now: datetime) -> list[Candidate]:
    """Return who may be invited to a thread about a person: those who may read the record now.

    The person and relatives only by whoever manages the record. Three queries at most.
    """
    keys = [carer.key for carer in care_teams.carers(patient_id=patient_id)]
    if level >= Level.MANAGE:
        keys += sorted(care_teams.portal_keys(patient_id=patient_id, on=now))
    return resolve(keys, now=now)


def resolve(keys: Iterable[str], *, now: datetime) -> list[Candidate]:
    """Return those behind these keys who are still there, by name; one query a sort of key."""
    numbers: dict[str, list[int]] = {"role": [], "org": [], "account": []}
    for key in keys:
        sort, _, number = key.partition(":")
        if sort in numbers and number.isdecimal() and len(number) < 19:
            numbers[sort].append(int(number))
    found: list[Candidate] = []
    if numbers["role"]:
        roles = PractitionerRole.objects.filter(
            pk__in=numbers["role"], practitioner__active=True, organization__active=True
        ).select_related("practitioner", "organization")
        found += [
            Candidate(
                role.key, str(role.practitioner), f"{role.label}, {role.organization.name}"[:200]
            )
            for role in roles
            if role.ended_at is None or role.ended_at > now
        ]
    if numbers["org"]:
        found += [
            Candidate(
                f"org:{place.pk}", place.name, f"Toute l’équipe, {place.get_purpose_display()}"
            )
            for place in Organization.objects.filter(pk__in=numbers["org"], active=True)
        ]
    if numbers["account"]:
        found += [
            Candidate(f"account:{account.pk}", str(account), "Personne accompagnée ou proche")
            for account in Account.objects.filter(pk__in=numbers["account"], is_active=True)
        ]
    return sorted(found, key=lambda one: (one.key.partition(":")[0] != "role", one.name, one.key))


@dataclass(frozen=True, slots=True)
class Found:
    """One line found by its words, with its thread."""

    pk: int
    thread_id: int
    seq: int
    patient_id: int | None
    subject: str
    author_name: str
    at: datetime
    text: str
    attached: str


_FOUND = """
SELECT m.id, m.thread_id, m.seq, t.patient_id, t.subject, m.author_name, m.at, m.text, m.attached
FROM messaging_search(%s, %s, %s, %s) s
JOIN messaging_message m ON m.id = s.message_id
JOIN messaging_thread t ON t.id = m.thread_id
ORDER BY m.at DESC, m.id DESC
"""


def search(
    *, text: str, before: tuple[datetime, int] | None = None, most: int = MOST_FOUND
) -> tuple[list[Found], bool]:
    """Return the lines of the actor's threads that hold every word, the latest first: one query.

    Accents, capitals and French endings do not count; a word may be only begun.
    """
    moment, last_id = before or (None, None)
    with connection.cursor() as cursor:
        cursor.execute(_FOUND, [text, moment, last_id, most + 1])
        rows = [Found(*row) for row in cursor.fetchall()]
    return rows[:most], len(rows) > most
