"""What can be asked of the feed: what waits or is stopped, its figures, routes and stays."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, IntegerField, Max, Q, QuerySet
from django.db.models.expressions import RawSQL

from carbet.core import row_security
from carbet.interop.hospital_feed.access import HOUSE
from carbet.interop.hospital_feed.choices import MessageStatus
from carbet.interop.hospital_feed.models import Encounter, FeedRoute, HospitalMessage, Movement
from carbet.registries.directory.models import Organization

PAGE = 25
MOST_ROUTES = 200
SHOWN_STAYS = 25


@dataclass(frozen=True)
class MessagePage:
    """One page of messages; `next_before` begins the next one, None at the end."""

    messages: list[HospitalMessage]
    next_before: int | None


@dataclass(frozen=True)
class Figures:
    """How the feed flows: what waits and since when, what came in the last hour and day."""

    waiting: int
    oldest_waiting_at: datetime | None
    blocked: int
    held: int
    dead: int
    hour: int
    day: int
    refused: int
    repaired: int
    slowest_seconds: float | None
    median_seconds: float | None


@dataclass(frozen=True)
class Flow:
    """What one sender sent in a day."""

    facility: str
    type: str
    event: str
    received: int
    done: int
    stopped: int
    last_at: datetime


def is_waiting(*, now: datetime) -> bool:
    """Tell whether a message waits to be carried out now."""
    with row_security.acting_as(HOUSE, now=now):
        return HospitalMessage.objects.filter(
            status=MessageStatus.WAITING, due_at__lte=now
        ).exists()


# Who first opened each document whose sender awaits to be told; nobody waits beyond three months.
MOST_READINGS = 200
_AWAITED_DAYS = 90
_READ = """
SELECT a.id, e.role_id
FROM hospital_feed_awaitedreading a
JOIN documents_document d ON d.id = a.document_id
CROSS JOIN LATERAL (
  SELECT e.role_id FROM documents_file f
  JOIN core_auditevent e ON e.patient_id = d.patient_id AND e.operation = 'documents.open'
    AND e.outcome = 0 AND e.actor_kind = 'professional' AND e.entity = 'File/' || f.id
    AND e.recorded_at >= a.filed_at
  WHERE f.document_id = d.id
  ORDER BY e.recorded_at LIMIT 1
) e
WHERE a.told_at IS NULL AND a.filed_at > %s
ORDER BY a.filed_at LIMIT %s
"""


def readings_to_tell(*, now: datetime) -> list[tuple[int, int | None]]:
    """Return the documents opened since they came, whose senders await it: (row, who's role)."""
    with row_security.acting_as(HOUSE, now=now), connection.cursor() as cursor:
        cursor.execute(_READ, [now - timedelta(days=_AWAITED_DAYS), MOST_READINGS])
        return cursor.fetchall()


_FIGURES = """
WITH waits AS (
  SELECT count(*) FILTER (WHERE status = 'waiting') AS waiting,
         min(received_at) FILTER (WHERE status = 'waiting') AS oldest,
         count(*) FILTER (WHERE status = 'blocked') AS blocked,
         count(*) FILTER (WHERE status = 'held') AS held,
         count(*) FILTER (WHERE status = 'dead') AS dead
  FROM hospital_feed_hospitalmessage WHERE status IN ('waiting', 'blocked', 'held', 'dead')
), day AS (
  SELECT count(*) FILTER (WHERE received_at > %(hour)s) AS hour, count(*) AS day,
         count(*) FILTER (WHERE status = 'refused') AS refused,
         count(*) FILTER (WHERE mended > 0) AS repaired,
         extract(epoch FROM max(settled_at - received_at) FILTER (WHERE status = 'done'))
           AS slowest,
         extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY settled_at - received_at)
           FILTER (WHERE status = 'done')) AS median
  FROM hospital_feed_hospitalmessage WHERE received_at > %(day)s
)
SELECT waiting, oldest, blocked, held, dead, hour, day, refused, repaired, slowest, median
FROM waits, day
"""


def flow(*, now: datetime) -> tuple[Figures, list[Flow]]:
    """Return how the feed flows, and what each sender sent in the last day, by event."""
    with row_security.acting_as(HOUSE, now=now):
        return _figures(now=now), _flows(now=now)


def _figures(*, now: datetime) -> Figures:
    asked = {"hour": now - timedelta(hours=1), "day": now - timedelta(days=1)}
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES, asked)
        row = cursor.fetchone()
    return Figures(*row[:9], *(None if each is None else float(each) for each in row[9:]))


def _flows(*, now: datetime) -> list[Flow]:
    stopped = Q(status__in=(MessageStatus.DEAD, MessageStatus.HELD, MessageStatus.BLOCKED))
    rows = (
        HospitalMessage.objects.filter(received_at__gt=now - timedelta(days=1))
        .values_list("facility", "type", "event")
        .annotate(
            received=Count("pk"),
            done=Count("pk", filter=Q(status=MessageStatus.DONE)),
            stopped=Count("pk", filter=stopped),
            last_at=Max("received_at"),
        )
        .order_by("facility", "type", "event")
    )
    return [Flow(*row) for row in rows[:100]]


def messages(*, status: str, now: datetime, before: int | None = None) -> MessagePage:
    """Return the messages in this status, the latest first, 25 a page."""
    with row_security.acting_as(HOUSE, now=now):
        rows = HospitalMessage.objects.filter(status=status)
        if before is not None:
            rows = rows.filter(pk__lt=before)
        found = list(_with_those_behind(rows).order_by("-pk")[: PAGE + 1])
    return MessagePage(found[:PAGE], found[PAGE - 1].pk if len(found) > PAGE else None)


def message(*, message_id: int, now: datetime) -> HospitalMessage | None:
    """Return one message, with how many wait behind it, or None."""
    with row_security.acting_as(HOUSE, now=now):
        return _with_those_behind(HospitalMessage.objects.filter(pk=message_id)).first()


def routes() -> list[FeedRoute]:
    """Return the routes, those in force first."""
    rows = FeedRoute.objects.select_related("organization")
    return list(rows.order_by("-active", "facility", "application", "pk")[:MOST_ROUTES])


def organization_of(*, finess: str) -> Organization | None:
    """Return the establishment of a FINESS number, the place before the legal entity."""
    found = Organization.objects.filter(finess=finess, active=True).order_by("kind")
    return found.first()


def stays_of(*, patient_id: int) -> list[Encounter]:
    """Return the stays of a person, the latest first."""
    rows = Encounter.objects.filter(patient_id=patient_id).select_related("organization")
    return list(rows.order_by("-started_at", "-pk")[:SHOWN_STAYS])


def movements_of(*, stays: list[Encounter]) -> list[Movement]:
    """Return the movements of these stays, in order."""
    rows = Movement.objects.filter(encounter__in=stays).order_by("started_at", "pk")
    return list(rows[: SHOWN_STAYS * 20])


def _with_those_behind(rows: QuerySet[HospitalMessage]) -> QuerySet[HospitalMessage]:
    behind = RawSQL(
        "(SELECT count(*) FROM hospital_feed_hospitalmessage b"
        " WHERE b.behind_id = hospital_feed_hospitalmessage.id AND b.status = 'blocked')",
        (),
        output_field=IntegerField(),
    )
    return rows.annotate(those_behind=behind)
