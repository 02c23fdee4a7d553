"""Invented identities of a territory, as several establishments wrote them: who is who is known.

People come from the demonstration's generator, with more given names; each is written by one to
four establishments, and what was not qualified is damaged as the identity study says: typing
mistakes, spelling by ear, inversions, a married name in place of the birth name, given names left
out or reordered, day and month inverted, first of January, wrong commune, wrong sex.
"""

import datetime
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from carbet.registries.matching.rules.traits import Traits
from carbet.registries.patients import synthetic

# Seeds of the territories on which the shipped weights were learnt: they measure nothing.
LEARNT_SEEDS = (101, 102)
DOMAINS = ("CHC", "CHOG", "CHK", "CDPS", "GHT", "LABO")
_SYLLABLES = (
    *("ka", "lo", "mi", "sa", "ye", "wa", "né", "to", "ri", "ba", "du", "fa", "gui", "jo", "ly"),
    *("ma", "na", "pé", "ra", "sé", "ti", "va", "xa", "za", "chi", "dja", "koa", "loui", "mar"),
)
_ENDINGS = (
    "line",
    "ne",
    "son",
    "ta",
    "ly",
    "ce",
    "dy",
    "ric",
    "lène",
    "to",
    "na",
    "ckson",
    "lande",
)
_BY_EAR = (
    *(("PH", "F"), ("F", "PH"), ("C", "K"), ("K", "C"), ("QU", "K"), ("S", "SS"), ("SS", "S")),
    *(("Z", "S"), ("S", "Z"), ("I", "Y"), ("Y", "I"), ("AU", "O"), ("EAU", "O"), ("O", "AU")),
    *(("EN", "AN"), ("AN", "EN"), ("T", "TT"), ("N", "NN"), ("L", "LL"), ("OU", "W"), ("W", "OU")),
    *(("J", "G"), ("G", "J"), ("TH", "T"), ("E", "ES"), ("X", "KS"), ("H", ""), ("AI", "E")),
)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(slots=True)
class Record:
    """An identity as one establishment wrote it; `person` is the truth."""

    person: int
    twin_of: int | None
    domain: str
    qualified: bool
    traits: Traits


def records(seed: int, people: int, *, complementary: bool = False) -> Iterator[Record]:
    """Yield the identities of so many people, about 1.8 each.

    Args:
        complementary: with their home and telephone, which families share.
    """
    draw = random.Random(f"territory {seed}")  # noqa: S311 - not a secret
    pools = _given_names(draw)
    elder: Traits | None = None
    for person in synthetic.persons(seed, people):
        traits = _true_traits(draw, person, pools, complementary)
        if person.twin_of is not None and elder is not None and draw.random() < 0.12:
            # Twins whose first names are one letter apart.
            near = _mistyped(draw, elder.birth_given[0])
            rest = elder.birth_given if draw.random() < 0.5 else traits.birth_given
            traits = replace(traits, birth_given=(near, *rest[1:]), gender=elder.gender)
        yield from _written(draw, person, traits)
        elder = traits


def queries(seed: int, found: list[Record], count: int) -> list[tuple[int, Traits]]:
    """Return damaged traits to look for, each with one to three new mistakes, and who it is."""
    draw = random.Random(f"queries {seed}")  # noqa: S311 - not a secret
    chosen = [draw.choice(found) for _ in range(count)]
    return [
        (one.person, damaged(draw, replace(one.traits, ins=""), draw.randint(1, 3)))
        for one in chosen
    ]


def _given_names(draw: random.Random) -> list[str]:
    names = {
        (draw.choice(_SYLLABLES) + draw.choice(("", *_SYLLABLES)) + draw.choice(_ENDINGS)).title()
        for _ in range(2600)
    }
    return sorted(names)


def _true_traits(
    draw: random.Random,
    person: synthetic.SyntheticPerson,
    pools: list[str],
    complementary: bool,
) -> Traits:
    given = [
        # A skewed choice: the first of the pool are borne by many.
        pools[int(len(pools) * draw.random() ** 2.2)] if draw.random() < 0.2 else name
        for name in person.birth_given
    ]
    if draw.random() < 0.03:
        given[0] = f"{given[0]}-{draw.choice(pools)}"
    born = person.birth_date
    return Traits(
        birth_family=person.birth_family,
        birth_given=tuple(dict.fromkeys(given)),
        birth_date=born,
        birth_date_precision="day",
        gender=person.gender,
        birth_place_code=person.birth_place_code,
        used_family=person.used_family,
        used_given=person.used_given if person.used_given in given else "",
        ins=person.ins if person.ins and draw.random() < 0.55 else "",
        phone=person.phone if complementary else "",
        address=person.address_line if complementary else "",
        postal_code=person.postal_code if complementary else "",
        city=person.city if complementary else "",
    )


