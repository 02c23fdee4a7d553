"""The shape of what an alert page is asked: where in the list."""

from datetime import datetime

from django.utils.dateparse import parse_datetime


def read_position(text: str) -> tuple[datetime, int] | None:
    """Return the place in the list that an address names, or None when it names none."""
    moment, _, number = text.partition("~")
    if not number.isdecimal() or len(number) > 18:
        return None
    try:
        parsed = parse_datetime(moment)
    except ValueError:
        return None
    return (parsed, int(number)) if parsed is not None and parsed.tzinfo is not None else None


def write_position(place: tuple[datetime, int]) -> str:
    """Return the place as an address names it."""
    return f"{place[0].isoformat()}~{place[1]}"
