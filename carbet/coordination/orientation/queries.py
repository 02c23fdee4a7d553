"""What can be asked: to whom may this person be sent?

A question costs three statements at most before the search itself, whatever the size of the
directory, and the search looks at a bounded number of entries: all of them when its words are rare,
those of the nearest communes first when they are common.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from math import prod
from typing import Any

from django.db import connection
from django.utils import timezone

from carbet.coordination.orientation.choices import Way
from carbet.coordination.orientation.models import Referral
from carbet.coordination.orientation.rules import questions, ranking, travel
from carbet.coordination.orientation.rules.questions import Group, Question

PAGE = 20
MOST_PAGES = 5
# Entries looked at: beyond, the nearest communes come first, until there are enough.
RARE = 2500
# Every entry has one of these.
_KINDS = ("k:R", "k:S", "k:P")
NEAR_ENOUGH = 400
MOST_OPTIONS = 60
MOST_REFERRALS = 50
CAPITAL = "97302"


@dataclass(frozen=True)
class Facets:
    """What narrows a search; empty, nothing does. Codes of the directory."""

    kind: str = ""
    profession: str = ""
    skill: str = ""
    act: str = ""
    equipment: str = ""
    public: str = ""
    commune: str = ""
    way: str = ""
    open_now: bool = False
    room: bool = False
    secure_mail: bool = False

    @property
    def lexemes(self) -> list[str]:
        """The facets as they stand in the index."""
        said = {
            "k": self.kind,
            "p": self.profession,
            "s": self.skill,
            "a": self.act,
            "e": self.equipment,
            "u": self.public,
            "c": self.commune,
        }
        found = [f"{sign}:{code}" for sign, code in said.items() if code]
        found += [
            sign
            for sign, asked in (
                ("d:", self.room),
                ("m:", self.secure_mail),
                ("h:", self.way == Way.HOME),
            )
            if asked
        ]
        return found

    def __bool__(self) -> bool:
        return bool(self.lexemes or self.way or self.open_now)


@dataclass(frozen=True)
class Capacity:
    """A number of beds or places that are free, with the moment at which it was true."""

    activity: str
    number: int
    installed: int | None
    at: datetime
    age: str
    fresh: bool

    @property
    def words(self) -> str:
        return f"{self.number} disponible{'s' if self.number > 1 else ''}"


@dataclass(frozen=True)
class Result:
    """One answer: what, where, how far, whether open, how many places, how to reach it."""

    kind: str
    target: int
    name: str
    detail: str
    organization_id: int
    organization: str
    commune: str
    commune_name: str
    acts: tuple[str, ...]
    phone: str
    secure_email: str
    synthetic: bool
    score: float
    at_home: bool
    journey: travel.Journey | None
    is_open: bool | None
    comment: str = ""
    capacities: tuple[Capacity, ...] = ()

    @property
    def journey_in_words(self) -> str:
        if self.at_home:
            return "se déplace à domicile"
        return travel.in_words(self.journey) if self.journey else "trajet inconnu"


@dataclass
class Found:
    """The answers to one question, best first, and how it was understood."""

    results: list[Result] = field(default_factory=list)
    question: Question = field(default_factory=Question)
    origin: str = ""
    corrected: dict[str, str] = field(default_factory=dict)
    relaxed: bool = False
    number: int = 1
    has_next: bool = False
    communes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Options:
    """What the facets can be set to, codes and labels by name, and where the actor works."""

    professions: list[tuple[str, str]]
    skills: list[tuple[str, str]]
    acts: list[tuple[str, str]]
    equipment: list[tuple[str, str]]
    publics: list[tuple[str, str]]
    communes: list[tuple[str, str]]
    # Degrees (WGS 84) of each commune whose place is known: latitude, longitude.
    points: dict[str, tuple[float, float]]
    here: str


_OPTIONS = """
(SELECT word, label, NULL::float AS latitude, NULL::float AS longitude FROM (
   SELECT *, row_number() OVER (PARTITION BY left(word, 1) ORDER BY count DESC, word) AS rank
   FROM orientation_word WHERE label <> '') w WHERE rank <= %(most)s)
