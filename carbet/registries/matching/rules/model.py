"""The weights of the comparison: one file of numbers for the search and for the batch.

Fellegi and Sunter's model: each level of agreement weighs log2 of how much more often it is seen
between two writings of one person than between two persons. Two corrections, as data as well: how
frequent a name is, and what fields tell together that they do not tell apart (the same name, the
same day and another given name is a twin, not half a person).
"""

import json
import math
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from carbet.registries.matching.rules.levels import COMPARISONS, UNKNOWN
from carbet.registries.matching.rules.traits import Prepared

SHIPPED = Path(__file__).resolve().parent.parent / "data" / "model.json"
# Fields whose levels are read together; place and sex only as agreeing or not.
TOGETHER = ("name", "given", "born", "sex", "place")
_TOGETHER_RANKS = tuple(
    next(rank for rank, each in enumerate(COMPARISONS) if each.name == name) for name in TOGETHER
)
# How much of a name's rarity counts at each level: all of it when it is the same word.
RARITY: dict[str, tuple[str, dict[str, float]]] = {
    "name": (
        "fam",
        {
            "equal": 1.0,
            "near": 0.4,
            "sound": 0.4,
            "part": 0.5,
            "inverted": 0.5,
            "inverted_near": 0.4,
        },
    ),
    "given": (
        "first",
        dict.fromkeys(("list", "equal", "start", "reordered", "first_others_near", "first"), 1.0)
        | {"part": 0.5}
        | dict.fromkeys(("near_shared", "near_single", "near"), 0.4),
    ),
    "place": ("place", {"equal": 1.0}),
}
# Relatives share a name and a place: their rarity tells nothing once the given names differ.
KIN_GIVEN = frozenset({"part", "near", "shared", "far", "different"})
KIN_SHARED = frozenset({"name", "place"})


@dataclass(frozen=True)
class Model:
    """The weights, in base-2 logarithms; `raw` is the file they were read from."""

    version: str
    prior: float
    """What two identities weigh before any comparison, in a base of `base_size` identities."""
    base_size: int
    weights: tuple[tuple[float, ...], ...]
    """By comparison, then by rank of level."""
    rarity: tuple[dict[str, float], ...]
    """By column of RARITY: what a frequent value takes away or adds when it is the same."""
    rare: tuple[float, ...]
    """By column of RARITY: what any other value adds."""
    together: dict[str, float]
    automatic: float
    """The weight from which two identities without any doubt are linked by themselves."""
    doubtful: float
    """The weight from which people should look."""
    raw: dict[str, Any]
    sums: dict[tuple[int, ...], float] = field(default_factory=dict, repr=False, compare=False)
    """What patterns of levels met already weigh, rarity and prior apart."""
    mosts: dict[tuple[int, ...], float] = field(default_factory=dict, repr=False, compare=False)
    """The most that patterns met already can weigh, whatever the name, prior apart."""

    @cached_property
    def rarest(self) -> tuple[float, ...]:
        """By column of RARITY: the most that a value adds."""
        return tuple(
            max(rare, *known.values()) for known, rare in zip(self.rarity, self.rare, strict=True)
        )

    def prior_for(self, base_size: int) -> float:
        """Return the prior in a base of this size: the larger, the more strangers look alike."""
        return self.prior - math.log2(max(base_size, 1000) / self.base_size)

    def rarities(self, one: Prepared) -> tuple[float, ...]:
        """Return what the rarity of each of its values adds when another has the same."""
        return tuple(
            known.get(getattr(one, column), rare)
            for (column, _), known, rare in zip(
                RARITY.values(), self.rarity, self.rare, strict=True
            )
        )


def together_key(levels: tuple[int, ...]) -> str:
    """Return the pattern that the levels read together make: "1.3.0.1.0"."""
    name, given, born, sex, place = (levels[rank] for rank in _TOGETHER_RANKS)
    return f"{name}.{given}.{born}.{sex}.{min(place, 1)}"


def parse(raw: dict[str, Any]) -> Model:
    """Return the model of a file that was read."""
    return Model(
        version=raw["version"],
        prior=raw["prior"],
        base_size=raw["base_size"],
        weights=tuple(
            tuple(_weight(raw["comparisons"][each.name][level.name]) for level in each.levels)
            for each in COMPARISONS
        ),
        rarity=tuple(raw["rarity"][column]["values"] for column, _ in RARITY.values()),
        rare=tuple(raw["rarity"][column]["others"] for column, _ in RARITY.values()),
        together=raw["together"],
        automatic=raw["thresholds"]["automatic"],
        doubtful=raw["thresholds"]["doubtful"],
        raw=raw,
    )


@lru_cache(maxsize=4)
def load(path: Path = SHIPPED) -> Model:
    """Return the model of a file, the shipped one when none is said."""
    return parse(json.loads(path.read_text()))


def _weight(probabilities: dict[str, float]) -> float:
    return math.log2(probabilities["m"] / probabilities["u"])


def field_weights(model: Model, levels: tuple[int, ...]) -> list[float]:
    """Return what each field weighs before rarity: nothing where one is unknown."""
    return [
        0.0 if level == UNKNOWN else weights[level]
        for weights, level in zip(model.weights, levels, strict=True)
    ]


@lru_cache(maxsize=1)
def rarity_shares() -> tuple[tuple[int, tuple[float, ...]], ...]:
    """Return, for each column of RARITY, the rank of its comparison and its share by level."""
    found = []
    for name, (_, shares) in RARITY.items():
        rank = next(r for r, each in enumerate(COMPARISONS) if each.name == name)
        levels = tuple(shares.get(level.name, 0.0) for level in COMPARISONS[rank].levels)
        found.append((rank, levels))
    return tuple(found)
