"""What can be asked of a notebook: its timeline by pages, its authors, versions and measures."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from carbet.coordination.notebook.choices import MeasureKind, MeasureStatus
from carbet.coordination.notebook.models import Note, NoteReceipt
from carbet.core import timeline as happenings
from carbet.core.actor import Actor
from carbet.core.sharing import Visibility
from carbet.registries.directory.models import PractitionerRole

PAGE_SIZE = 25
MEASURES_SHOWN = 60
MEASURES_DRAWN = 400
NOTE, MEASURE = "n", "m"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of the timeline ends: the last entry shown, notes and measures together."""

    occurred_at: datetime
    source: str
    pk: int


@dataclass(frozen=True, slots=True)
class Attached:
    """One photo or file of a note, in its latest version; a withdrawn one has no number."""

    document_id: int
    title: str
    media_type: str
    size: int
    number: int | None
    is_image: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One note (with its replies), measure, or thing that happened in another room (`said`)."""

    source: str
    pk: int
    occurred_at: datetime
    recorded_at: datetime
    kind: str
    author_role_id: int | None
    author_name: str
    role_label: str
    organization: str
    on_behalf_of: str
    text: str = ""
    urgent: bool = False
    corrected_at: datetime | None = None
    correction_reason: str = ""
    withdrawn_at: datetime | None = None
    withdrawal_reason: str = ""
    visibility: str = Visibility.CIRCLE
    mentions: dict[str, str] | None = None
    seen_count: int = 0
    seen_by_reader: bool = False
    files: tuple[Attached, ...] = ()
    value: Decimal | None = None
    second_value: Decimal | None = None
    replies: tuple["Entry", ...] = ()
    said: happenings.Row | None = None

    @property
    def position(self) -> Position:
        return Position(self.occurred_at, self.source, self.pk)

    @property
    def is_note(self) -> bool:
        return self.source == NOTE


@dataclass(frozen=True, slots=True)
class Filters:
    """What the reader asked to see; empty means everything."""

    kinds: tuple[str, ...] = ()
    measures: bool = True
    notes: bool = True
    author_role_id: int | None = None
    urgent: bool = False
    files: bool = False
    since: datetime | None = None
    words: str = ""
    # What happened in other rooms, by key of `core.timeline`; nothing unless asked.
    happenings: tuple[str, ...] = ()


# Who wrote a note or a measure `{0}`, in columns; and who a note `{0}` is for, what it carries.
_AUTHOR = """COALESCE(NULLIF(r{0}.specialty_label, ''), r{0}.profession_label, ''),
  COALESCE(o{0}.name, ''),
  COALESCE(trim(d{0}.civility || ' ' || d{0}.given || ' ' || d{0}.family), '')"""
_AUTHOR_TABLES = """
  LEFT JOIN directory_practitionerrole r{0} ON r{0}.id = {0}.author_role_id
  LEFT JOIN directory_organization o{0}
    ON o{0}.id = COALESCE(r{0}.organization_id, {0}.author_organization_id)
  LEFT JOIN directory_practitionerrole b{0} ON b{0}.id = {0}.on_behalf_of_id
  LEFT JOIN directory_practitioner d{0} ON d{0}.id = b{0}.practitioner_id"""
_SEEN = """(SELECT json_build_array(count(*), COALESCE(bool_or(t.role_id = %(reader)s), false))
    FROM notebook_notereceipt t WHERE t.note_id = {0}.id)"""
_FILES = """(SELECT json_agg(json_build_array(
             d.id, d.title, f.media_type, f.size,
             CASE WHEN d.status = 'current' THEN f.number END, f.width IS NOT NULL) ORDER BY d.id)
    FROM notebook_notefile a JOIN documents_document d ON d.id = a.document_id
    JOIN documents_file f ON f.document_id = d.id AND f.number = d.version
    WHERE a.note_id = {0}.id)"""
_MOST_REPLIES = 100

# Notes, measures and what happened in other rooms are one stream, newest first. Each branch stops
# at the page's size, then their union is cut again; replies come along as JSON, oldest first.
# The person is asked for in a subquery, which a plan cannot look into: the session keeps one plan
# for everybody, where a person of few rows would have been planned for at each request.
_TIMELINE = (
    """
