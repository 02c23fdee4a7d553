"""What is true of figures: months, ages, delays, balance, and what may be told of small numbers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

# Below this number a cell could point at somebody (ATIH and Insee practice for health data).
LEAST_TOLD = 5
MONTHS_SHOWN = 12
# Years reached in the calendar year, upper bounds excluded.
AGE_BANDS = ((0, 18), (18, 40), (40, 60), (60, 75), (75, 85), (85, 95), (95, 200))
# Whole days since the request, upper bounds excluded.
DELAY_BANDS = ((0, 2), (2, 7), (7, 15), (15, 30), (30, 60), (60, None))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: the value that it counts, in words, and how many; None is untold."""

    value: str
    label: str
    count: int | None
    # Numbers that stand beside the count, under the headings of the table.
    beside: tuple[int | None, ...] = ()
    # What the drawing marks, as what is late.
    marked: bool = False


# --- Months --------------------------------------------------------------------------------------


def month_of(day: date) -> date:
    """Return the first day of the month of a day."""
    return day.replace(day=1)


def months_later(month: date, many: int) -> date:
    """Return the first day of the month `many` months later (earlier when negative)."""
    rank = month.year * 12 + month.month - 1 + many
    return date(rank // 12, rank % 12 + 1, 1)


def last_months(month: date, many: int = MONTHS_SHOWN) -> list[date]:
    """Return the `many` months that end with this one, oldest first."""
    return [months_later(month, step) for step in range(1 - many, 1)]


# --- Ages and delays -----------------------------------------------------------------------------


def age_band(birth_year: int, *, year: int) -> str:
    """Return the band of the age reached in a year: « 60 à 74 ans », « 95 ans et plus »."""
    age = max(year - birth_year, 0)
    low, high = next(band for band in AGE_BANDS if age < band[1])
    return age_label(low, high)


def age_label(low: int, high: int) -> str:
    """Return how a band of ages is called."""
    if low == 0:
        return f"Moins de {high} ans"
    if high == AGE_BANDS[-1][1]:
        return f"{low} ans et plus"
    return f"{low} à {high - 1} ans"


def delay_label(low: int, high: int | None) -> str:
    """Return how a band of delays is called, in whole days."""
    if high is None:
        return f"{low} jours et plus"
    return f"Moins de {high} jours" if low == 0 else f"{low} à {high - 1} jours"


def banded(days: Mapping[int, int]) -> dict[tuple[int, int | None], int]:
    """Return how many delays fall in each band, from how many there are of each number of days."""
    found: dict[tuple[int, int | None], int] = dict.fromkeys(DELAY_BANDS, 0)
    for each, count in days.items():
        for low, high in DELAY_BANDS:
            if low <= each and (high is None or each < high):
                found[low, high] += count
    return found


def median(days: Mapping[int, int]) -> int | None:
    """Return the least number of days that covers at least half of the delays; None without any."""
    total, reached = sum(days.values()), 0
    for each in sorted(days):
        reached += days[each]
        if reached and reached * 2 >= total:
            return each
    return None


def balance(loads: Sequence[int]) -> list[int]:
    """Return how far each load stands from their mean, in percent of it, rounded."""
    if not sum(loads):
        return [0] * len(loads)
    mean = sum(loads) / len(loads)
    return [round((load - mean) / mean * 100) for load in loads]


def review_bounds(today: date) -> dict[str, tuple[str, date, date]]:
    """Return the bands of a review to come: (label, from, until excluded) by key."""
    month = month_of(today)
    following, third = months_later(month, 1), months_later(month, 3)
    return {
        "retard": ("En retard", date.min, today),
        "mois": ("D’ici la fin du mois", today, following),
        "trimestre": ("Dans les deux mois suivants", following, third),
        "plus-tard": ("Plus tard", third, date.max),
    }


# --- Small numbers -------------------------------------------------------------------------------


def withheld(counts: Sequence[int]) -> frozenset[int]:
    """Return the ranks of the cells that must not be told, the total and this rule being known.

    A cell from 1 to 4 is small. With the small ones goes the first of the others, and the next,
    until what is withheld could be shared out in more than one way. They are taken in the order of
    the table, never of their values: which one goes says nothing of how many it holds. Where none
    is left to go, nothing of the table is told, zeros included.
    """
    hidden = [rank for rank, count in enumerate(counts) if is_small(count)]
    if not hidden:
        return frozenset()
    others = iter([rank for rank, count in enumerate(counts) if count >= LEAST_TOLD])
    for rank in others:
        hidden.append(rank)
        # One each to the small ones would leave more than the least to the last.
        if sum(counts[each] for each in hidden) - (len(hidden) - 1) > LEAST_TOLD:
            return frozenset(hidden)
    return frozenset(range(len(counts)))


def told(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Return the rows of a table whose total is told, as somebody outside may read them."""
    kept = list(rows)
    hidden = withheld([row.count or 0 for row in kept])
    return tuple(
        replace(row, count=None, beside=()) if rank in hidden else row
        for rank, row in enumerate(kept)
    )


def hushed(came: Sequence[int], went: Sequence[int]) -> frozenset[int]:
    """Return the months of which neither what came nor what went may be told.

    How the stock moved is told, and is the difference of the two: one would say the other. Below
    twice the least told both go, so that whoever knows the difference, this rule, and that at least
    so many came or went, is left with five numbers for each of the small ones.
    """
    return frozenset(
        rank
        for rank, pair in enumerate(zip(came, went, strict=True))
        if any(0 < count < 2 * LEAST_TOLD for count in pair)
    )


def is_small(count: int) -> bool:
    """Tell whether a number could point at somebody."""
    return 0 < count < LEAST_TOLD
