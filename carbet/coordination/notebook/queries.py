"""What can be asked of a notebook: its timeline by pages, its authors, versions and measures."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection

from carbet.coordination.notebook.choices import MeasureStatus
from carbet.coordination.notebook.models import Note
from carbet.core.actor import Actor
from carbet.registries.directory.models import PractitionerRole

PAGE_SIZE = 25
MEASURES_SHOWN = 60
NOTE, MEASURE = "n", "m"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of the timeline ends: the last entry shown, notes and measures together."""

    occurred_at: datetime
    source: str
    pk: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One note or one measure of the timeline, with its author and, for a note, its replies."""

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
    value: Decimal | None = None
    second_value: Decimal | None = None
    replies: tuple["Entry", ...] = ()

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
    since: datetime | None = None


# Notes and measures are one stream, newest first. Each branch stops at the page's size, then their
# union is cut again; replies come along as JSON, oldest first.
_TIMELINE = """
WITH page AS (
  (SELECT 'n' AS source, n.id, n.occurred_at, n.recorded_at, n.kind, n.author_role_id,
          n.author_name, n.on_behalf_of_id, n.text, n.urgent, n.corrected_at,
          n.correction_reason, n.withdrawn_at, n.withdrawal_reason,
          NULL::numeric AS value, NULL::numeric AS second_value
   FROM notebook_note n
   WHERE n.patient_id = %(patient)s AND n.replies_to_id IS NULL AND %(notes)s
     AND (%(before)s::timestamptz IS NULL OR (n.occurred_at <= %(before)s
          AND (n.occurred_at, 'n', n.id) < (%(before)s, %(before_source)s, %(before_id)s)))
     AND (%(kinds)s::text[] IS NULL OR n.kind = ANY (%(kinds)s))
     AND (%(author)s::bigint IS NULL OR n.author_role_id = %(author)s)
     AND (n.urgent OR NOT %(urgent)s)
     AND (%(since)s::timestamptz IS NULL OR n.recorded_at > %(since)s
          OR n.corrected_at > %(since)s OR n.withdrawn_at > %(since)s
          OR EXISTS (SELECT 1 FROM notebook_note r
                     WHERE r.replies_to_id = n.id AND r.recorded_at > %(since)s))
   ORDER BY n.occurred_at DESC, n.id DESC LIMIT %(limit)s)
  UNION ALL
  (SELECT 'm', m.id, m.occurred_at, m.recorded_at, m.kind, m.author_role_id, m.author_name,
          m.on_behalf_of_id, m.comment, false, NULL, '',
          CASE WHEN m.status = 'entered-in-error' THEN m.status_changed_at END, '',
          m.value, m.second_value
   FROM notebook_measure m
   WHERE m.patient_id = %(patient)s AND %(measures)s
     AND (%(before)s::timestamptz IS NULL OR (m.occurred_at <= %(before)s
          AND (m.occurred_at, 'm', m.id) < (%(before)s, %(before_source)s, %(before_id)s)))
     AND (%(author)s::bigint IS NULL OR m.author_role_id = %(author)s)
     AND (%(since)s::timestamptz IS NULL OR m.recorded_at > %(since)s
          OR m.status_changed_at > %(since)s)
   ORDER BY m.occurred_at DESC, m.id DESC LIMIT %(limit)s)
  ORDER BY 3 DESC, 1 DESC, 2 DESC LIMIT %(limit)s
)
SELECT page.source, page.id, page.occurred_at, page.recorded_at, page.kind, page.author_role_id,
       page.author_name, COALESCE(NULLIF(r.specialty_label, ''), r.profession_label, ''),
       COALESCE(o.name, ''), COALESCE(trim(d.civility || ' ' || d.given || ' ' || d.family), ''),
       page.text, page.urgent, page.corrected_at, page.correction_reason, page.withdrawn_at,
       page.withdrawal_reason, page.value, page.second_value,
       CASE WHEN page.source = 'n' THEN (
         SELECT json_agg(json_build_array(
                  c.id, c.occurred_at, c.recorded_at, c.kind, c.author_role_id, c.author_name,
                  COALESCE(NULLIF(cr.specialty_label, ''), cr.profession_label, ''),
                  COALESCE(co.name, ''),
                  COALESCE(trim(cd.civility || ' ' || cd.given || ' ' || cd.family), ''),
                  c.text, c.urgent, c.corrected_at, c.correction_reason, c.withdrawn_at,
                  c.withdrawal_reason) ORDER BY c.occurred_at, c.id)
         FROM notebook_note c
         LEFT JOIN directory_practitionerrole cr ON cr.id = c.author_role_id
         LEFT JOIN directory_organization co ON co.id = cr.organization_id
         LEFT JOIN directory_practitionerrole cb ON cb.id = c.on_behalf_of_id
         LEFT JOIN directory_practitioner cd ON cd.id = cb.practitioner_id
         WHERE c.replies_to_id = page.id) END
