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
# « matouri » is Matoury, « maman » is not Mana.
_LEAST_PLACE = 84
# Words that sound alike differ by a letter at most.
_LEAST_HEARD = 90
# Letters that words of one family share.
_STEM = 5
_SMALL = frozenset(
    "a au aux avec d de des du en et l la le les par pour sur un une"  # noqa: SIM905
    " qu que se s son sa ses".split()
)
_OPEN_NOW = re.compile(r"\bouverte?s? (?:maintenant|actuellement|en ce moment)\b")
_ROOM = re.compile(r"\b(?:places?|lits?)(?: \w+)? (?:disponibles?|libres?)\b|\bde la place\b")
_AGE = re.compile(r"\b(\d{1,3}) (ans|an|mois)\b")
# How one accepts to travel, as said in passing (see choices.Way).
_REACHED = r"(?:joignable|accessible|atteignable)s? "
_WAYS = (
    ("2h", re.compile(rf"\b(?:{_REACHED})?(?:a|en) moins de (?:2|deux) ?h(?:eures?)?\b")),
    ("river", re.compile(r"\bsans (?:prendre )?(?:l )?avion\b")),
    ("river", re.compile(rf"\b{_REACHED}(?:par|en) (?:le )?(?:fleuve|pirogue|bateau)\b")),
    ("road", re.compile(rf"\b(?:{_REACHED})?par (?:la )?route\b")),
    ("road", re.compile(rf"\b(?:{_REACHED})?en voiture\b")),
)
_DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_WEEKEND = re.compile(r"\bweek ?ends?\b")
# Minutes of the day that stand for a part of it.
_PARTS = {"matin": 9 * 60, "midi": 13 * 60, "apres midi": 15 * 60, "soir": 19 * 60 + 30}
_NIGHT = re.compile(r"\bnuits?\b|\b24 ?h? ?(?:sur )?24 ?h?\b")
# Words that say when: what does not open then comes later, nothing is left out.
_OF_TIME = frozenset({*_DAYS, "matin", "midi", "soir", "soiree", "nuit", "weekend", "week", "end",
                      "demain", "feries", "ferie", "jour", "jours"})  # fmt: skip
_DAY = 1440


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
    # A way of choices.Way, when one is said.
    way: str = ""
    when: "When | None" = None
    # (typed, understood) of communes written otherwise.
    misspelt: tuple[tuple[str, str], ...] = ()

    @property
    def hard(self) -> tuple[Group, ...]:
        return tuple(group for group in self.groups if not group.soft)


@dataclass(frozen=True, slots=True)
class When:
    """When one would go: weekdays (ISO; none: those of work), or days from today, and the time."""

    said: str
    days: tuple[int, ...] = ()
    ahead: int | None = None
    # Minutes of the day.
    times: tuple[int, ...] = (10 * 60, 15 * 60)

    def minutes(self, today: int) -> list[int]:
        """Return minutes of the week at one of which it should be open, from an ISO weekday."""
        days = self.days or range(1, 6)
        if self.ahead is not None:
            days = [(today - 1 + self.ahead) % 7 + 1]
        return [(day - 1) * _DAY + time for day in days for time in self.times]


@dataclass(slots=True)
class _Vocabulary:
    noise: frozenset[str]
    said: dict[tuple[str, ...], Mapping[str, Any]] = field(default_factory=dict)
    single: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    # The same words as they sound.
    sounds: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    places: dict[tuple[str, ...], str] = field(default_factory=dict)
    longest: int = 1


def fold(text: str) -> list[str]:
    """Return the words of a text: small letters, no accent."""
    return [word.lower() for word in names.all_tokens(text)]


def _key(word: str) -> str:
    """Return a word without its plural."""
    return word[:-1] if len(word) > 3 and word[-1] in "sx" else word


_HEARD = tuple(
    (re.compile(spelt), heard)
    for spelt, heard in (
        ("ph", "f"), ("qu|ck|c(?=[aou])|c(?=[^aeiouyh])", "k"), ("e?au", "o"), ("y", "i"),
        ("h", ""), (r"(.)\1", r"\1"), ("e$", ""),
    )
)  # fmt: skip


def _sound(word: str) -> str:
    """Return a word nearly as it is heard: « ortofoniste » and « orthophoniste » are one."""
    for spelt, heard in _HEARD:
        word = spelt.sub(heard, word)
    return word


