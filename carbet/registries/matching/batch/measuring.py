"""What a model finds in a labelled set: links, worklist, twins, and what it missed."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from carbet.registries.matching.batch import linkage
from carbet.registries.matching.batch.lines import write
from carbet.registries.matching.rules.decisions import Zone, decide_levels
from carbet.registries.matching.rules.keys import batch_keys
from carbet.registries.matching.rules.levels import distance
from carbet.registries.matching.rules.model import Model, load
from carbet.registries.matching.rules.traits import Traits, prepare

TARGETS = (0.95, 0.98, 0.99)


@dataclass(slots=True)
class Labelled:
    """A writing of a person whose number is known; `side` 1 or 2 where two files are linked."""

    person: int
    traits: Traits
    side: int = 0


@dataclass(frozen=True)
class Groups:
    """Of the pairs of the groups that links make: how many are of one person and of two; how many
    questions people are asked, and how many true pairs stand in one group once they answered."""

    true: int
    right: int
    false: int
    asked: int
    brought: int

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.false)

    @property
    def recall(self) -> float:
        return self.right / max(1, self.true)

    @property
    def items(self) -> float:
        """Questions for 100 true pairs."""
        return 100 * self.asked / max(1, self.true)

    @property
    def captured(self) -> float:
        """The share of true pairs linked or asked about."""
        return self.brought / max(1, self.true)


class _Sets:
    """Identities put together, each set known by one of its members."""

    def __init__(self, size: int) -> None:
        self._above = list(range(size))

    def of(self, one: int) -> int:
        while self._above[one] != one:
            self._above[one] = self._above[self._above[one]]
            one = self._above[one]
        return one

    def join(self, one: int, other: int) -> None:
        self._above[self.of(one)] = self.of(other)

    def pairs(self, persons: list[int]) -> tuple[int, int]:
        """Return how many pairs of one set are one person, and how many are not."""
        sets: dict[int, Counter[int]] = {}
        for number, person in enumerate(persons):
            sets.setdefault(self.of(number), Counter())[person] += 1
        good = every = 0
        for counts in sets.values():
            size = counts.total()
            every += size * (size - 1) // 2
            good += sum(n * (n - 1) // 2 for n in counts.values())
        return good, every - good


@dataclass
class Figures:
    """Counts of pairs; `scored` holds (weight, same person, zone, twins, left, right)."""

    records: int
    true: int
    candidates: int
    scored: list[tuple[float, bool, Zone, tuple[str, ...], int, int]]
    twins: int
    twins_linked: int
    persons: list[int] = field(repr=False, default_factory=list)
    levels: dict[tuple[int, int], str] = field(repr=False, default_factory=dict)

    @property
    def automatic(self) -> tuple[float, float]:
        """Precision and recall of what is linked by itself."""
        linked = [same for _, same, zone, *_ in self.scored if zone is Zone.AUTOMATIC]
        return sum(linked) / max(1, len(linked)), sum(linked) / max(1, self.true)

    def groups(self) -> "Groups":
        """Return what the links make of the identities, one link leading to the next.

        Whoever is asked sees two persons of the base, not two writings: an item is two groups.
        """
        linked = _Sets(self.records)
        for _, _, zone, _, left, right in self.scored:
            if zone is Zone.AUTOMATIC:
                linked.join(left, right)
        good, false = linked.pairs(self.persons)
        asked: dict[tuple[int, int], bool] = {}
        for _, same, zone, _, left, right in self.scored:
            ends = sorted((linked.of(left), linked.of(right)))
            if zone is Zone.DOUBTFUL and ends[0] != ends[1]:
                asked[ends[0], ends[1]] = asked.get((ends[0], ends[1]), False) or same
        for (one, other), same in asked.items():
            if same:
                linked.join(one, other)
        captured, _ = linked.pairs(self.persons)
        return Groups(self.true, good, false, len(asked), captured)

    def f1_at(self, threshold: float) -> tuple[float, int, int]:
        """Return F1, false and missed, when every pair from this weight is a link."""
        good = sum(1 for weight, same, *_ in self.scored if weight >= threshold and same)
        bad = sum(1 for weight, same, *_ in self.scored if weight >= threshold and not same)
        return 2 * good / (2 * good + bad + self.true - good), bad, self.true - good

    def joined_from(self, threshold: float) -> float:
        """Return F1 of the pairs of groups, when every pair from this weight is a link."""
        joined = _Sets(self.records)
        for weight, _, _, _, left, right in self.scored:
            if weight >= threshold:
                joined.join(left, right)
        good, bad = joined.pairs(self.persons)
        return 2 * good / (2 * good + bad + self.true - good) if good else 0.0

    def best_f1(self) -> tuple[float, float]:
        """Return the best F1 and its weight."""
        good = bad = 0
        best = (0.0, 0.0)
        ordered = sorted(self.scored, key=lambda row: -row[0])
        for rank, (weight, same, *_) in enumerate(ordered):
            good += same
            bad += not same
            if rank + 1 < len(ordered) and ordered[rank + 1][0] == weight:
                continue
            best = max(best, (2 * good / (good + bad + self.true), weight))
        return best

    def worklist(self) -> tuple[float, float, dict[float, float | None]]:
        """Return items per 100 true pairs, the share linked or in it, and items for each target."""
        found = sum(same for _, same, zone, *_ in self.scored if zone is Zone.AUTOMATIC)
        waiting = sorted(
            (row for row in self.scored if row[2] is Zone.DOUBTFUL), key=lambda row: -row[0]
        )
        needed: dict[float, float | None] = dict.fromkeys(TARGETS)
        for rank, (_, same, *_) in enumerate(waiting, start=1):
            found += same
            for target in TARGETS:
                if needed[target] is None and found >= target * self.true:
                    needed[target] = 100 * rank / self.true
        return 100 * len(waiting) / max(1, self.true), found / max(1, self.true), needed


def measure(
    labelled: list[Labelled],
    *,
    model: Model | None = None,
    base_size: int = 0,
    least: float = -14.0,
    keep: bool = False,
    memory: str = "3GB",
    said: Callable[[str], None] | None = None,
) -> Figures:
    """Compare every pair that shares a key, as the night does."""
    model = model or load()
    with TemporaryDirectory() as folder:
        lines = Path(folder) / "lines"
        write(((number, one.traits) for number, one in enumerate(labelled)), lines)
        con = linkage.connect(memory=memory, folder=Path(folder))
        linkage.load(con, lines, model)
        candidates = linkage.block(con)
        for done in linkage.score(
            con, model, base_size=base_size or len(labelled), least=least, splink_least=-40
        ):
            if said:
                said(f"{done} paires")
        rows = con.execute("SELECT l, r, weight, levels FROM scored").fetchall()
        con.close()
    figures = Figures(len(labelled), true_pairs(labelled), candidates, [], 0, 0)
    figures.persons = [one.person for one in labelled]
    for left, right, weight, levels in rows:
        one, two = labelled[left], labelled[right]
        if one.side and one.side == two.side:
            continue
        same = one.person == two.person
        ranks = tuple(map(int, levels.split(",")))
        decision = decide_levels(weight, ranks, model=model)
        figures.scored.append((weight, same, decision.zone, decision.reasons, left, right))
        if keep:
            figures.levels[left, right] = levels
        if not same and are_twins(one, two):
            figures.twins += 1
            figures.twins_linked += decision.zone is Zone.AUTOMATIC
    return figures


def candidate_recall(labelled: list[Labelled]) -> float:
    """Return the share of true pairs that have a key in common."""
    by_person: dict[int, list[frozenset[int]]] = {}
    for one in labelled:
        by_person.setdefault(one.person, []).append(frozenset(batch_keys(prepare(one.traits))))
    met = total = 0
    for group in by_person.values():
        for rank, keys in enumerate(group):
            for other in group[rank + 1 :]:
                total += 1
                met += not keys.isdisjoint(other)
    return met / max(1, total)


def are_twins(one: Labelled, two: Labelled) -> bool:
    """Tell whether two persons bear one name and one date, and clearly other first names."""
    a, b = prepare(one.traits), prepare(two.traits)
    return a.fam == b.fam != "" and a.born == b.born and distance(a.first, b.first) > 2


def true_pairs(labelled: list[Labelled]) -> int:
    """Return how many pairs are one person."""
    sizes: Counter[Any] = Counter(one.person for one in labelled)
    if any(one.side for one in labelled):
        sides = Counter((one.person, one.side) for one in labelled)
        return sum(sides[person, 1] * sides[person, 2] for person in sizes)
    return sum(n * (n - 1) // 2 for n in sizes.values())
