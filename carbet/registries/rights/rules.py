"""What is true of rights, without asking anything: how long, when to look again, who for whom."""

from datetime import datetime, timedelta

from carbet.core import names
from carbet.registries.directory.choices import Category
from carbet.registries.directory.rules import CARING

# A right is given for a year at most, and looked at again before it ends.
LONGEST = timedelta(days=366)
REVIEW_BEFORE = timedelta(days=30)
# How long the page of an accepted request lets one choose a first password.
FIRST_PASSWORD_WITHIN = timedelta(days=7)
DAYS_A_MONTH = 30.5


def end_after(months: int, *, now: datetime) -> datetime:
    """Return the end of a right given now for that many months."""
    return now + timedelta(days=round(months * DAYS_A_MONTH))


def is_to_review(ended_at: datetime, *, now: datetime) -> bool:
    """Tell whether a right ends soon enough to be looked at again."""
    return now < ended_at <= now + REVIEW_BEFORE


def may_delegate(*, category: str, delegate_category: str) -> bool:
    """Tell whether who has one profession may let who has the other act for them.

    Whoever cares delegates to whoever keeps the office; nobody lends a profession.
    """
    return category in CARING and delegate_category == Category.ADMINISTRATIVE


def same_person(family: str, given: str, *, other_family: str, other_given: str) -> bool:
    """Tell whether two names are one person's: one word of each in common, accents aside."""
    return bool(
        set(names.tokens(family)) & set(names.tokens(other_family))
        and set(names.tokens(given)) & set(names.tokens(other_given))
    )


def cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