def _keys(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(_key(word) for word in words if word not in _SMALL)


@lru_cache(maxsize=1)
def _vocabulary() -> _Vocabulary:
    document = json.loads((DATA / "synonyms.json").read_text(encoding="utf-8"))
    found = _Vocabulary(frozenset(_key(word) for said in document["noise"] for word in fold(said)))
    for entry in document["synonyms"]:
        weakly = {**entry, "weak": True}
        for meant, words in ((entry, entry["say"]), (weakly, entry.get("signs", ()))):
            for said in words:
                key = _keys(fold(said))
                found.said[key] = meant
                if len(key) == 1:
                    found.single[key[0]] = meant
                    found.sounds.setdefault(_sound(key[0]), meant)
                found.longest = max(found.longest, len(key))
    for code, said_places in document["places"].items():
        for said in said_places:
            found.places[_keys(fold(said))] = code
    return found


def read(text: str) -> Question:
    """Cut a question into what it asks."""
    words = fold(text[:LONGEST])
    folded = " ".join(words)
    question = Question(
        open_now=bool(_OPEN_NOW.search(folded)),
        room=bool(_ROOM.search(folded)),
        when=_when(folded),
    )
    for way, words_of_way in _WAYS:
        if words_of_way.search(folded):
            question = replace(question, way=way)
            folded = words_of_way.sub(" ", folded)
            words = folded.split()
            break
    groups: list[Group] = []
    if age := _AGE.search(folded):
        groups.extend(_public(int(age[1]) if age[2] != "mois" else 0))
        words = _AGE.sub(" ", folded).split()
    words = [word for word in words if word not in _SMALL][: MOST_WORDS * 2]
    vocabulary = _vocabulary()
    commune, at = "", 0
    misspelt: list[tuple[str, str]] = []
    while at < len(words) and len(groups) < MOST_WORDS:
        taken, entry, place = _longest(words, at, vocabulary)
        typed = " ".join(words[at : at + max(taken, 1)])
        if place:
            commune = commune or place
            groups.append(Group(typed, (typed,), soft=True))
        elif entry is not None:
            groups.append(_of(entry, typed))
        elif words[at] in _OF_TIME or _key(words[at]) in _OF_TIME:
            groups.append(Group(typed, (typed,), soft=True))
        elif _key(words[at]) not in vocabulary.noise and not words[at].isdigit():
            near = _near_place(words[at])
            groups.append(Group(typed, (near or typed,), soft=bool(near)))
            if near:
                commune = commune or vocabulary.places[(_key(near),)]
                misspelt.append((typed, near))
        at += max(taken, 1)
    if commune and not any(not group.soft for group in groups):
        # Only a place was said: what is there.
        groups = [replace(group, soft=not _is_place(group)) for group in groups]
    return replace(question, groups=tuple(_once(groups)), commune=commune, misspelt=tuple(misspelt))


def _is_place(group: Group) -> bool:
    return _keys(group.phrases[0].split()) in _vocabulary().places


def _near_place(word: str) -> str:
    """Return the commune of one word that this was meant to be (« matouri »), or nothing."""
    if len(word) < 5:
        return ""
    names_of_one = [key[0] for key in _vocabulary().places if len(key) == 1 and len(key[0]) > 4]
    best = process.extractOne(
        _key(word), names_of_one, scorer=fuzz.ratio, score_cutoff=_LEAST_PLACE
    )
    return best[0] if best and best[0][0] == _key(word)[0] else ""


def _when(folded: str) -> When | None:
    """Read when one would go: « dimanche », « le soir », « cette nuit », « demain matin »."""
    said: list[str] = []
    days = tuple(rank for rank, day in enumerate(_DAYS, 1) if re.search(rf"\b{day}s?\b", folded))
    said += [_DAYS[rank - 1] for rank in days]
    if _WEEKEND.search(folded):
        days, said = (6, 7), ["week-end"]
    elif re.search(r"\bferies?\b", folded):
        days, said = (7,), ["jour férié"]
    ahead = None
    if re.search(r"\bdemain\b", folded):
        ahead, said = 1, ["demain"]
    times: list[int] = []
    for part, minute in _PARTS.items():
        if re.search(rf"\b{part}(?:s|ee|ees)?\b", folded) and not (
            part == "midi" and "apres midi" in folded
        ):
            times.append(minute)
            said.append("après-midi" if part == "apres midi" else part)
            if ahead is None and re.search(rf"\bce {part}\b|\bcet {part}\b", folded):
                ahead = 0
    if _NIGHT.search(folded):
        # Before dawn, of the next day when one was said.
        times.append(_DAY + 2 * 60 if days or ahead is not None else 2 * 60)
        said.append("nuit")
        if ahead is None and "cette nuit" in folded:
            ahead, times[-1] = 1, 2 * 60
    if not said:
        return None
    return When(" ".join(said), days, ahead, tuple(times) or (10 * 60, 15 * 60))


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
    key = _key(word)
    best = process.extractOne(key, known.keys(), scorer=fuzz.ratio, score_cutoff=_LEAST_RATIO)
    heard = process.extractOne(
        _sound(key), _vocabulary().sounds.keys(), scorer=fuzz.ratio, score_cutoff=_LEAST_HEARD
    )
    if heard and (not best or heard[1] > best[1]):
        return _of(_vocabulary().sounds[heard[0]], word)
    if best:
        return _of(known[best[0]], word)
    # Of one family: « bégaie » is « bégaiement », when no other word begins so.
    stem = key[: max(_STEM, len(key) - 2)]
    family = {tuple(each["find"]): each for said, each in known.items() if said.startswith(stem)}
    if len(key) >= _STEM and len(family) == 1:
        return _of(next(iter(family.values())), word)
    return None


def resembles(word: str, other: str) -> bool:
    """Tell whether a word of the index is what was meant: one letter away, two in a long word."""
    return fuzz.ratio(word, other) >= (
        78 if len(word) >= 8 else _LEAST_RATIO if len(word) > 5 else 75
    )
