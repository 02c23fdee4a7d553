"""What can be asked of the agenda: a day, what is free, what clashes, who waits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Prefetch, Q, QuerySet

from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.orientation.rules import travel
from carbet.coordination.scheduling.choices import (
    FIRM,
    OPEN,
    SHOWN,
    AppointmentStatus,
    ParticipationStatus,
    SlotStatus,
    VisitKind,
)
from carbet.coordination.scheduling.models import (
    Absence,
    Appointment,
    AppointmentParticipant,
    CalendarFeed,
    Schedule,
    Slot,
)
from carbet.coordination.scheduling.rules import spans
from carbet.coordination.scheduling.rules.spans import Haste, Span, Stop
from carbet.core.actor import Level, organization_key, role_key
from carbet.registries.directory.models import PractitionerRole
from carbet.registries.directory.models.rights import holding_delegations
from carbet.registries.patients.models import Patient

# Nobody has more visits than this in the six weeks of a month's page.
MOST_SHOWN = 800
PAGE = 30
SLOTS_SHOWN = 60
SLOTS_AHEAD, ABSENCES_AHEAD = timedelta(days=92), timedelta(days=366)
FEED_BEHIND, FEED_AHEAD = timedelta(days=31), timedelta(days=183)


def participants_with_names() -> QuerySet[AppointmentParticipant]:
    """Return participants with what it takes to name them, those asked first."""
    return AppointmentParticipant.objects.select_related(
        "practitioner_role__practitioner", "organization"
    ).order_by("pk")


def agenda(*, role_ids: Sequence[int], low: datetime, high: datetime) -> list[Appointment]:
    """Return what stands in the agendas of these roles in [low, high), in order, in two queries.

    Each appointment has its person (None when the record is closed), and its participants.
    """
    return list(
        Appointment.objects.filter(
            status__in=SHOWN,
            start__lt=high,
            end__gt=low,
            start__gt=low - timedelta(days=1),
            participants__practitioner_role_id__in=role_ids,
            participants__shown=True,
        )
        .exclude(
            participants__practitioner_role_id__in=role_ids,
            participants__status=ParticipationStatus.DECLINED,
        )
        .select_related("patient__commune", "series")
        .prefetch_related(Prefetch("participants", queryset=participants_with_names()))
        .distinct()
        .order_by("start", "pk")[:MOST_SHOWN]
    )


def of_patient(
    *, patient_id: int, now: datetime, past: bool = False, before: datetime | None = None
) -> list[Appointment]:
    """Return the appointments of a person: those to come in order, or past ones, latest first."""
    found = Appointment.objects.filter(patient_id=patient_id, start__isnull=False)
    if past:
        found = found.filter(end__lte=before or now).order_by("-start", "-pk")
    else:
        found = found.filter(end__gt=before or now, status__in=SHOWN).order_by("start", "pk")
    return list(
        found.select_related("series").prefetch_related(
            Prefetch("participants", queryset=participants_with_names())
        )[: PAGE + 1]
    )


def waiting_of_patient(*, patient_id: int) -> list[Appointment]:
    """Return what a person waits for without a time yet."""
    return list(
        Appointment.objects.filter(
            patient_id=patient_id,
            start__isnull=True,
            status__in=(AppointmentStatus.WAITLIST, *OPEN),
        )
        .prefetch_related(Prefetch("participants", queryset=participants_with_names()))
        .order_by("created_at", "pk")[:PAGE]
    )


def to_answer(
    *, role_ids: Sequence[int], organization_id: int | None, now: datetime
) -> list[Appointment]:
    """Return the requests that wait for an answer of these roles, the soonest first."""
    asked = Q(participants__practitioner_role_id__in=role_ids)
    if organization_id is not None:
        asked |= Q(
            participants__practitioner_role__isnull=True,
            participants__organization_id=organization_id,
        )
    return list(
        Appointment.objects.filter(
            asked,
            status__in=(AppointmentStatus.PROPOSED, AppointmentStatus.PENDING),
            participants__status=ParticipationStatus.NEEDS_ACTION,
            participants__shown=True,
            end__gt=now,
        )
        .select_related("patient__commune", "series")
        .prefetch_related(Prefetch("participants", queryset=participants_with_names()))
        .distinct()
        .order_by("start", "pk")[:PAGE]
    )


def proposals_to_author(*, role_ids: Sequence[int], now: datetime) -> list[Appointment]:
    """Return what these roles asked for and somebody proposed another time for."""
    return list(
        Appointment.objects.filter(
            author_role_id__in=role_ids, awaits_author=True, status__in=OPEN, end__gt=now
        )
        .select_related("patient__commune", "series")
        .prefetch_related(Prefetch("participants", queryset=participants_with_names()))
        .order_by("start", "pk")[:PAGE]
    )


def waiting_for(*, role_ids: Sequence[int]) -> list[Appointment]:
    """Return the waiting list of these roles, first come first."""
    return list(
        Appointment.objects.filter(
            status=AppointmentStatus.WAITLIST, participants__practitioner_role_id__in=role_ids
        )
        .select_related("patient__commune")
        .prefetch_related(Prefetch("participants", queryset=participants_with_names()))
        .distinct()
        .order_by("created_at", "pk")[:PAGE]
    )


def absences(*, role_ids: Sequence[int], low: datetime, high: datetime) -> list[Absence]:
    """Return when these roles are away in [low, high)."""
    return list(
        Absence.objects.filter(
            practitioner_role_id__in=role_ids,
            cancelled_at__isnull=True,
            start__lt=high,
            end__gt=low,
        ).order_by("start", "pk")[:100]
    )


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands in agendas beside appointments: time away, free slots, time taken."""

    absences: list[Absence]
    slots: list[Slot]
    busy: list[Span]


