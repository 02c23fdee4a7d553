"""What a question typed in one box asks: the words that tell, what they may mean, and where.

A question is cut into groups. Each hard group must be answered by one of its phrases; a soft group
only moves results up; a weak one is soft as soon as something more precise is asked. What asks
nothing (« je cherche un… pour ma patiente ») is left out.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from rapidfuzz import fuzz, process

from carbet.coordination.orientation.rules.travel import DATA
from carbet.core import names

MOST_WORDS = 14
LONGEST = 200
# Below it a word is another word: "ortophoniste" is "orthophoniste", "orthodontiste" is not.
_LEAST_RATIO = 82
_SMALL = frozenset(
    "a au aux avec d de des du en et l la le les par pour sur un une"  # noqa: SIM905
    " qu que se s son sa ses".split()
)
_OPEN_NOW = re.compile(r"\bouverte?s? (?:maintenant|actuellement|en ce moment)\b")
_ROOM = re.compile(r"\b(?:places?|lits?)(?: \w+)? (?:disponibles?|libres?)\b|\bde la place\b")
_AGE = re.compile(r"\b(\d{1,3}) (ans|an|mois)\b")


@dataclass(frozen=True, slots=True)
class Group:
    """One thing asked, and the phrases of the directory that answer it."""

    typed: str
    phrases: tuple[str, ...]
    soft: bool = False
    weak: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: groups, a commune when one is named, and whether it must be open or free."""

    groups: tuple[Group, ...] = ()
    commune: str = ""
    open_now: bool = False
    room: bool = False

    @property
    def hard(self) -> tuple[Group, ...]:
        return tuple(group for group in self.groups if not group.soft)


@dataclass(slots=True)
class _Vocabulary:
    noise: frozenset[str]
    said: dict[tuple[str, ...], Mapping[str, Any]] = field(default_factory=dict)
    single: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    places: dict[tuple[str, ...], str] = field(default_factory=dict)
    longest: int = 1


def fold(text: str) -> list[str]:
    """Return the words of a text: small letters, no accent."""
    return [word.lower() for word in names.all_tokens(text)]


def _key(word: str) -> str:
    """Return a word without its plural."""
    return word[:-1] if len(word) > 3 and word[-1] in "sx" else word


def _keys(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(_key(word) for word in words if word not in _SMALL)


@lru_cache(maxsize=1)
def _vocabulary() -> _Vocabulary:
    document = json.loads((DATA / "synonyms.json").read_text(encoding="utf-8"))
    found = _Vocabulary(frozenset(_key(word) for said in document["noise"] for word in fold(said)))
    for entry in document["synonyms"]:
        for said in entry["say"]:
            key = _keys(fold(said))
            found.said[key] = entry
            if len(key) == 1:
                found.single[key[0]] = entry
            found.longest = max(found.longest, len(key))
    for code, said_places in document["places"].items():
        for said in said_places:
            found.places[_keys(fold(said))] = code
    return found


def read(text: str) -> Question:
    """Cut a question into what it asks."""
    words = fold(text[:LONGEST])
    folded = " ".join(words)
    question = Question(open_now=bool(_OPEN_NOW.search(folded)), room=bool(_ROOM.search(folded)))
    groups: list[Group] = []
    if age := _AGE.search(folded):
        groups.extend(_public(int(age[1]) if age[2] != "mois" else 0))
        words = fold(_AGE.sub(" ", folded))
    words = [word for word in words if word not in _SMALL][: MOST_WORDS * 2]
    vocabulary = _vocabulary()
    commune, at = "", 0
    while at < len(words) and len(groups) < MOST_WORDS:
        taken, entry, place = _longest(words, at, vocabulary)
        typed = " ".join(words[at : at + max(taken, 1)])
        if place:
            commune = commune or place
            groups.append(Group(typed, (typed,), soft=True))
        elif entry is not None:
            groups.append(_of(entry, typed))
        elif _key(words[at]) not in vocabulary.noise and not words[at].isdigit():
            groups.append(Group(typed, (typed,), soft=False))
        at += max(taken, 1)
    if commune and not any(not group.soft for group in groups):
        # Only a place was said: what is there.
        groups = [replace(group, soft=group.typed not in _said_places()) for group in groups]
    return replace(question, groups=tuple(_once(groups)), commune=commune)


def _said_places() -> set[str]:
    return {" ".join(key) for key in _vocabulary().places}


def _longest(
    words: list[str], at: int, vocabulary: _Vocabulary
) -> tuple[int, Mapping[str, Any] | None, str]:
    """Return how many words from here make a known phrase, and what it is."""
    for size in range(min(max(vocabulary.longest, 5), len(words) - at), 0, -1):
        key = _keys(words[at : at + size])
        if key in vocabulary.said:
            return size, vocabulary.said[key], ""
        if key in vocabulary.places:
            return size, None, vocabulary.places[key]
    return 0, None, ""


def _of(entry: Mapping[str, Any], typed: str) -> Group:
    return Group(typed, tuple(entry["find"]), bool(entry.get("soft")), bool(entry.get("weak")))


def _once(groups: list[Group]) -> list[Group]:
    """Keep one group for each thing asked: « botox, toxine botulique » asks it once."""
    return list({group.phrases: group for group in groups}.values())


def _public(years: int) -> list[Group]:
    """Say for whom, when an age was typed."""
    said = "enfant" if years < 12 else "adolescent" if years < 18 else "granmoun"
    if 18 <= years < 65:
        return []
    return [_of(_vocabulary().single[said], "")]


def softened(groups: list[Group], sure: list[Group]) -> list[Group]:
    """Soften the weak groups when one of the sure ones says something more precise.

    « Botox pour une patiente hémiplégique »: what is asked for is botox.
    """
    if any(not group.soft and not group.weak for group in sure):
        return [replace(group, soft=group.soft or group.weak) for group in groups]
    return groups


def guess(word: str) -> Group | None:
    """Return what a misspelt word most likely asks among what people say, or None."""
    if len(word) < 4:
        return None
    known = _vocabulary().single
    best = process.extractOne(
        _key(word), known.keys(), scorer=fuzz.ratio, score_cutoff=_LEAST_RATIO
    )
    return _of(known[best[0]], word) if best else None


def resembles(word: str, other: str) -> bool:
    """Tell whether a word of the index is what was meant: one letter away, two in a long word."""
    return fuzz.ratio(word, other) >= (
        78 if len(word) >= 8 else _LEAST_RATIO if len(word) > 5 else 75
    )