UNION ALL SELECT 'c:' || code, name, latitude, longitude FROM directory_commune
UNION ALL SELECT 'o:' || COALESCE(commune_id, ''), '', NULL, NULL FROM directory_organization
  WHERE id = %(organization)s
"""


def options(*, organization_id: int | None = None) -> Options:
    """Return the values that each facet may take, the most frequent ones, in one statement."""
    found: dict[str, list[tuple[str, str]]] = {sign: [] for sign in "psaeuc"}
    points: dict[str, tuple[float, float]] = {}
    here = ""
    with connection.cursor() as cursor:
        cursor.execute(_OPTIONS, {"most": MOST_OPTIONS, "organization": organization_id})
        for word, label, latitude, longitude in cursor.fetchall():
            sign, _, code = word.partition(":")
            if latitude is not None and longitude is not None:
                points[code] = (latitude, longitude)
            if sign == "o":
                here = code
            elif sign in found:
                found[sign].append((code, label))
    for pairs in found.values():
        pairs.sort(key=lambda pair: questions.fold(pair[1]))
    return Options(*(found[sign] for sign in "psaeuc"), points, here)


# --- Understanding ------------------------------------------------------------------------------

# Each word asked, in how many entries it stood at last count and, when the index has not got it,
# the words of the index that resemble it.
_RESOLVE = """
SELECT asked.said, asked.word, w.count, near.words FROM (
  SELECT said, unnest(tsvector_to_array(orientation_words(said))) AS word,
         said = ANY (%(raw)s) AS raw
  FROM unnest(%(phrases)s::text[]) said
  UNION ALL SELECT facet, facet, false FROM unnest(%(facets)s::text[]) facet
) asked LEFT JOIN orientation_word w USING (word) LEFT JOIN LATERAL (
  SELECT array_agg(n.word ORDER BY n.near DESC, n.count DESC) AS words FROM (
    SELECT o.word, o.count, similarity(o.word, asked.word) AS near FROM orientation_word o
    WHERE asked.raw AND w.word IS NULL AND o.word %% asked.word AND o.word !~ ':'
    ORDER BY near DESC, o.count DESC LIMIT 8) n) near ON true