WITH page AS (
  (SELECT 'n' AS source, n.id, n.occurred_at, n.recorded_at, n.kind, n.author_role_id,
          n.author_organization_id, n.author_name, n.on_behalf_of_id, n.text, n.urgent,
          n.corrected_at, n.correction_reason, n.withdrawn_at, n.withdrawal_reason,
          n.visibility, n.mentions, NULL::numeric AS value, NULL::numeric AS second_value,
          NULL::json AS said
   FROM notebook_note n
   WHERE n.patient_id = (SELECT %(patient)s::bigint) AND n.replies_to_id IS NULL {notes}
   ORDER BY n.occurred_at DESC, n.id DESC LIMIT %(limit)s)
  UNION ALL
  (SELECT 'm', m.id, m.occurred_at, m.recorded_at, m.kind, m.author_role_id,
          m.author_organization_id, m.author_name, m.on_behalf_of_id, m.comment, false, NULL, '',
          CASE WHEN m.status = 'entered-in-error' THEN m.status_changed_at END, '', 'circle', NULL,
          m.value, m.second_value, NULL
   FROM notebook_measure m
   WHERE m.patient_id = (SELECT %(patient)s::bigint) {measures}
   ORDER BY m.occurred_at DESC, m.id DESC LIMIT %(limit)s)
  {happenings}
  ORDER BY 3 DESC, 1 DESC, 2 DESC LIMIT %(limit)s
)
SELECT page.source, page.id, page.occurred_at, page.recorded_at, page.kind, page.author_role_id,
       COALESCE(NULLIF(page.author_name, ''),
                trim(w.civility || ' ' || w.given || ' ' || w.family), ''), """  # noqa: S608 (columns written here, never what is asked)
    + _AUTHOR.format("page")
    + """,
       page.text, page.urgent, page.corrected_at, page.correction_reason, page.withdrawn_at,
       page.withdrawal_reason, page.visibility, page.mentions,
       CASE WHEN page.source = 'n' THEN """
    + _SEEN.format("page")
    + """ END,
       CASE WHEN page.source = 'n' THEN """
    + _FILES.format("page")
    + """ END,
       page.value, page.second_value,
       CASE WHEN page.source = 'n' THEN (
         SELECT json_agg(json_build_array(
                  c.id, c.occurred_at, c.recorded_at, c.kind, c.author_role_id, c.author_name, """
    + _AUTHOR.format("c")
    + """,
                  c.text, c.urgent, c.corrected_at, c.correction_reason, c.withdrawn_at,
                  c.withdrawal_reason, c.visibility, c.mentions, """
    + _SEEN.format("c")
    + ", "
    + _FILES.format("c")
    + """) ORDER BY c.occurred_at, c.id)
         FROM (SELECT * FROM notebook_note a WHERE a.replies_to_id = page.id
               ORDER BY a.occurred_at DESC, a.id DESC LIMIT %(replies)s) c"""
    + _AUTHOR_TABLES.format("c")
    + """) END, page.said
FROM page"""
    + _AUTHOR_TABLES.format("page")
    + """
  LEFT JOIN directory_practitioner w ON w.id = rpage.practitioner_id
