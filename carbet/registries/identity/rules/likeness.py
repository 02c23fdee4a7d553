"""How likely two sets of traits are one person: the matching of the house, in this room's words.

The weights, the guards against twins and the keys are those of `matching`, which pages, machines
and the night share (docs/rules/matching.md).
"""

from dataclasses import dataclass

from carbet.registries.matching import rules as matching
from carbet.registries.matching.rules import Traits

__all__ = ["Field", "Score", "Traits", "collides", "explain", "is_apart", "keys", "may_link"]

# A region that fills up is judged as if it already held this many identities.
SMALLEST_BASE = 100_000
_NAMES = {"name": "family", "born": "birth_date", "sex": "gender", "place": "birth_place"}
_ENGINE = {ours: theirs for theirs, ours in _NAMES.items()}


@dataclass(frozen=True)
class Field:
    """What one field says: its level, its weight in bits, and the words for a person."""

    name: str
    level: str
    weight: float
    words: str


@dataclass(frozen=True)
class Score:
    """How likely: the weight in bits with the prior, the probability, and each field's part."""

    weight: float
    probability: float
    fields: tuple[Field, ...]
    whole: matching.Score
    model: matching.Model

    def level(self, name: str) -> str:
        """Return the level of a field."""
        return self.whole.level(_ENGINE.get(name, name))


def explain(
    a: Traits, b: Traits, *, base_size: int = 0, model: matching.Model | None = None
) -> Score:
    """Return how likely two sets of traits are one person.

    Args:
        base_size: how many identities the region holds: the more, the more strangers look alike.
        model: the weights, the shipped ones when none are said.
    """
    model = model or matching.load()
    score = matching.explain(a, b, base_size=max(base_size, SMALLEST_BASE), model=model)
    fields = tuple(
        Field(
            _NAMES.get(each.name, each.name),
            each.level,
            each.weight,
            each.words[:1].upper() + each.words[1:],
        )
        for each in score.fields
    )
    return Score(score.weight, score.probability, fields, score, model)


def may_link(a: Traits, b: Traits, score: Score) -> str:
    """Return why a machine may not link these by itself, as a code; nothing when it may.

    Twins agree on all but the first given name: kinship is no proof (identity study, §3).
    """
    decision = matching.decide(score.whole, model=score.model)
    if decision.zone is matching.Zone.AUTOMATIC:
        return ""
    return next(iter(decision.reasons), "weight")


def is_apart(score: Score) -> bool:
    """Tell whether these are two persons, so clearly that nobody is asked; never under one INS."""
    if score.level("ins") == "equal":
        return False
    return matching.decide(score.whole, model=score.model).zone is matching.Zone.APART


def collides(score: Score) -> bool:
    """Tell whether one INS stands for traits that do not go together."""
    return "collision" in matching.decide(score.whole, model=score.model).reasons


def keys(traits: Traits) -> list[int]:
    """Return the keys under which a double of these traits is found: one in common is enough."""
    return matching.blocking_keys(matching.prepare(traits))