def _written(
    draw: random.Random, person: synthetic.SyntheticPerson, traits: Traits
) -> Iterator[Record]:
    count = draw.choices((1, 2, 3, 4), (42, 38, 16, 4))[0]
    domains = draw.sample(DOMAINS, count)
    if draw.random() < 0.05:
        domains.append(domains[0])
    knows_used = draw.random() < 0.5
    for domain in domains:
        has_ins = bool(traits.ins) and draw.random() < 0.75
        written = replace(
            traits,
            ins=traits.ins if has_ins else "",
            used_family=traits.used_family if knows_used and draw.random() < 0.6 else "",
            used_given=traits.used_given if draw.random() < 0.5 else "",
        )
        if has_ins and draw.random() < 0.0008:
            written = replace(written, ins=_wrong_ins(draw, written.ins))
        if not has_ins and draw.random() < 0.48:
            written = damaged(draw, written, draw.choices((1, 2, 3), (70, 23, 7))[0], traits)
        yield Record(person.index, person.twin_of, domain, has_ins, written)


def _wrong_ins(draw: random.Random, ins: str) -> str:
    place = draw.randrange(7, 13)
    return ins[:place] + str((int(ins[place], 36) + draw.randint(1, 8)) % 10) + ins[place + 1 :]


def damaged(draw: random.Random, traits: Traits, count: int, true: Traits | None = None) -> Traits:
    """Return the traits with so many mistakes; `true` knows what the writing left out."""
    true = true or traits
    for kind in draw.choices(
        ("name", "given", "ear", "shorter", "swap", "married", "order", "turned", "january",
         "digit", "place", "nowhere", "sex"),
        (17, 17, 16, 18, 4, 6, 4, 4, 3, 4, 5, 4, 2),
        k=count,
    ):  # fmt: skip
        traits = _mistake(draw, kind, traits, true)
    return traits


def _mistake(draw: random.Random, kind: str, traits: Traits, true: Traits) -> Traits:
    given = traits.birth_given
    born = traits.birth_date
    if kind == "name":
        return replace(traits, birth_family=_mistyped(draw, traits.birth_family))
    if kind == "given" or (kind == "shorter" and len(given) == 1):
        return replace(traits, birth_given=(_mistyped(draw, given[0]), *given[1:]))
    if kind == "ear":
        if draw.random() < 0.5:
            return replace(traits, birth_family=_by_ear(draw, traits.birth_family))
        return replace(traits, birth_given=(_by_ear(draw, given[0]), *given[1:]))
    if kind == "shorter":
        return replace(traits, birth_given=given[: draw.randint(1, len(given) - 1)])
    if kind == "swap":
        return replace(traits, birth_family=given[0], birth_given=(traits.birth_family,))
    if kind == "married" and true.used_family:
        return replace(traits, birth_family=true.used_family, used_family="")
    if kind == "order" and len(given) > 1:
        return replace(traits, birth_given=(*given[1:], given[0]))
    if kind == "turned" and born and born.day <= 12:
        return replace(traits, birth_date=datetime.date(born.year, born.day, born.month))
    if kind == "january" and born:
        return replace(traits, birth_date=datetime.date(born.year, 1, 1))
    if kind in ("digit", "turned") and born:
        return replace(traits, birth_date=_wrong_digit(draw, born))
    if kind == "place":
        return replace(traits, birth_place_code=draw.choice(("97302", "97311", "97304", "97307")))
    if kind == "nowhere":
        return replace(traits, birth_place_code="99999")
    if kind == "sex":
        return replace(traits, gender="male" if traits.gender == "female" else "female")
    return replace(traits, birth_given=(_mistyped(draw, given[0]), *given[1:]))


def _wrong_digit(draw: random.Random, born: datetime.date) -> datetime.date:
    for _ in range(20):
        text = list(born.strftime("%Y%m%d"))
        text[draw.randrange(2, 8)] = str(draw.randint(0, 9))
        try:
            wrong = datetime.datetime.strptime("".join(text), "%Y%m%d").date()  # noqa: DTZ007
        except ValueError:
            continue
        if wrong != born and 1920 < wrong.year <= synthetic.LAST_BIRTH_YEAR:
            return wrong
    return born


def _mistyped(draw: random.Random, name: str) -> str:
    if len(name) < 2:
        return name
    rank = draw.randrange(len(name))
    kind = draw.random()
    if kind < 0.25:
        return name[:rank] + name[rank + 1 :]
    if kind < 0.5:
        return name[:rank] + draw.choice(_LETTERS) + name[rank:]
    if kind < 0.75:
        return name[:rank] + draw.choice(_LETTERS) + name[rank + 1 :]
    rank = draw.randrange(len(name) - 1)
    return name[:rank] + name[rank + 1] + name[rank] + name[rank + 2 :]


def _by_ear(draw: random.Random, name: str) -> str:
    name = name.upper()
    possible = [pair for pair in _BY_EAR if pair[0] in name]
    if not possible:
        return _mistyped(draw, name)
    before, after = draw.choice(possible)
    place = draw.choice([i for i in range(len(name)) if name.startswith(before, i)])
    changed = name[:place] + after + name[place + len(before) :]
    return changed or name