_BESIDE = """
SELECT 'busy', 0, busy_from, busy_to, '' FROM scheduling_busy(%(roles)s, %(low)s, %(high)s)
UNION ALL
(SELECT 'away', id, start, "end", kind FROM scheduling_absence
 WHERE practitioner_role_id = ANY (%(roles)s) AND cancelled_at IS NULL
   AND start < %(high)s AND "end" > %(low)s
 ORDER BY start, id LIMIT 100)
UNION ALL
(SELECT 'free', s.id, s.start, s."end", c.kind FROM scheduling_slot s
 JOIN scheduling_schedule c ON c.id = s.schedule_id
 WHERE c.practitioner_role_id = ANY (%(roles)s) AND s.status = 'free'
   AND s.start < %(high)s AND s."end" > %(low)s
 ORDER BY s.start, s.id LIMIT 200)
ORDER BY 3, 2
"""


def beside(*, role_ids: Sequence[int], low: datetime, high: datetime) -> Beside:
    """Return what stands in the agendas of these roles beside appointments, in one query."""
    found = Beside([], [], [])
    with connection.cursor() as cursor:
        cursor.execute(_BESIDE, {"roles": list(role_ids), "low": low, "high": high})
        for what, number, start, end, kind in cursor.fetchall():
            if what == "busy":
                found.busy.append(Span(start, end))
            elif what == "away":
                found.absences.append(Absence(pk=number, start=start, end=end, kind=kind))
            else:
                found.slots.append(
                    Slot(pk=number, start=start, end=end, schedule=Schedule(kind=kind))
                )
    return found


def slots_of(*, role_ids: Sequence[int], low: datetime, high: datetime) -> list[Slot]:
    """Return the slots still free in the agendas of these roles, in order."""
    return list(
        Slot.objects.filter(
            schedule__practitioner_role_id__in=role_ids,
            status=SlotStatus.FREE,
            start__lt=high,
            end__gt=low,
        )
        .select_related("schedule")
        .order_by("start", "pk")[:200]
    )