ORDER BY page.occurred_at DESC, page.source DESC, page.id DESC
"""
)
_BEFORE = (
    " AND {0}.occurred_at <= %(before)s"
    " AND ({0}.occurred_at, '{0}', {0}.id) < (%(before)s, %(before_source)s, %(before_id)s)"
)
_NO_ROW = " AND false"
_HAPPENING = """UNION ALL
  (SELECT '{0.letter}', {0.pk}, {0.at}, {recorded}, '', {0.author_role}, {0.author_organization},
          {0.author_name}, {0.on_behalf_of}, '', false, NULL, '', {0.struck}, {0.struck_reason},
          {0.visibility}, NULL, NULL, NULL, json_build_object({0.said})
   FROM {0.table}
   WHERE {0.patient} = (SELECT %(patient)s::bigint) AND {0.at} <= %(now)s {conditions}
   ORDER BY {0.at} DESC, {0.pk} DESC LIMIT %(limit)s)"""
_HAPPENING_BEFORE = (
    " AND {0.at} <= %(before)s"
    " AND ({0.at}, '{0.letter}', {0.pk}) < (%(before)s, %(before_source)s, %(before_id)s)"
)
# Those that changed, or were answered, since a moment: by the index of what changed.
_CHANGED = """ AND n.id IN (SELECT COALESCE(c.replies_to_id, c.id) FROM notebook_note c
  WHERE c.patient_id = %(patient)s AND c.updated_at > %(since)s)"""
# A note carries a bounded number of files: so many of them hold a page of notes.
_WITH_FILES = """ AND n.id IN (SELECT f.thread_id FROM notebook_notefile f
  WHERE f.patient_id = %(patient)s AND f.occurred_at <= %(latest)s
  ORDER BY f.occurred_at DESC LIMIT %(most_files)s)"""
_WITH_WORDS = " AND n.id IN (SELECT notebook_search(%(patient)s, %(words)s, 1000))"
_FILES_OF_A_THREAD = 40


def timeline(
    *,
    patient_id: int,
    limit: int = PAGE_SIZE,
    before: Position | None = None,
    filters: Filters | None = None,
    reader_role_id: int | None = None,
    now: datetime | None = None,
) -> list[Entry]:
    """Return notes (with their replies), measures and, if asked, what else happened: one query.

    The latest first.

    Args:
        now: until when other rooms are asked what happened.
        before: the last entry of the page before; the page starts right after it.
        reader_role_id: whose marks "seen" are told.
    """
    asked = filters or Filters()
    notes = measures = ""
    if before is not None:
        notes, measures = _BEFORE.format("n"), _BEFORE.format("m")
    if asked.kinds:
        notes += (
            " AND n.kind = ANY (%(kinds)s)" if len(asked.kinds) > 1 else " AND n.kind = %(kind)s"
        )
    if asked.author_role_id is not None:
        notes += " AND n.author_role_id = %(author)s"
        measures += " AND m.author_role_id = %(author)s"
    if asked.urgent:
        notes += " AND n.urgent"
    if asked.since is not None:
        notes += _CHANGED
        measures += " AND m.updated_at > %(since)s"
    if asked.files:
        notes += _WITH_FILES
    words = search_words(asked.words)
    if words:
        notes += _WITH_WORDS
    with connection.cursor() as cursor:
        cursor.execute(
            _TIMELINE.format(
                notes=notes if asked.notes else _NO_ROW,
                measures=measures
                if asked.measures and not (asked.urgent or asked.files or words)
                else _NO_ROW,
                happenings="".join(
                    _happening(each, asked, continued=before is not None)
                    for each in happenings.sources(asked.happenings)
                    if _is_asked(each, asked, words=words)
                ),
            ),
            {
                "patient": patient_id,
                "now": now or "infinity",
                "limit": limit,
                "replies": _MOST_REPLIES,
                "reader": reader_role_id,
                "before": before.occurred_at if before else None,
                "before_source": before.source if before else "",
                "before_id": before.pk if before else 0,
                "kinds": list(asked.kinds),
                "kind": asked.kinds[0] if asked.kinds else "",
                "author": asked.author_role_id,
                "since": asked.since,
                "latest": before.occurred_at if before else "infinity",
                "most_files": limit * _FILES_OF_A_THREAD,
                "words": words,
            },
        )
        rows = cursor.fetchall()
    return [_entry(row[0], row[1:], told=True) for row in rows]


def _is_asked(source: happenings.Source, asked: Filters, *, words: str) -> bool:
    """Tell whether a filter leaves rows of another room: they are no urgent note, nor words."""
    return not (
        asked.urgent
        or words
        or (asked.files and not source.is_file)
        or (asked.author_role_id is not None and not source.author)
    )


def _happening(source: happenings.Source, asked: Filters, *, continued: bool) -> str:
    """Return the branch of the timeline that reads what happened in another room."""
    conditions = source.where
    if continued:
        conditions += _HAPPENING_BEFORE.format(source)
    if asked.author_role_id is not None:
        conditions += f" AND {source.author} = %(author)s"
    if asked.since is not None:
        conditions += f" AND {source.changed or source.at} > %(since)s"
    return _HAPPENING.format(source, recorded=source.recorded or source.at, conditions=conditions)


def search_words(text: str) -> str:
    """Return what is looked for in the words of notes: each word, or one that begins so."""
    words = re.findall(r"\w+", text)[:8]
    return " & ".join(f"{word}:*" for word in words)


def _entry(source: str, row: Sequence[Any], *, told: bool = False) -> Entry:
    """Return the entry of a row; a reply comes as JSON, its moments as text."""
    values = (
        row
        if told
        else [_moment(each) if rank in _MOMENTS else each for rank, each in enumerate(row)]
    )
    mentions, seen = values[16], values[17] or (0, False)
    return Entry(
        source,
        *values[:16],
        mentions=json.loads(mentions) if isinstance(mentions, str) else mentions,
        seen_count=seen[0],
        seen_by_reader=seen[1],
        files=tuple(Attached(*each) for each in values[18] or ()),
        value=values[19] if told else None,
        second_value=values[20] if told else None,
        replies=tuple(_entry(NOTE, each) for each in (values[21] or ())) if told else (),
        said=happenings.told(values[22]) if told and values[22] else None,
    )


_MOMENTS = frozenset({1, 2, 11, 13})


def _moment(value: object) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None


# One step of the index for each author, whatever they wrote; one plan, as for the timeline.
_AUTHORS = """
SELECT id FROM (WITH RECURSIVE step AS (
  (SELECT {author} AS id FROM {table}
   WHERE {patient} = (SELECT %(patient)s::bigint) AND {author} IS NOT NULL {where}
   ORDER BY {author} LIMIT 1)
  UNION ALL
  SELECT (SELECT {author} FROM {table}
          WHERE {patient} = (SELECT %(patient)s::bigint) AND {author} > step.id {where}
          ORDER BY {author} LIMIT 1)
  FROM step WHERE step.id IS NOT NULL
) SELECT id FROM step WHERE id IS NOT NULL) wrote"""
_ALL_AUTHORS = """
SELECT r.id, trim(d.given || ' ' || d.family)
FROM ({authors}) wrote
JOIN directory_practitionerrole r ON r.id = wrote.id
JOIN directory_practitioner d ON d.id = r.practitioner_id
ORDER BY d.family, d.given, r.id LIMIT 200"""


def authors(*, patient_id: int) -> list[tuple[int, str]]:
    """Return (role id, name) of everyone who wrote on the timeline, by name, in one query."""
    written = [
        {
            "table": f"notebook_{each} x",
            "author": "x.author_role_id",
            "patient": "x.patient_id",
            "where": "",
        }
        for each in ("note", "measure")
    ]
    written += [
        {
            "table": each.table,
            "author": each.author,
            "patient": each.patient,
            "where": each.where,
        }
        for each in happenings.sources(key for key, _ in happenings.choices())
        if each.lists_authors
    ]
    steps = " UNION ".join(_AUTHORS.format(**each) for each in written)
    with connection.cursor() as cursor:
        cursor.execute(_ALL_AUTHORS.format(authors=steps), {"patient": patient_id})
        return cursor.fetchall()


@dataclass(frozen=True, slots=True)
class Reading:
    """Who has seen a note, and when first."""

    role_id: int
    reader: str
    role_label: str
    organization: str
    seen_at: datetime


def readings(*, note: Note) -> list[Reading]:
    """Return who has seen a note, the first one first, in one query."""
    found = NoteReceipt.objects.filter(note_id=note.pk).select_related("role__organization")
    return [
        Reading(
            each.role_id,
            each.reader_name,
            each.role.label,
            each.role.organization.name,
            each.seen_at,
        )
        for each in found.order_by("seen_at", "pk")[:200]
    ]


def delegators(*, actor: Actor) -> list[tuple[int, str]]:
    """Return (role id, name) of those for whom the actor may write, by name, in one query."""
    roles = PractitionerRole.objects.filter(pk__in=actor.delegated_role_ids)
    return [
        (role.pk, f"{role.practitioner}, {role.label.lower()}")
        for role in roles.select_related("practitioner").order_by("practitioner__family", "pk")
    ]


@dataclass(frozen=True, slots=True)
class Version:
    """One text that a note has carried, who wrote it, from when, and why it was changed."""

    text: str
    author_name: str
    written_at: datetime
    reason: str


def versions(*, note: Note) -> list[Version]:
    """Return the texts of a note, the present one first, in one query."""
    found: list[Version] = []
    events = (
        Note.pgh_event_model.objects.filter(pgh_obj_id=note.pk)
        .order_by("pgh_id")
        .values_list("text", "author_name", "recorded_at", "corrected_at", "correction_reason")
    )
    for text, author, recorded_at, corrected_at, reason in events:
        if not found or text != found[-1].text:
            found.append(Version(text, author, corrected_at or recorded_at, reason))
    return found[::-1]


@dataclass(frozen=True, slots=True)
class MeasurePoint:
    """One valid measure of a series."""

    pk: int
    kind: str
    occurred_at: datetime
    value: Decimal
    second_value: Decimal | None
    author_role_id: int | None
    author_name: str
    role_label: str
    comment: str


# The last measures of each kind, one walk of the index a kind: the same cost for 10 as for 20 000.
_MEASURES = """
SELECT m.id, m.kind, m.occurred_at, m.value, m.second_value, m.author_role_id, m.author_name,
       COALESCE(NULLIF(r.specialty_label, ''), r.profession_label, ''), m.comment
