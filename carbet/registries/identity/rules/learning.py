"""How a set of weights of the matching is measured, and when it may take the place of another."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from carbet.registries.matching import rules as matching

_NORMAL_95 = 1.959964


@dataclass(frozen=True)
class Share:
    """A share that was measured, and the interval in which it truly lies 95 times in 100."""

    count: int
    total: int

    @property
    def value(self) -> float:
        return self.count / self.total if self.total else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval: right for few trials, and for shares near 0 or 1."""
        if not self.total:
            return 0.0, 1.0
        n, p, z = self.total, self.value, _NORMAL_95
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True)
class Rates:
    """Counts of one measure, and what is said of them; the names of `MatchingMeasure`."""

    seed: int
    people: int
    true: int
    right: int
    false: int
    asked: int
    brought: int
    twins: int
    twins_linked: int
    same: int
    same_linked: int
    same_apart: int
    different: int
    different_linked: int
    agreed: int

    @property
    def precision(self) -> Share:
        """Of what machines bring together, how much is one person."""
        return Share(self.right, self.right + self.false)

    @property
    def recall(self) -> Share:
        """Of the pairs of one person, how many machines bring together."""
        return Share(self.right, self.true)

    @property
    def captured(self) -> Share:
        """Of the pairs of one person, how many are linked or asked about."""
        return Share(self.brought, self.true)

    @property
    def items(self) -> float:
        """Questions to people for 100 pairs of one person."""
        return 100 * self.asked / self.true if self.true else 0.0

    @property
    def agreement(self) -> Share:
        """Of the decisions held out, on how many the weights lean as people did."""
        return Share(self.agreed, self.same + self.different)


COUNTS = tuple(Rates.__dataclass_fields__)
# Questions that a better recall may cost: a tenth more.
MORE_ITEMS = 1.10


def worse(candidate: Rates, current: Rates) -> list[str]:
    """Return in what a candidate is worse than the weights in service; nothing when it is not.

    A false link harms somebody: one more is worse, whatever else gets better. Shares are worse
    below the interval of those in service: less is chance.
    """
    if (candidate.seed, candidate.people) != (current.seed, current.people):
        return ["les deux n’ont pas été mesurés sur le même territoire"]
    found = []
    if candidate.same + candidate.different < current.same + current.different:
        found.append("il a été mesuré sur moins de décisions que celui en service")
    if candidate.false > current.false:
        found.append(f"{candidate.false} rapprochements faux, {current.false} aujourd’hui")
    if candidate.twins_linked > current.twins_linked:
        found.append(f"{candidate.twins_linked} jumeaux réunis, {current.twins_linked} aujourd’hui")
    if candidate.different_linked > current.different_linked:
        found.append(
            f"{candidate.different_linked} personnes que des agents ont dites différentes réunies,"
            f" {current.different_linked} aujourd’hui"
        )
    for words, mine, theirs in (
        ("rappel", candidate.recall, current.recall),
        ("paires réunies ou demandées", candidate.captured, current.captured),
        ("accord avec les agents", candidate.agreement, current.agreement),
    ):
        if mine.total and mine.value < theirs.interval[0]:
            found.append(f"{words} {mine.value:.1%}, {theirs.value:.1%} aujourd’hui")
    if candidate.items > current.items * MORE_ITEMS:
        found.append(
            f"{candidate.items:.1f} questions pour 100 paires, {current.items:.1f} aujourd’hui"
        )
    return found


def on_decisions(
    model: matching.Model,
    decided: Iterable[tuple[matching.Traits, matching.Traits, bool]],
    *,
    base_size: int,
) -> dict[str, int]:
    """Return what weights would have done of pairs that people decided on, by name of count."""
    counts: Counter[str] = Counter()
    for one, other, same in decided:
        score = matching.explain(one, other, base_size=base_size, model=model)
        zone = matching.decide(score, model=model).zone
        counts["same" if same else "different"] += 1
        counts["agreed"] += (score.weight > 0) == same
        if same:
            counts["same_linked"] += zone is matching.Zone.AUTOMATIC
            counts["same_apart"] += zone is matching.Zone.APART
        else:
            counts["different_linked"] += zone is matching.Zone.AUTOMATIC
    names = ("same", "same_linked", "same_apart", "different", "different_linked", "agreed")
    return {name: counts[name] for name in names}
