"""What two identities weigh together, and why, field by field, in words."""

import math
from dataclasses import dataclass
from functools import lru_cache

from carbet.registries.matching.rules.levels import (
    BY_NAME,
    COMPARISONS,
    NEEDED,
    UNKNOWN,
    compare,
    compare_name,
    compare_others,
)
from carbet.registries.matching.rules.model import (
    KIN_GIVEN,
    KIN_SHARED,
    RARITY,
    TOGETHER,
    Model,
    field_weights,
    load,
    rarity_shares,
    together_key,
)
from carbet.registries.matching.rules.traits import Prepared, Traits, prepare

_RANKS = {each.name: rank for rank, each in enumerate(COMPARISONS)}
_GIVEN = _RANKS["given"]
_KIN_LEVELS = frozenset(BY_NAME["given"].rank(level) for level in KIN_GIVEN)
_KIN_RANKS = frozenset(_RANKS[name] for name in KIN_SHARED)
_COLUMNS = tuple(column for column, _ in RARITY.values())
# Patterns of levels of which a process remembers what they weigh.
_MOST_SUMS = 65_536


@dataclass(frozen=True, slots=True)
class FieldScore:
    """What one field weighs, in base-2 logarithm: positive for the same person."""

    name: str
    level: str
    weight: float
    words: str


@dataclass(frozen=True, slots=True)
class Score:
    """What two identities weigh: above zero, rather one person than two.

    `fields` sum up to `weight`; the last are the corrections and what a base of this size weighs
    before any comparison.
    """

    weight: float
    probability: float
    fields: tuple[FieldScore, ...]
    levels: tuple[int, ...]

    def level(self, name: str) -> str:
        """Return the level of a field by its name, "unknown" where one of the two has none."""
        rank = self.levels[_RANKS[name]]
        return "unknown" if rank == UNKNOWN else COMPARISONS[_RANKS[name]].levels[rank].name


def explain(
    a: Traits | Prepared,
    b: Traits | Prepared,
    *,
    base_size: int = 0,
    model: Model | None = None,
) -> Score:
    """Return what two identities weigh together, field by field.

    Args:
        base_size: how many identities the base holds, that of the model when not said: the more,
            the more strangers look alike.
    """
    model = model or load()
    one = a if isinstance(a, Prepared) else prepare(a)
    two = b if isinstance(b, Prepared) else prepare(b)
    levels = compare(one, two)
    weights = field_weights(model, levels)
    fields = []
    total = 0.0
    rarities = _rarity(model, one, two, levels)
    for rank, (comparison, level, weight) in enumerate(
        zip(COMPARISONS, levels, weights, strict=True)
    ):
        if level == UNKNOWN:
            if comparison.name not in ("ids", "phone", "address", "city"):
                words = comparison.unknown
                if not any(
                    getattr(side, n) for side in (one, two) for n in NEEDED[comparison.name]
                ):
                    words = words.replace("d’un côté", "des deux côtés")
                fields.append(FieldScore(comparison.name, "unknown", 0.0, words))
            continue
        added = rarities.get(rank, 0.0)
        said = comparison.levels[level]
        words = said.words
        if added >= 1.5:
            words += " (rare)"
        elif added <= -1.5:
            words += " (très répandu)"
        total += weight + added
        if (weight, added) != (0.0, 0.0):
            fields.append(FieldScore(comparison.name, said.name, weight + added, words))
    together = model.together.get(together_key(levels), 0.0)
    if together:
        total += together
        fields.append(FieldScore("together", "", together, _together_words(levels, together)))
    prior = model.prior_for(base_size or model.base_size)
    total += prior
    fields.append(FieldScore("prior", "", prior, "au départ, deux identités prises au hasard"))
    return Score(total, probability(total), tuple(fields), levels)


STRICT = frozenset({"name", "given", "born", "sex", "place"})
"""Fields of which whoever gave them all may be told whether they agree."""