"""


@dataclass
class _Understood:
    """A question in the words of the index: for each group its phrases, and how many entries.

    `fewest` counts the entries of its rarest part; `together` is how many have all of them, were
    they spread at random.
    """

    groups: list[tuple[Group, list[list[str]], int]]
    facets: list[str]
    fewest: int
    together: float
    corrected: dict[str, str]


def _understand(question: Question, facets: Facets) -> _Understood:
    """Turn a question into words of the index, misspelt ones mended, in one statement."""
    lexemes = facets.lexemes
    raw = [group.typed for group in question.groups if group.phrases == (group.typed,)]
    guesses = {typed: questions.guess(typed) for typed in raw}
    phrases = [phrase for group in question.groups for phrase in group.phrases]
    phrases += [phrase for guess in guesses.values() if guess for phrase in guess.phrases]
    words, counts, near = _resolve(phrases, raw, [*lexemes, *_KINDS])
    groups, sure, corrected = [], [], {}
    for group in question.groups:
        missing = [word for word in words.get(group.typed, []) if counts.get(word) is None]
        if group.typed not in guesses or not missing:
            sure.append(group)
        elif guess := guesses[group.typed]:
            group = replace(guess, typed=group.typed)
            corrected[group.typed] = guess.phrases[0]
            sure.append(group)
        else:
            found = [
                other
                for word in missing
                for other in near.get(word, [])
                if questions.resembles(word, other)
            ][:4]
            if found:
                corrected[group.typed] = found[0]
            words |= {word: [word] for word in found}
            counts |= dict.fromkeys(found, RARE // 4)
            group = Group(group.typed, tuple(found), group.soft)
        groups.append(group)
    understood = []
    for group in questions.softened(groups, sure):
        known = [
            words[phrase]
            for phrase in group.phrases
            if words.get(phrase) and all(counts.get(word) for word in words[phrase])
        ]
        if known:
            many = sum(min(counts[word] or 0 for word in each) for each in known)
            understood.append((group, known, many))
    hard = [many for group, _, many in understood if not group.soft]
    parts = [*hard, *(counts.get(facet) or 0 for facet in lexemes)]
    entries = max(sum(counts.get(kind) or 0 for kind in _KINDS), 1)
    together = entries * prod(min(many / entries, 1.0) for many in parts)
    fewest = min(parts, default=10**9)
    return _Understood(understood, lexemes, fewest, together, corrected)


def _resolve(
    phrases: Sequence[str], raw: Sequence[str], facets: Sequence[str]
) -> tuple[dict[str, list[str]], dict[str, int | None], dict[str, list[str]]]:
    """Return the words of each phrase, the count of each, and what resembles unknown ones."""
    words: dict[str, list[str]] = {}
    counts: dict[str, int | None] = {}
    near: dict[str, list[str]] = {}
    if not phrases and not facets:
        return words, counts, near
    with connection.cursor() as cursor:
        cursor.execute(
            _RESOLVE,
            {"phrases": list(dict.fromkeys(phrases)), "raw": list(raw), "facets": list(facets)},
        )
        for said, word, count, resembling in cursor.fetchall():
            words.setdefault(said, []).append(word)
            counts[word] = count
            near[word] = resembling or []
    return words, counts, near


# --- Searching ----------------------------------------------------------------------------------


def search(
    *,
    text: str,
    now: datetime,
    origin: str = "",
    facets: Facets = Facets(),
    page: int = 1,
    size: int = PAGE,
) -> Found:
    """Return a page of those to whom a person may be sent, the best first.

    Args:
        text: what is typed in the box; it may name a commune: what is nearest to it comes first.
        origin: INSEE code of where the person lives or the actor works: journeys are said from it.
    """
    question = questions.read(text)
    understood = _understand(question, facets)
    departure = origin or CAPITAL
    origin = departure if facets.way else question.commune or facets.commune or departure
    number = min(max(page, 1), MOST_PAGES)
    found = Found(
        question=question, origin=departure, corrected=understood.corrected, number=number
    )
    hard = [entry for entry in understood.groups if not entry[0].soft]
    asked = [group for group in question.groups if not group.soft]
    if not understood.groups and not facets:
        return found
    if asked and not hard and not facets and not question.commune:
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
    found.results = _describe(chosen, origin=departure, now=now)
    for result in found.results:
        found.communes[result.commune] = found.communes.get(result.commune, 0) + 1
    return found


def _condition(groups: Sequence[tuple[Group, list[list[str]], int]], need: int) -> str:
    """Return the tsquery that at least `need` of these groups answer (all, all but one, or any)."""
    said = [ranking.group(phrases) for _, phrases, _ in groups]
    if need >= len(said):
        return " & ".join(said)
    if need == len(said) - 1:
        return "(" + " | ".join(
            "(" + " & ".join(said[:i] + said[i + 1 :]) + ")" for i in range(len(said))
        ) + ")"  # fmt: skip
    return "(" + " | ".join(said) + ")"


_COLUMNS = "e.kind, e.target, e.commune, e.zones, e.hours, e.closures, e.available, e.available_at"


_IS_OPEN = (
    "CASE WHEN e.hours IS NOT NULL THEN"
    " orientation_is_open(e.hours, e.closures, %(minute)s, %(today)s) END"
)


def _minute_and_day(now: datetime) -> tuple[int, date]:
    """Return the minute of the week and the day, on the clock of the territory."""
    local = timezone.localtime(now)
    return (local.isoweekday() - 1) * 1440 + local.hour * 60 + local.minute, local.date()


def _candidates(
    understood: _Understood,
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
    conditions = [_condition(hard, need)] if hard else []
    conditions += [ranking.literal(facet) for facet in understood.facets]
    if not hard and not understood.facets:
        # Soft groups alone: what is in the commune named.
        conditions += [_condition([g for g in understood.groups if g[0].soft], 1)]
    query = " & ".join(conditions)
    minute, today = _minute_and_day(now)
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
    score = _score(understood.groups, parameters, question.room)
    filters = "(e.until IS NULL OR e.until > %(now)s)"
    is_open = _IS_OPEN
    if facets.open_now or question.open_now:
        filters += f" AND {is_open}"
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
            "   SELECT * FROM orientation_entry i WHERE i.doc @@ t.query LIMIT %(near)s) e"
            f" WHERE {filters} LIMIT %(near)s"
        )
        parameters["queries"] = [
            f"{query} & {ranking.literal('c:' + code)}" for code, _ in communes
        ]
    statement = f"""
        SELECT kind, target, score, minutes, at_home, is_open FROM (
          SELECT e.kind, e.target, e.minutes, e.is_open,
                 COALESCE(e.zones @> ARRAY[%(origin)s::text]::varchar[], false) AS at_home,
                 {score} AS score
          FROM ({statement}) e) ranked
        ORDER BY round(score::numeric, 4) DESC, minutes NULLS LAST, kind DESC, target
        LIMIT %(limit)s"""  # noqa: S608 - built of constants of this file
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


def _score(
    groups: Iterable[tuple[Group, list[list[str]], int]],
    parameters: dict[str, Any],
    wants_room: bool,
) -> str:
    """Return the SQL of the score of an entry `e`; its tsqueries go into the parameters."""
    parts, total = [], 0.0
    for rank, (group, phrases, _) in enumerate(groups):
        importance = ranking.SOFT if group.soft else 1.0
        total += 0 if group.soft else 1.0
        cases = []
        for weights, worth in ranking.WEIGHTS:
            name = f"g{rank}{weights}"
            parameters[name] = ranking.group(phrases, weights)
            cases.append(f"WHEN e.doc @@ %({name})s::tsquery THEN {worth * importance}")
        parts.append(f"CASE {' '.join(cases)} ELSE 0 END")
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
    return f"{relevance} * (1 - 0.5 * {distance}) + {room}"


# --- Describing ---------------------------------------------------------------------------------

_DESCRIBE = """
SELECT x.rank, x.kind, x.target,
       CASE x.kind WHEN 'R' THEN trim(p.civility || ' ' || p.given || ' ' || p.family)
         WHEN 'S' THEN s.name ELSE o.name END,
       CASE x.kind WHEN 'R' THEN COALESCE(NULLIF(r.specialty_label, ''), r.profession_label)
         WHEN 'S' THEN s.activity ELSE o.category_label END,
       o.id, o.name, COALESCE(l.commune_id, o.commune_id, ''), COALESCE(c.name, ''),
       CASE x.kind WHEN 'S' THEN ARRAY(SELECT t.label FROM directory_term t
         WHERE t.code = ANY (s.acts) AND starts_with(t.nomenclature, 'TRE_R210')
         ORDER BY array_position(s.acts::text[], t.code::text)) END,
       COALESCE(NULLIF(r.phone, ''), NULLIF(s.phone, ''), o.phone),
       CASE x.kind WHEN 'R' THEN r.secure_email
         ELSE COALESCE(NULLIF(s.secure_email, ''), o.secure_email) END,
       CASE x.kind WHEN 'R' THEN p.synthetic WHEN 'S' THEN s.synthetic ELSE o.synthetic END,
       COALESCE(s.comment, ''),
       (SELECT jsonb_agg(jsonb_build_object('activity', k.activity, 'status', k.status,
                 'number', k.number, 'at', k.updated_at) ORDER BY k.activity)
        FROM directory_capacity k WHERE k.status IN ('01', '02')
          AND ((x.kind = 'S' AND k.service_id = s.id)
            OR (x.kind = 'P' AND k.organization_id = o.id)))