def free_slots(
    *, role_ids: Sequence[int], after: datetime, before: datetime, most: int = SLOTS_SHOWN
) -> list[Slot]:
    """Return the slots that may be booked with these roles, in order, with who opens them."""
    return list(
        Slot.objects.filter(
            schedule__practitioner_role_id__in=role_ids,
            schedule__active=True,
            status=SlotStatus.FREE,
            start__gte=after,
            start__lt=before,
        )
        .select_related("schedule__practitioner_role__practitioner", "schedule__organization")
        .order_by("start", "pk")[:most]
    )


def slot_to_book(*, slot_id: int, role_ids: Sequence[int]) -> Slot | None:
    """Return a slot of these roles, whatever became of it since the page was shown."""
    return (
        Slot.objects.select_related("schedule__practitioner_role__practitioner")
        .filter(pk=slot_id, schedule__practitioner_role_id__in=role_ids)
        .first()
    )


def met_by_absences(
    *, role_ids: Sequence[int], absences: Sequence[Absence]
) -> dict[int, list[Appointment]]:
    """Return the appointments that still stand while somebody is away, by absence."""
    if not absences:
        return {}
    low, high = min(each.start for each in absences), max(each.end for each in absences)
    rows = [row for row in agenda(role_ids=role_ids, low=low, high=high) if row.status in OPEN]
    return {
        each.pk: [row for row in rows if Span(row.start, row.end).meets(Span(each.start, each.end))]
        for each in absences
    }


def busy(*, role_ids: Sequence[int], low: datetime, high: datetime) -> dict[int, list[Span]]:
    """Return when these colleagues are taken, by role, never for whom: 100 days at most."""
    found: dict[int, list[Span]] = {}
    if role_ids:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT role_id, busy_from, busy_to FROM scheduling_busy(%s, %s, %s)"
                " ORDER BY role_id, busy_from",
                [list(role_ids), low, high],
            )
            for role_id, start, end in cursor.fetchall():
                found.setdefault(role_id, []).append(Span(start, end))
    return found


# --- Who takes part -----------------------------------------------------------------------------


def carers(*, patient_id: int, now: datetime) -> list[PractitionerRole]:
    """Return the professionals who may be asked to see the person: those named in the record."""
    keys = care_teams.keys_of_level(patient_id=patient_id, level=Level.READ)
    named = [int(key[5:]) for key in keys if key.startswith("role:")]
    return list(
        PractitionerRole.objects.filter(
            Q(ended_at__isnull=True) | Q(ended_at__gt=now), pk__in=named
        )
        .select_related("practitioner", "organization__commune")
        .order_by("practitioner__family", "practitioner__given", "pk")[:60]
    )


def are_carers(*, patient_id: int, roles: Iterable[PractitionerRole]) -> bool:
    """Tell whether each of these roles may read the record, in their name or their structure's."""
    keys = set(care_teams.keys_of_level(patient_id=patient_id, level=Level.READ))
    return all(keys & {role_key(role.pk), organization_key(role.organization_id)} for role in roles)


def roles(*, role_ids: Iterable[int]) -> list[PractitionerRole]:
    """Return these roles with their names and the commune of their structure."""
    return list(
        PractitionerRole.objects.filter(pk__in=list(role_ids))
        .select_related("practitioner", "organization__commune")
        .order_by("pk")
    )


def role_of(*, role_id: int) -> PractitionerRole | None:
    """Return a role with its names."""
    return next(iter(roles(role_ids=[role_id])), None)


def keepers(*, role_ids: Iterable[int], now: datetime) -> list[int]:
    """Return the roles that keep these agendas too: secretaries."""
    return list(
        holding_delegations(now)
        .filter(delegator_id__in=list(role_ids))
        .values_list("delegate_id", flat=True)
    )


# --- Clashes and the way ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Clash:
    """Something already stands there: `who` is taken from `span.start` to `span.end`."""

    who: str
    span: Span
    # "appointment", "absence", "person"
    what: str