def said(
    score: Score, *, only: frozenset[str] | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return in words what agrees and what differs; what is unknown, and sums, say nothing."""
    told = [
        field
        for field in score.fields
        if field.level not in ("", "unknown")
        and field.weight != 0
        and (only is None or field.name in only)
    ]
    return (
        tuple(dict.fromkeys(field.words for field in told if field.weight > 0)),
        tuple(dict.fromkeys(field.words for field in told if field.weight < 0)),
    )


def weigh(
    model: Model, one: Prepared, two: Prepared, prior: float, *, least: float = -math.inf
) -> float:
    """Return what two identities weigh together, without the words: for many candidates.

    Args:
        least: no more than this is of no interest: minus infinity, then, where no name, however
            rare, could make more of what else agrees.
    """
    turned, *others = compare_others(one, two)
    if prior + _most(model, (turned, *others)) <= least:
        return -math.inf
    levels = (compare_name(one, two, turned), *others)
    return prior + _sum(model, levels) + sum(_rarity(model, one, two, levels).values())


def _sum(model: Model, levels: tuple[int, ...]) -> float:
    """Return what levels weigh before rarity and prior."""
    total = model.sums.get(levels)
    if total is None:
        total = sum(field_weights(model, levels)) + model.together.get(together_key(levels), 0.0)
        if len(model.sums) < _MOST_SUMS:
            model.sums[levels] = total
    return total


def _most(model: Model, others: tuple[int, ...]) -> float:
    """Return the most that these levels weigh, prior apart, whatever the name is."""
    most = model.mosts.get(others)
    if most is None:
        turned = others[0]
        names = range(UNKNOWN, len(COMPARISONS[0].levels)) if turned == UNKNOWN else (turned,)
        most = max(
            _sum(model, levels)
            + sum(max(0.0, share * model.rarest[number]) for _, number, _, share in _rare(levels))
            for levels in ((name, *others[1:]) for name in names)
        )
        if len(model.mosts) < _MOST_SUMS:
            model.mosts[others] = most
    return most


def probability(weight: float) -> float:
    """Return the probability that a weight says."""
    if weight > 60:
        return 1.0
    odds = 2.0 ** max(weight, -60.0)
    return odds / (1 + odds)


def _rarity(
    model: Model, one: Prepared, two: Prepared, levels: tuple[int, ...]
) -> dict[int, float]:
    """Return what rarity adds, by rank of the comparison."""
    found = {}
    for rank, number, column, share in _rare(levels):
        known, rare = model.rarity[number], model.rare[number]
        mine, theirs = getattr(one, column), getattr(two, column)
        added = known.get(mine, rare)
        if theirs != mine:
            added = min(added, known.get(theirs, rare))
        found[rank] = share * added
    return found


@lru_cache(maxsize=_MOST_SUMS)
def _rare(levels: tuple[int, ...]) -> tuple[tuple[int, int, str, float], ...]:
    """Return the rank, number, column and share of each rarity that counts at these levels."""
    kin = levels[_GIVEN] in _KIN_LEVELS
    return tuple(
        (rank, number, column, shares[levels[rank]])
        for number, ((rank, shares), column) in enumerate(
            zip(rarity_shares(), _COLUMNS, strict=True)
        )
        if levels[rank] != UNKNOWN and shares[levels[rank]] and not (kin and rank in _KIN_RANKS)
    )


def _together_words(levels: tuple[int, ...], weight: float) -> str:
    """Say what the fields tell together."""
    said = {name: levels[_RANKS[name]] for name in TOGETHER}
    same_name = said["name"] in (2, 3, 4)
    same_day = said["born"] in (0, 1)
    if weight < 0 and same_name and same_day and said["given"] in _KIN_LEVELS:
        return "même nom et même date, d’autres prénoms : des jumeaux, le plus souvent"
    if weight < 0 and same_name and said["born"] >= 6:
        return "même nom sans la même date : des parents ou des homonymes, souvent"
    if weight < 0:
        return "ces ressemblances vont souvent ensemble chez des personnes différentes"
    return "ces ressemblances ne vont ensemble que chez une même personne"
