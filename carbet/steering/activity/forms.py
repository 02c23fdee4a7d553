"""Shape of what is asked in an address: which month, which number, from where on."""

from datetime import date

from django.http import QueryDict

from carbet.core.identifiers import from_short_id
from carbet.steering.activity import rules

FIRST = date(2000, 1, 1)


def read_month(asked: QueryDict, *, today: date) -> date:
    """Return the first day of the month asked; of this month when it is none, or to come."""
    now = rules.month_of(today)
    year, _, month = asked.get("mois", "").partition("-")
    if not (year.isascii() and year.isdigit() and month.isascii() and month.isdigit()):
        return now
    if len(year) != 4 or len(month) != 2 or not 1 <= int(month) <= 12 or int(year) < FIRST.year:
        return now
    return min(date(int(year), int(month), 1), now)


def read_position(asked: QueryDict) -> int:
    """Return the number after which a list goes on, 0 for its start."""
    try:
        return from_short_id(asked.get("suite", ""))
    except ValueError:
        return 0
