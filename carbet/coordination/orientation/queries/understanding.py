"""What a question says, in the words of the index, and what can narrow it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from django.db import connection

from carbet.coordination.orientation.choices import Way
from carbet.coordination.orientation.rules import questions
from carbet.coordination.orientation.rules.questions import Group, Question

# Entries looked at: beyond, the nearest communes come first.
RARE = 2500
# Every entry has one of these.
_KINDS = ("k:R", "k:S", "k:P")
MOST_OPTIONS = 60


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
class Understood:
    """A question in the words of the index: for each group its phrases, and how many entries.

    `fewest` counts the entries of its rarest part; `together` is how many have all of them, were
    they spread at random.
    """

    groups: list[tuple[Group, list[list[str]], int]]
    facets: list[str]
    fewest: int
    together: float
    corrected: dict[str, str]
    # How many there are in all.
    entries: int = 1


def understand(question: Question, facets: Facets) -> Understood:
    """Turn a question into words of the index, misspelt ones mended, in one statement."""
    lexemes = facets.lexemes
    raw = [group.typed for group in question.groups if group.phrases == (group.typed,)]
    guesses = {typed: questions.guess(typed) for typed in raw}
    phrases = [phrase for group in question.groups for phrase in group.phrases]
    phrases += [phrase for guess in guesses.values() if guess for phrase in guess.phrases]
    words, counts, near = _resolve(phrases, raw, [*lexemes, *_KINDS])
    groups, sure, corrected = [], [], dict(question.misspelt)
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
    return Understood(understood, lexemes, fewest, together, corrected, entries)


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
