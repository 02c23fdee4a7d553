"""What pages show of a day, a week, a month, on the reader's clock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import groupby, pairwise

from django.template.defaultfilters import date as format_date
from django.utils import timezone

from carbet.coordination.scheduling import access, queries
from carbet.coordination.scheduling.choices import FIRM, AbsenceKind, VisitKind
from carbet.coordination.scheduling.models import Absence, Appointment, Slot
from carbet.coordination.scheduling.presenters import Opening, Visit, visit
from carbet.coordination.scheduling.rules.spans import Span
from carbet.core.actor import Actor
from carbet.registries.directory.models import PractitionerRole


@dataclass(frozen=True, slots=True)
class Away:
    """An absence, as shown on one day."""

    pk: int
    words: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Day:
    """One day of an agenda."""

    on: date
    is_today: bool
    is_out: bool = False
    visits: tuple[Visit, ...] = ()
    absences: tuple[Away, ...] = ()
    openings: tuple[Opening, ...] = ()
    busy: tuple[Span, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.visits or self.absences or self.openings or self.busy)


@dataclass(frozen=True, slots=True)
class Frame:
    """What a view covers: its days, its title, and the days before and after it."""

    view: str
    on: date
    days: tuple[date, ...]
    title: str
    before: date
    after: date

    @property
    def low(self) -> datetime:
        return midnight(self.days[0])

    @property
    def high(self) -> datetime:
        return midnight(self.days[-1] + timedelta(days=1))


def midnight(on: date) -> datetime:
    """Return when a day begins on the reader's clock."""
    return timezone.make_aware(datetime.combine(on, time()))


def frame(view: str, on: date) -> Frame:
    """Return the days around a day: itself, its week from Monday, or the weeks of its month."""
    if view == "jour":
        title = format_date(on, "l j F Y")
        return Frame(view, on, (on,), title, on - timedelta(days=1), on + timedelta(days=1))
    monday = on - timedelta(days=on.weekday())
    if view == "semaine":
        days = tuple(monday + timedelta(days=number) for number in range(7))
        title = f"{format_date(days[0], 'j F')} – {format_date(days[-1], 'j F Y')}"
        return Frame(view, on, days, title, on - timedelta(days=7), on + timedelta(days=7))
    first = on.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    start = first - timedelta(days=first.weekday())
    length = -(-(following - start).days // 7) * 7
    days = tuple(start + timedelta(days=number) for number in range(length))
    before = (first - timedelta(days=1)).replace(day=1)
    return Frame(view, on, days, format_date(on, "F Y"), before, following)


def days(
    shown: Frame,
    *,
    today: date,
    visits: Sequence[Visit],
    absences: Iterable[Absence] = (),
    openings: Iterable[Slot] = (),
    busy: Iterable[Span] = (),
) -> list[Day]:
    """Return the days of a view, each with what stands in it."""
    away, free, taken = list(absences), list(openings), list(busy)
    found = []
    for on in shown.days:
        day = Span(midnight(on), midnight(on + timedelta(days=1)))
        found.append(
            Day(
                on=on,
                is_today=on == today,
                is_out=shown.view == "mois" and on.month != shown.on.month,
                visits=tuple(
                    each for each in visits if each.start and day.start <= each.start < day.end
                ),
                absences=tuple(
                    Away(
                        each.pk,
                        str(AbsenceKind(each.kind).label),
                        max(each.start, day.start),
                        min(each.end, day.end),
                    )
                    for each in away
                    if Span(each.start, each.end).meets(day)
                ),
                openings=tuple(
                    Opening(each.pk, each.start, each.end, VisitKind(each.schedule.kind).label)
                    for each in free
                    if day.start <= each.start < day.end
                ),
                busy=tuple(each for each in taken if day.start <= each.start < day.end),
            )
        )
    return found


def round_of(rows: Sequence[Appointment], *, role: PractitionerRole, actor: Actor) -> list[Visit]:
    """Return the visits of a day of a role in their order, each with the way from the one before.

    The role comes with its structure and its commune.
    """
    shown = [
        visit(row, actor=actor, my_parts=access.is_part_of(row.participants.all(), actor))
        for row in rows
    ]
    stops = [queries.stop_of(row, office=role.organization.commune_id) for row in rows]
    ways = queries.travel_minutes({(one.place, two.place) for one, two in pairwise(stops)})
    for rank in range(1, len(rows)):
        one, two = stops[rank - 1], stops[rank]
        gap = int((two.span.start - one.span.end).total_seconds() // 60)
        # What names nobody stays where its software put it.
        both_firm = all(
            row.status in FIRM and row.patient_id is not None for row in rows[rank - 1 : rank + 1]
        )
        shown[rank] = replace(
            shown[rank],
            way=ways.get((one.place, two.place)),
            gap=gap,
            previous=rows[rank - 1].pk if both_firm else None,
            overlaps=shown[rank].overlaps or one.span.meets(two.span),
        )
    return shown


def by_day(visits: Iterable[Visit]) -> list[tuple[date, list[Visit]]]:
    """Gather visits that have a time by the day on which they begin."""
    timed = [each for each in visits if each.start is not None]
    return [
        (on, list(same))
        for on, same in groupby(timed, key=lambda each: timezone.localdate(each.start))
    ]
