"""What is true of rights, without asking anything: how long, who for whom, what may be asked."""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from carbet.core import names
from carbet.registries.directory.choices import Category
from carbet.registries.directory.rules import CARING

# A right is given for a year at most, and looked at again before it ends.
LONGEST = timedelta(days=366)
REVIEW_BEFORE = timedelta(days=30)
# Whoever has not come for so long may have left: their right is shown apart.
DORMANT_AFTER = timedelta(days=90)
# How long the page of an accepted request lets one choose a first password.
FIRST_PASSWORD_WITHIN = timedelta(days=7)
DAYS_A_MONTH = 30.5
# How long whoever was proven by Pro Santé Connect, and has no account, may ask for one.
PROVEN_FOR = timedelta(minutes=30)
# Where the session keeps it.
PROVEN = "rights.proven"


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


_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_NOT_SUPPORTED = ("request", "request_uri", "registration")
_LONGEST_AGE = 10  # digits


def wrong_question(asked: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the error of a question that the library would let through or fall on, or None.

    Source: OpenID Connect Core 1.0 §3.1.2.1 and §6, RFC 7636, RFC 9700 §2.1.1.
    """
    for name in _NOT_SUPPORTED:
        if asked.get(name):
            return f"{name}_not_supported", f"{name} is not supported"
    if asked.get("response_mode", "query") != "query":
        return "invalid_request", "response_mode must be query"
    prompts = asked.get("prompt", "").split()
    if "none" in prompts and len(prompts) > 1:
        return "invalid_request", "prompt none goes alone"
    age = asked.get("max_age", "0")
    if not (age.isascii() and age.isdecimal() and len(age) <= _LONGEST_AGE):
        return "invalid_request", "max_age is a number of seconds"
    if not _is_object(asked.get("claims", "{}")):
        return "invalid_request", "claims is a JSON object"
    if (
        asked.get("code_challenge_method") != "S256"
        or _CHALLENGE.fullmatch(asked.get("code_challenge", "")) is None
    ):
        return "invalid_request", "PKCE with S256 is required"
    if "openid" not in asked.get("scope", "").split():
        return "invalid_scope", "openid is required"
    return None


def is_stale(max_age: str, *, opened_at: int | None, now: datetime) -> bool:
    """Tell whether a session was opened longer ago than the application accepts, in seconds."""
    if not max_age:
        return False
    return opened_at is None or now.timestamp() - opened_at > int(max_age)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
