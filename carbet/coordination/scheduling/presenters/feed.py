"""What a private calendar is told: a time, a kind, initials at most; never a name nor a reason."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from icalendar import Calendar, Event

from carbet.coordination.scheduling.choices import ASKED, VisitKind
from carbet.coordination.scheduling.models import Absence, Appointment

REFRESH = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One event of a private calendar: initials at most, never a name nor a reason."""

    uid: str
    start: datetime
    end: datetime
    summary: str
    confirmed: bool
    version: int
    updated_at: datetime


def feed_events(rows: Iterable[Appointment], absences: Iterable[Absence]) -> list[FeedEvent]:
    """Return what a calendar is told of visits and absences."""
    found = []
    for row in rows:
        if row.start is None or row.end is None:
            continue
        letters = initials(row)
        words = {
            VisitKind.HOME: "Visite",
            VisitKind.OFFICE: "Consultation",
            VisitKind.VIDEO: "Téléconsultation",
            VisitKind.MEETING: "Réunion",
        }[VisitKind(row.kind)]
        found.append(
            FeedEvent(
                uid=f"rendez-vous-{row.pk}@carbet",
                start=row.start,
                end=row.end,
                summary=f"{words} {letters}".strip(),
                confirmed=row.status not in ASKED,
                version=row.version,
                updated_at=row.updated_at,
            )
        )
    found += [
        FeedEvent(
            uid=f"absence-{each.pk}@carbet",
            start=each.start,
            end=each.end,
            summary="Indisponible",
            confirmed=True,
            version=1,
            updated_at=each.created_at,
        )
        for each in absences
    ]
    return found


def initials(row: Appointment) -> str:
    """Return the initials of the person, nothing when the record is closed."""
    person = row.patient if row.patient_id is not None else None
    if person is None:
        return ""
    given = person.used_given or person.birth_given[0]
    family = person.used_family or person.birth_family
    return f"{given[:1]}{family[:1]}".upper()


def calendar(events: Iterable[FeedEvent]) -> bytes:
    """Return the iCalendar text (RFC 5545): moments in UTC, right whatever the reader's zone."""
    written = Calendar()
    written.add("prodid", "-//Carbet//Agenda//FR")
    written.add("version", "2.0")
    written.add("method", "PUBLISH")
    written.add("x-wr-calname", "Carbet")
    written.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    written.add("x-published-ttl", "PT30M")
    for event in events:
        each = Event()
        each.add("uid", event.uid)
        each.add("dtstamp", event.updated_at)
        each.add("last-modified", event.updated_at)
        each.add("sequence", event.version)
        each.add("dtstart", event.start)
        each.add("dtend", event.end)
        each.add("summary", event.summary)
        each.add("status", "CONFIRMED" if event.confirmed else "TENTATIVE")
        each.add("class", "PRIVATE")
        written.add_component(each)
    return written.to_ical()
