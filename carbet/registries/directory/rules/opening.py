"""When a service opens, in the words of a door: the week, days alike said together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, time
from itertools import groupby

DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
# Some sources say so that a day never closes.
_LAST_MINUTE = time(23, 59)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a weekday (ISO, 1 is Monday); both times None, the whole day."""

    weekday: int
    opens_at: time | None = None
    closes_at: time | None = None
    valid_from: date | None = None
    # Excluded.
    valid_until: date | None = None

    def holds(self, on: date) -> bool:
        begun = self.valid_from is None or self.valid_from <= on
        return begun and (self.valid_until is None or on < self.valid_until)


def week(stretches: Iterable[Stretch], *, on: date) -> list[tuple[str, str]]:
    """Return (days, hours) of a week as it is on a day: « lundi au vendredi », « 8 h à 17 h »."""
    by_day: dict[int, list[Stretch]] = {}
    for each in stretches:
        if each.holds(on):
            by_day.setdefault(each.weekday, []).append(each)
    told = [(day, _hours(by_day[day])) for day in sorted(by_day)]
    # Days that follow one another and open alike are said together.
    runs = groupby(enumerate(told), key=lambda ranked: (ranked[1][0] - ranked[0], ranked[1][1]))
    return [(_days([day for _, (day, _) in run]), hours) for (_, hours), run in runs]


def _days(numbers: Sequence[int]) -> str:
    first, last = DAYS[numbers[0] - 1], DAYS[numbers[-1] - 1]
    if len(numbers) == 7:
        return "tous les jours"
    if len(numbers) == 1:
        return first
    return f"{first} et {last}" if len(numbers) == 2 else f"{first} au {last}"


def _hours(stretches: Sequence[Stretch]) -> str:
    if any(_is_whole_day(each) for each in stretches):
        return "jour et nuit"
    said = sorted({(each.opens_at or time.min, each.closes_at or time.max) for each in stretches})
    return ", ".join(f"{_hour(opens)} à {_hour(closes)}" for opens, closes in said)


def _is_whole_day(stretch: Stretch) -> bool:
    opens, closes = stretch.opens_at, stretch.closes_at
    if opens is None or closes is None:
        return True
    return opens == time.min and (closes == time.min or closes >= _LAST_MINUTE)


def _hour(at: time) -> str:
    return f"{at.hour}\u00a0h" + (f"\u00a0{at.minute:02}" if at.minute else "")
