"""To whom this person may be sent, the best first.

The search looks at a bounded number of entries: all of them when its words are rare, those of the
nearest communes first when they are common.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import connection

from carbet.coordination.orientation.choices import Way
from carbet.coordination.orientation.queries.describing import (
    CAPITAL,
    IS_OPEN,
    Result,
    describe,
    minute_and_day,
)
from carbet.coordination.orientation.queries.understanding import (
    RARE,
    Facets,
    Understood,
    understand,
)
from carbet.coordination.orientation.rules import questions, ranking, travel
from carbet.coordination.orientation.rules.questions import Group, Question

PAGE = 20
MOST_PAGES = 5
# Entries of the nearest communes after which no farther one is looked at.
NEAR_ENOUGH = 400
_NO_FACET = Facets()


@dataclass
class Found:
    """The answers to one question, best first, and how it was understood."""

    results: list[Result] = field(default_factory=list)
    question: Question = field(default_factory=Question)
    origin: str = ""
    corrected: dict[str, str] = field(default_factory=dict)
    # Words typed that nothing resembles: the answers do not meet them.
    unknown: list[str] = field(default_factory=list)
    relaxed: bool = False
    number: int = 1
    has_next: bool = False
    communes: dict[str, int] = field(default_factory=dict)


def search(
    *,
    text: str,
    now: datetime,
    origin: str = "",
    facets: Facets = _NO_FACET,
    page: int = 1,
    size: int = PAGE,
) -> Found:
    """Return a page of those to whom a person may be sent, the best first.

    Args:
        text: what is typed in the box; it may name a commune: what is nearest to it comes first.
        origin: INSEE code of where the person lives or the actor works: journeys are said from it.
    """
    question = questions.read(text)
    if question.way and not facets.way:
        facets = replace(facets, way=question.way)
    understood = understand(question, facets)
    departure = origin or CAPITAL
    origin = departure if facets.way else question.commune or facets.commune or departure
    number = min(max(page, 1), MOST_PAGES)
    found = Found(
        question=question, origin=departure, corrected=understood.corrected, number=number
    )
    hard = [entry for entry in understood.groups if not entry[0].soft]
    asked = [group for group in question.groups if not group.soft]
    met = {group.typed for group, _, _ in understood.groups}
    found.unknown = [group.typed for group in asked if group.typed not in met]
    if not understood.groups and not facets:
        return found
    told = {group.typed for group, _, _ in understood.groups} - {""}
    if asked and not hard and not question.commune and not told:
        # Not one of the words is known.
        return found
    rows = _candidates(understood, hard, facets, question, origin, now, need=len(hard))
    if len(rows) < 3 and len(hard) > 1 and number == 1:
        more = _candidates(understood, hard, facets, question, origin, now, need=len(hard) - 1)
        if not more and len(hard) > 2:
            more = _candidates(understood, hard, facets, question, origin, now, need=1)
        known = {row[:2] for row in rows}
        added = [row for row in more if row[:2] not in known]
        found.relaxed = bool(added)
        rows = sorted(rows + added, key=lambda row: -row[2])
    first = (number - 1) * size
    chosen = rows[first : first + size]
    found.has_next = len(rows) > first + size and number < MOST_PAGES
    found.results = describe(chosen, origin=departure, now=now)
    for result in found.results:
        found.communes[result.commune] = found.communes.get(result.commune, 0) + 1
    return found


def _condition(groups: Sequence[list[list[str]]], need: int) -> str:
    """Return the tsquery that at least `need` of these groups answer (all, all but one, or any)."""
    said = [ranking.group(phrases) for phrases in groups]
    if need >= len(said):
        return " & ".join(said)
    if need == len(said) - 1:
        return "(" + " | ".join(
            "(" + " & ".join(said[:i] + said[i + 1 :]) + ")" for i in range(len(said))
        ) + ")"  # fmt: skip
    return "(" + " | ".join(said) + ")"


def _query(
    groups: Sequence[list[list[str]]], need: int, facets: Sequence[str], commune: str = ""
) -> str:
    """Return the tsquery of these groups and facets, in the words of a commune when one is said."""
    if commune:
        groups = [
            [[ranking.local(word, commune) for word in phrase] for phrase in phrases]
            for phrases in groups
        ]
        facets = [ranking.local(facet, commune) for facet in facets]
    conditions = [_condition(groups, need)] if groups else []
    return " & ".join([*conditions, *map(ranking.literal, facets)])


# At one of the minutes of the week when one would go.
_OPENS_THEN = (
    "CASE WHEN e.hours IS NOT NULL THEN EXISTS (SELECT 1 FROM unnest(%(moments)s::int[]) m"
    " WHERE orientation_is_open(e.hours, NULL::date[], m, %(today)s::date)) END"
)
_OPEN_THEN = (
    "CASE e.is_open WHEN true THEN"
    f" {ranking.OPEN_THEN} WHEN false THEN {ranking.CLOSED_THEN} ELSE 0 END"
)
_COLUMNS = "e.kind, e.target, e.commune, e.zones, e.hours, e.closures, e.available, e.available_at"


def _candidates(
    understood: Understood,
    hard: Sequence[tuple[Group, list[list[str]], int]],
    facets: Facets,
    question: Question,
    origin: str,
    now: datetime,
    *,
    need: int,
) -> list[tuple[Any, ...]]:
    """Return (kind, target, score, minutes, at home, open) of the best entries, in order."""
    communes = _reach(origin, facets.way)
    asked, least = [phrases for _, phrases, _ in hard], need
    if not hard and not understood.facets:
        # Soft groups alone: what is in the commune named.
        asked, least = [phrases for _, phrases, _ in understood.groups], 1
    query = _query(asked, least, understood.facets)
    minute, today = minute_and_day(now)
    parameters: dict[str, Any] = {
        "query": query,
        "communes": [code for code, _ in communes],
        "minutes": [minutes for _, minutes in communes],
        "origin": origin,
        "now": now,
        "minute": minute,
        "today": today,
        "fresh": now - ranking.FRESH,
        "limit": PAGE * MOST_PAGES + 1,
        "rare": RARE,
        "near": NEAR_ENOUGH,
    }
    score = _score(understood, parameters, question.room)
    if question.when:
        parameters["moments"] = question.when.minutes(minute // 1440 + 1)
        score += f" + {_OPEN_THEN}"
    filters = "(e.until IS NULL OR e.until > %(now)s)"
    if facets.open_now or question.open_now:
        filters += f" AND {IS_OPEN}"
    # What is said of each: whether it opens when one would go, else now.
    is_open = _OPENS_THEN if question.when else IS_OPEN
    if facets.way == Way.HOME:
        filters += " AND (e.zones IS NULL OR e.zones @> ARRAY[%(origin)s::text]::varchar[])"
    elif facets.way:
        filters += " AND t.code IS NOT NULL"
    # Several common words may be rare together: then the index is asked once, not by commune.
    rare = understood.fewest <= RARE or understood.together <= RARE / 4 or need < len(hard)
    if rare or facets.commune:
        source = (
            "FROM (SELECT * FROM orientation_entry WHERE doc @@ %(query)s::tsquery"
            " LIMIT %(rare)s) e"
            " LEFT JOIN unnest(%(communes)s::text[], %(minutes)s::int[]) t(code, minutes)"
            " ON t.code = e.commune"
        )
        if not rare:
            source = source.replace("%(rare)s", "%(near)s")
        statement = (
            f"SELECT {_COLUMNS}, t.minutes, {is_open} AS is_open, e.doc {source} WHERE {filters}"
        )
    else:
        statement = (
            f"SELECT {_COLUMNS}, t.minutes, {is_open} AS is_open, e.doc"  # noqa: S608
            " FROM unnest(%(communes)s::text[], %(minutes)s::int[], %(queries)s::tsquery[])"
            " t(code, minutes, query) CROSS JOIN LATERAL ("
            "   SELECT * FROM orientation_entry i"
            "   WHERE orientation_local(i.doc, i.commune) @@ t.query LIMIT %(near)s) e"
            f" WHERE {filters} LIMIT %(near)s"
        )
        parameters["queries"] = [
            _query(asked, least, understood.facets, code) for code, _ in communes
        ]
    statement = f"""
        SELECT kind, target, score, minutes, at_home, is_open FROM (
          SELECT e.kind, e.target, e.minutes, e.is_open,
                 COALESCE(e.zones @> ARRAY[%(origin)s::text]::varchar[], false) AS at_home,
                 {score} AS score
          FROM ({statement}) e) ranked
        ORDER BY round(score::numeric, 4) DESC, minutes NULLS LAST, kind DESC, target
        LIMIT %(limit)s"""  # noqa: S608 - built of constants of this drawer
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def _reach(origin: str, way: str) -> list[tuple[str, int]]:
    """Return the communes within reach, with minutes, the nearest first."""
    modes = travel.REACHABLE_BY.get(way, travel.ANY_MODE)
    found = travel.nearest_first(origin, modes)
    if way == Way.TWO_HOURS:
        return [(code, minutes) for code, minutes in found if minutes <= 120]
    return found


def _score(understood: Understood, parameters: dict[str, Any], wants_room: bool) -> str:
    """Return the SQL of the score of an entry `e`; its tsqueries go into the parameters."""
    parts, close, total = [], [], 0.0
    counts = [many for group, _, many in understood.groups if not group.soft]
    telling = iter(ranking.telling(counts, understood.entries))
    for rank, (group, phrases, _) in enumerate(understood.groups):
        importance = ranking.SOFT if group.soft else next(telling)
        total += 0 if group.soft else 1.0
        cases = []
        for weights, worth in ranking.WEIGHTS:
            name = f"g{rank}{weights}"
            parameters[name] = ranking.group(phrases, weights)
            cases.append(f"WHEN e.doc @@ %({name})s::tsquery THEN {worth * importance:.4f}")
        parts.append(f"CASE {' '.join(cases)} ELSE 0 END")
        if not group.soft and any(len(phrase) > 1 for phrase in phrases):
            # Words of one phrase scattered over an entry say it less than side by side.
            parameters[f"g{rank}"] = ranking.group(phrases)
            close.append(f"LEAST(ts_rank_cd(e.doc, %(g{rank})s::tsquery) / {ranking.TOGETHER}, 1)")
    relevance = f"(({' + '.join(parts)}) / {max(total, 1.0)})" if parts else "0.6"
    minutes = (
        "CASE WHEN e.zones @> ARRAY[%(origin)s::text]::varchar[] THEN 10"
        f" ELSE COALESCE(e.minutes, {ranking.FAR}) END"
    )
    distance = f"({minutes})::float / (({minutes}) + {ranking.HALF_WAY})"
    free = ranking.WANTED_ROOM if wants_room else ranking.ROOM
    room = (
        f"CASE WHEN e.available > 0 AND e.available_at > %(fresh)s THEN {free}"
        f" WHEN e.available > 0 THEN {free / 2} WHEN e.available = 0 THEN {ranking.NO_ROOM}"
        " ELSE 0 END"
    )
    near = f" + {ranking.SIDE_BY_SIDE} * ({' + '.join(close)})" if close else ""
    return f"{relevance} * (1 - 0.5 * {distance}) + {room}{near}"