FROM unnest(%(kinds)s::text[], %(targets)s::bigint[]) WITH ORDINALITY x(kind, target, rank)
LEFT JOIN directory_practitionerrole r ON x.kind = 'R' AND r.id = x.target
LEFT JOIN directory_practitioner p ON p.id = r.practitioner_id
LEFT JOIN directory_healthcareservice s ON x.kind = 'S' AND s.id = x.target
LEFT JOIN directory_location l ON l.id = s.location_id
JOIN directory_organization o ON o.id = CASE x.kind WHEN 'R' THEN r.organization_id
  WHEN 'S' THEN s.organization_id ELSE x.target END
LEFT JOIN directory_commune c ON c.code = COALESCE(l.commune_id, o.commune_id)
ORDER BY x.rank
"""


def _describe(rows: Sequence[tuple[Any, ...]], *, origin: str, now: datetime) -> list[Result]:
    if not rows:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            _DESCRIBE, {"kinds": [row[0] for row in rows], "targets": [row[1] for row in rows]}
        )
        described = cursor.fetchall()
    results = []
    for line in described:
        rank, kind, target, name, detail, organization_id, organization, commune = line[:8]
        _, _, score, _, at_home, is_open = rows[rank - 1]
        results.append(
            Result(
                kind=kind,
                target=target,
                name=name,
                detail=detail or "",
                organization_id=organization_id,
                organization=organization,
                commune=commune,
                commune_name=line[8],
                acts=tuple(line[9] or ()),
                phone=line[10] or "",
                secure_email=line[11] or "",
                synthetic=line[12],
                score=float(score),
                at_home=at_home,
                journey=travel.journey(origin, commune),
                is_open=is_open,
                comment=line[13],
                capacities=_capacities(line[14], now),
            )
        )
    return results


def _capacities(said: Any, now: datetime) -> tuple[Capacity, ...]:
    """Pair what is free with what is installed, activity by activity; what is free comes dated."""
    if isinstance(said, str):
        said = json.loads(said)
    installed: dict[str, int] = {}
    free: dict[str, Mapping[str, Any]] = {}
    for each in said or ():
        if each["status"] == "02":
            free[each["activity"]] = each
        else:
            installed[each["activity"]] = installed.get(each["activity"], 0) + each["number"]
    found = []
    for activity, each in free.items():
        at = datetime.fromisoformat(each["at"])
        found.append(
            Capacity(
                activity=activity,
                number=each["number"],
                installed=installed.get(activity),
                at=at,
                age=ranking.age_in_words(at, now),
                fresh=ranking.is_fresh(at, now),
            )
        )
    return tuple(found)


def destination(*, kind: str, target: int, now: datetime, origin: str = "") -> Result | None:
    """Return one answer by what it is, as it stands now, or None when it is no longer found."""
    is_open = _IS_OPEN.replace("%(minute)s", "%s").replace("%(today)s", "%s")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT COALESCE(e.zones @> ARRAY[%s::text]::varchar[], false), {is_open}"  # noqa: S608
            " FROM orientation_entry e WHERE e.kind = %s AND e.target = %s"
            " AND (e.until IS NULL OR e.until > %s)",
            [origin, *_minute_and_day(now), kind, target, now],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    at_home, opened = row
    found = _describe(
        [(kind, target, 0.0, None, at_home, opened)], origin=origin or CAPITAL, now=now
    )
    return found[0] if found else None


def referrals(*, patient_id: int, limit: int = MOST_REFERRALS) -> list[Referral]:
    """Return where a person was sent, the latest first."""
    return list(
        Referral.objects.filter(patient_id=patient_id)
        .select_related("author_role")
        .order_by("-created_at", "-pk")[:limit]
    )