FROM unnest(%(kinds)s::text[]) WITH ORDINALITY AS asked (kind, rank)
CROSS JOIN LATERAL (
  SELECT * FROM notebook_measure o
  WHERE o.patient_id = %(patient)s AND o.kind = asked.kind AND o.status = %(status)s
    AND (%(since)s::timestamptz IS NULL OR o.occurred_at >= %(since)s)
  ORDER BY o.occurred_at DESC, o.id DESC LIMIT %(each)s
) m
LEFT JOIN directory_practitionerrole r ON r.id = m.author_role_id
ORDER BY asked.rank, m.occurred_at, m.id
"""


def series(
    *, patient_id: int, each: int = MEASURES_SHOWN, since: datetime | None = None
) -> dict[str, list[MeasurePoint]]:
    """Return the last valid measures of each kind, oldest first, at most `each`, in one query."""
    return _points(patient_id, MeasureKind.values, each=each, since=since)


def _points(
    patient_id: int, kinds: Sequence[str], *, each: int, since: datetime | None = None
) -> dict[str, list[MeasurePoint]]:
    with connection.cursor() as cursor:
        cursor.execute(
            _MEASURES,
            {
                "kinds": list(kinds),
                "patient": patient_id,
                "status": MeasureStatus.FINAL,
                "since": since,
                "each": each,
            },
        )
        found: dict[str, list[MeasurePoint]] = {}
        for row in cursor.fetchall():
            point = MeasurePoint(*row)
            found.setdefault(point.kind, []).append(point)
    return found


def heights(*, patient_id: int) -> list[MeasurePoint]:
    """Return the last heights of a person, oldest first, in one query."""
    return _points(patient_id, [MeasureKind.HEIGHT], each=50).get(MeasureKind.HEIGHT, [])


def last_weight(*, patient_id: int) -> Decimal | None:
    """Return the last valid weight of a person, in kg, in one query."""
    found = _points(patient_id, [MeasureKind.WEIGHT], each=1).get(MeasureKind.WEIGHT)
    return found[-1].value if found else None


def latest_measures(*, patient_id: int, each: int = 10) -> dict[str, list[MeasurePoint]]:
    """Return the last measures of each kind for a summary, oldest first, in one query."""
    return series(patient_id=patient_id, each=each)