def clashes(
    *,
    patient_id: int | None,
    roles: Sequence[PractitionerRole],
    span: Span,
    apart_from: int | None = None,
) -> list[Clash]:
    """Return what already stands at that time for these professionals and this person.

    Colleagues' time is known without its person. What is asked for and not agreed counts too.
    """
    found: list[Clash] = []
    own: list[Span] = []
    if apart_from is not None:
        own = [
            Span(start, end)
            for start, end in Appointment.objects.filter(
                pk=apart_from, start__isnull=False
            ).values_list("start", "end")
        ]
    names = {role.pk: str(role.practitioner) for role in roles}
    low, high = span.start - timedelta(hours=1), span.end + timedelta(hours=1)
    for role_id, taken in busy(role_ids=list(names), low=low, high=high).items():
        for each in spans.subtract(taken, own):
            if each.meets(span):
                found.append(Clash(names[role_id], each, "appointment"))
    if patient_id is not None:
        others = Appointment.objects.filter(
            patient_id=patient_id, status__in=OPEN, start__lt=span.end, end__gt=span.start
        )
        if apart_from is not None:
            others = others.exclude(pk=apart_from)
        found += [
            Clash("", Span(start, end), "person")
            for start, end in others.values_list("start", "end")[:5]
        ]
    return found


def place_of(kind: str, *, home: str | None, office: str | None) -> str:
    """Return the commune (INSEE code) where a visit takes place; "" when nobody moves."""
    if kind == VisitKind.VIDEO:
        return ""
    return (home if kind == VisitKind.HOME else office) or ""


def hastes(
    *,
    patient: Patient | None,
    kind: str,
    roles: Sequence[PractitionerRole],
    span: Span,
    apart_from: int | None = None,
) -> list[tuple[str, Haste]]:
    """Return (professional, two visits) where the way to or from this visit takes too long.

    Only visits that the reader may see are known by their place.
    """
    day = timedelta(hours=12)
    rows = agenda(role_ids=[role.pk for role in roles], low=span.start - day, high=span.end + day)
    home = patient.commune_id if patient is not None else None
    pairs = []
    for role in roles:
        office = role.organization.commune_id
        visit = Stop(span, place_of(kind, home=home, office=office))
        stops = [
            stop_of(row, office=office)
            for row in rows
            if row.pk != apart_from
            and any(part.practitioner_role_id == role.pk for part in row.participants.all())
        ]
        before, after = spans.neighbours(visit, stops)
        pairs += [
            (str(role.practitioner), first, second)
            for first, second in ((before, visit), (visit, after))
            if first is not None and second is not None
        ]
    ways = travel_minutes({(first.place, second.place) for _, first, second in pairs})
    return [
        (name, late)
        for name, first, second in pairs
        if (late := spans.haste(first, second, ways.get((first.place, second.place)))) is not None
    ]


def span_of(row: Appointment) -> Span:
    """Return when an appointment takes place.

    Raises:
        ValueError: it has no time yet.
    """
    if row.start is None or row.end is None:
        raise ValueError("this appointment has no time")
    return Span(row.start, row.end)


def stop_of(row: Appointment, *, office: str | None) -> Stop:
    """Return where and when a visit takes place."""
    home = row.patient.commune_id if row.patient is not None else None
    return Stop(span_of(row), place_of(row.kind, home=home, office=office))


def travel_minutes(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Return the minutes between communes (INSEE codes) as one travels, where they are known."""
    return {
        pair: way.minutes
        for pair in set(pairs)
        if all(pair) and (way := travel.journey(*pair)) is not None
    }


# --- Feeds and reminders ------------------------------------------------------------------------


def feeds_of(*, account_id: int) -> dict[int, CalendarFeed]:
    """Return the live feeds of an account, by role."""
    rows = CalendarFeed.objects.filter(account_id=account_id, revoked_at__isnull=True)
    return {feed.practitioner_role_id: feed for feed in rows}


def next_visits(*, role_ids: Sequence[int], low: datetime, high: datetime) -> list[Appointment]:
    """Return what is left of a day for these roles, agreed or asked, in order."""
    return [row for row in agenda(role_ids=role_ids, low=low, high=high) if row.status in OPEN]


def is_firm(row: Appointment) -> bool:
    """Tell whether the time is agreed."""
    return row.status in FIRM