FROM page
LEFT JOIN directory_practitionerrole r ON r.id = page.author_role_id
LEFT JOIN directory_organization o ON o.id = r.organization_id
LEFT JOIN directory_practitionerrole b ON b.id = page.on_behalf_of_id
LEFT JOIN directory_practitioner d ON d.id = b.practitioner_id
ORDER BY page.occurred_at DESC, page.source DESC, page.id DESC
"""


def timeline(
    *,
    patient_id: int,
    limit: int = PAGE_SIZE,
    before: Position | None = None,
    filters: Filters | None = None,
) -> list[Entry]:
    """Return notes (with their replies) and measures, the latest first, in one query.

    Args:
        before: the last entry of the page before; the page starts right after it.
    """
    asked = filters or Filters()
    with connection.cursor() as cursor:
        cursor.execute(
            _TIMELINE,
            {
                "patient": patient_id,
                "limit": limit,
                "before": before.occurred_at if before else None,
                "before_source": before.source if before else "",
                "before_id": before.pk if before else 0,
                "notes": asked.notes,
                "measures": asked.measures and not asked.urgent,
                "kinds": list(asked.kinds) or None,
                "author": asked.author_role_id,
                "urgent": asked.urgent,
                "since": asked.since,
            },
        )
        rows = cursor.fetchall()
    return [
        Entry(NOTE, *row[1:18], _replies(row[18])) if row[0] == NOTE else Entry(*row[:18])
        for row in rows
    ]


def _replies(rows: list[list[object]] | None) -> tuple[Entry, ...]:
    return tuple(
        Entry(
            NOTE, *(_moment(value) if rank in _MOMENTS else value for rank, value in enumerate(row))
        )
        for row in rows or ()
    )


_MOMENTS = frozenset({1, 2, 11, 13})


def _moment(value: object) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None


def authors(*, patient_id: int) -> list[tuple[int, str]]:
    """Return (role id, name) of everyone who wrote in the notebook, by name, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT author_role_id, max(author_name) FROM ("
            " SELECT author_role_id, author_name FROM notebook_note"
            " WHERE patient_id = %(patient)s AND author_role_id IS NOT NULL"
            " UNION SELECT author_role_id, author_name FROM notebook_measure"
            " WHERE patient_id = %(patient)s AND author_role_id IS NOT NULL) AS written"
            " GROUP BY author_role_id ORDER BY 2, 1",
            {"patient": patient_id},
        )
        return cursor.fetchall()


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


_MEASURES = """
SELECT k.pk, k.kind, k.occurred_at, k.value, k.second_value, k.author_role_id, k.author_name,
       COALESCE(NULLIF(r.specialty_label, ''), r.profession_label, ''), k.comment
FROM (
  SELECT m.id AS pk, m.kind, m.occurred_at, m.value, m.second_value, m.author_role_id,
         m.author_name, m.comment,
         row_number() OVER (PARTITION BY m.kind ORDER BY m.occurred_at DESC, m.id DESC) AS rank
  FROM notebook_measure m
  WHERE m.patient_id = %s AND m.status = %s
) k
LEFT JOIN directory_practitionerrole r ON r.id = k.author_role_id
WHERE k.rank <= %s
ORDER BY k.kind, k.occurred_at, k.pk
"""


def series(*, patient_id: int, each: int = MEASURES_SHOWN) -> dict[str, list[MeasurePoint]]:
    """Return the last valid measures of each kind, oldest first, at most `each`, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(_MEASURES, [patient_id, MeasureStatus.FINAL, each])
        found: dict[str, list[MeasurePoint]] = {}
        for row in cursor.fetchall():
            point = MeasurePoint(*row)
            found.setdefault(point.kind, []).append(point)
    return found


def latest_measures(*, patient_id: int, each: int = 10) -> dict[str, list[MeasurePoint]]:
    """Return the last measures of each kind for a summary, oldest first, in one query."""
    return series(patient_id=patient_id, each=each)
