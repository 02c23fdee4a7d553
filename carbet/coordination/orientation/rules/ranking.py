"""What comes first: how well it answers, how far it is as one travels, whether there is room.

score = relevance × (1 − half of the distance) + room, where relevance is the mean over the hard
groups of where the words stand (the thing itself 1, what it has or for whom 0.6, its place 0.35,
a comment 0.15), soft groups adding a third of that; distance is minutes / (minutes + 120), so that
two hours away costs a quarter; room is 0.08 when a place was free less than a week ago, half of it
when the count is older, and −0.04 when none was. See docs/rules/orientation.md.
"""

from datetime import datetime, timedelta
from math import log10

WEIGHTS = (("A", 1.0), ("AB", 0.6), ("ABC", 0.35), ("ABCD", 0.15))
SOFT = 0.3
HALF_WAY = 120
FAR = 100_000
FRESH = timedelta(days=7)
ROOM, OLD_ROOM, NO_ROOM = 0.08, 0.04, -0.04
WANTED_ROOM = 0.3
# At most, for the words of a phrase that stand together: it tells apart those otherwise equal.
SIDE_BY_SIDE = 0.03
# What PostgreSQL says (ts_rank_cd) of a phrase with an article or two between its words.
TOGETHER = 0.3
# Said to be open, or closed, when one would go.
OPEN_THEN, CLOSED_THEN = 0.15, -0.1
# A word that everybody has counts at least so, beside one that few have.
LEAST_TELLING = 0.4


def telling(counts: list[int], entries: int) -> list[float]:
    """Return how much each group counts: the rarer the more; one on average.

    Args:
        counts: how many entries answer each group, about.
        entries: how many there are in all.
    """
    each = [log10((entries + 10) / (min(count, entries) + 1)) for count in counts]
    mean = sum(each) / len(each) if each else 1.0
    held = [max(LEAST_TELLING, one / mean) if mean > 0 else 1.0 for one in each]
    total = sum(held)
    return [one * len(held) / total for one in held]


def literal(lexeme: str) -> str:
    """Return a lexeme as a tsquery writes it."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def phrase(lexemes: list[str], weights: str = "") -> str:
    """Return the tsquery of a phrase: all its words, each standing where `weights` says."""
    mark = f":{weights}" if weights else ""
    return "(" + " & ".join(literal(each) + mark for each in lexemes) + ")"


def group(phrases: list[list[str]], weights: str = "") -> str:
    """Return the tsquery of a group: any of its phrases."""
    return "(" + " | ".join(phrase(each, weights) for each in phrases) + ")"


def local(lexeme: str, commune: str) -> str:
    """Return a lexeme as it stands in the index of the words of one commune."""
    return f"{lexeme}@{commune}"


def age_in_words(at: datetime, now: datetime) -> str:
    """Say how long ago: « à l’instant », « il y a 3 h », « il y a 1 jour », « il y a 2 ans »."""
    passed = max(now - at, timedelta(0))
    minutes = int(passed.total_seconds() // 60)
    if minutes < 1:
        return "à l’instant"
    if minutes < 60:
        return f"il y a {minutes} min"
    if minutes < 24 * 60:
        return f"il y a {minutes // 60} h"
    days = passed.days
    if days < 60:
        return f"il y a {days} jour{'s' if days > 1 else ''}"
    if days < 730:
        return f"il y a {days // 30} mois"
    return f"il y a {days // 365} ans"


def is_fresh(at: datetime, now: datetime) -> bool:
    """Tell whether a count of places can still be leant on."""
    return now - at < FRESH
