"""Visits that come back: the part of RFC 5545 that care follows, said and worked out.

A recurrence lives on the wall clock of its time zone: a visit at 8 stays at 8 when Paris changes
its clocks. A time that does not exist that day (clocks go forward) is read with the offset before
the change, one that exists twice is the first (RFC 5545, 3.3.5).
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from dateutil import rrule

DAILY, WEEKLY, MONTHLY = "DAILY", "WEEKLY", "MONTHLY"
_FREQUENCIES = {DAILY: rrule.DAILY, WEEKLY: rrule.WEEKLY, MONTHLY: rrule.MONTHLY}
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
MOST_OCCURRENCES = 400
MOST_INTERVAL = 52
# Nobody plans care further; a rule without end is held open, never worked out whole.
_FARTHEST = timedelta(days=366 * 10)
_UNTIL = re.compile(r"(\d{4})(\d{2})(\d{2})(T\d{6}Z?)?")


class NotARecurrence(ValueError):
    """The rule cannot be followed; the text is a French sentence."""


@dataclass(frozen=True, slots=True)
class Recurrence:
    """How a visit comes back. `days` are RFC 5545 weekdays; `until` is the last day, included."""

    frequency: str
    interval: int = 1
    days: tuple[str, ...] = ()
    count: int | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        if self.frequency not in _FREQUENCIES:
            raise NotARecurrence("Fréquence inconnue : jour, semaine ou mois.")
        if not 1 <= self.interval <= MOST_INTERVAL:
            raise NotARecurrence(f"L’intervalle va de 1 à {MOST_INTERVAL}.")
        if self.count is not None and not 1 <= self.count <= MOST_OCCURRENCES:
            raise NotARecurrence(f"De 1 à {MOST_OCCURRENCES} fois.")
        if self.count is not None and self.until is not None:
            raise NotARecurrence("Dites un nombre de fois ou une date de fin, pas les deux.")
        if any(day not in DAYS for day in self.days) or len(set(self.days)) != len(self.days):
            raise NotARecurrence("Jours de la semaine inconnus ou répétés.")
        if self.days and self.frequency != WEEKLY:
            raise NotARecurrence("Des jours de la semaine ne se choisissent que par semaine.")

    def to_text(self) -> str:
        """Return the RRULE, in a fixed order of parts."""
        parts = [f"FREQ={self.frequency}"]
        if self.interval > 1:
            parts.append(f"INTERVAL={self.interval}")
        if self.days:
            parts.append("BYDAY=" + ",".join(sorted(self.days, key=DAYS.index)))
        if self.count is not None:
            parts.append(f"COUNT={self.count}")
        if self.until is not None:
            parts.append(f"UNTIL={self.until:%Y%m%d}")
        return ";".join(parts)


def parse(text: str) -> Recurrence:
    """Read an RRULE.

    Raises:
        NotARecurrence: it is none, or says more than what is followed here.
    """
    found: dict[str, str] = {}
    for part in text.strip().upper().removeprefix("RRULE:").split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value or name in found:
            raise NotARecurrence("Règle de répétition illisible.")
        found[name] = value
    if found.pop("WKST", "MO") != "MO":
        raise NotARecurrence("Les semaines commencent le lundi (WKST=MO).")
    until = found.pop("UNTIL", None)
    try:
        read = Recurrence(
            frequency=found.pop("FREQ", ""),
            interval=_number(found.pop("INTERVAL", "1")),
            days=tuple(filter(None, found.pop("BYDAY", "").split(","))),
            count=_number(found.pop("COUNT")) if "COUNT" in found else None,
            until=_day(until) if until else None,
        )
    except NotARecurrence:
        raise
    except ValueError as error:
        raise NotARecurrence("Règle de répétition illisible.") from error
    if found:
        raise NotARecurrence(f"Partie non suivie ici : {', '.join(sorted(found))[:60]}.")
    return read


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise ValueError("not a number")
    return int(text)


def _day(text: str) -> date:
    found = _UNTIL.fullmatch(text)
    if found is None:
        raise ValueError("not a day")
    return date(int(found[1]), int(found[2]), int(found[3]))


def starts(
    rule: Recurrence, *, first: datetime, zone: ZoneInfo, after: datetime, before: datetime
) -> list[datetime]:
    """Return when the visits begin, in [after, before), in UTC, at most `MOST_OCCURRENCES`.

    Args:
        first: the first moment from which the rule is followed (RFC 5545 DTSTART); it is a visit
            itself when the rule says so.
    """
    local = first.astimezone(zone).replace(tzinfo=None)
    last = local + _FARTHEST
    if rule.until is not None:
        last = min(last, datetime.combine(rule.until, time.max))
    followed = rrule.rrule(
        _FREQUENCIES[rule.frequency],
        dtstart=local,
        interval=rule.interval,
        wkst=rrule.MO,
        byweekday=[getattr(rrule, day) for day in rule.days] or None,
        count=rule.count,
        until=None if rule.count else last,
    )
    low = after.astimezone(zone).replace(tzinfo=None) - timedelta(days=1)
    found = []
    for each in followed.xafter(low, inc=True):
        moment = each.replace(tzinfo=zone).astimezone(UTC)
        if moment >= before or len(found) == MOST_OCCURRENCES:
            break
        if moment >= after:
            found.append(moment)
    return found


def first_start(rule: Recurrence, *, first: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the first visit that the rule gives from `first` on, or None when it gives none."""
    horizon = first + timedelta(days=366 * 2)
    return next(
        iter(islice(starts(rule, first=first, zone=zone, after=first, before=horizon), 1)), None
    )


_WORDS = {
    DAILY: ("jour", "jours", "tous les jours"),
    WEEKLY: ("semaine", "semaines", "toutes les semaines"),
    MONTHLY: ("mois", "mois", "tous les mois"),
}
_DAY_WORDS = dict(
    zip(
        DAYS, ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"), strict=True
    )
)


def in_words(rule: Recurrence) -> str:
    """Say the rule: « toutes les 2 semaines, le lundi et le jeudi, jusqu’au 31/12/2026 »."""
    _, many, every = _WORDS[rule.frequency]
    said = every if rule.interval == 1 else f"toutes les {rule.interval} {many}"
    if rule.frequency != WEEKLY and rule.interval > 1:
        said = f"tous les {rule.interval} {many}"
    if rule.days:
        names = [_DAY_WORDS[day] for day in sorted(rule.days, key=DAYS.index)]
        listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} et {names[-1]}"
        said += f", le {listed}"
    if rule.count is not None:
        said += f", {rule.count} fois"
    if rule.until is not None:
        said += f", jusqu’au {rule.until:%d/%m/%Y}"
    return said
