"""Learn weights from a territory: Splink counts without labels, what people decided corrects.

Splink's u (how often strangers agree) comes from random pairs, its m (how often two writings of one
person do) from expectation maximisation, both drawn towards the weights in service as long as
little was counted. People only see doubtful pairs: what they decided never counts in m, it corrects
the sum for the patterns they judged, which a choice of what is shown cannot bias.
"""

import logging
import math
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from carbet.registries.matching.batch import linkage
from carbet.registries.matching.rules.levels import COMPARISONS, compare
from carbet.registries.matching.rules.model import RARITY, Model, parse, together_key
from carbet.registries.matching.rules.scoring import weigh
from carbet.registries.matching.rules.traits import Prepared

# A name that fewer identities bear is rare, whichever it is: nobody is told by their name.
LEAST_BEARERS = 12
# Identities under which the rarity of names is not learnt: a sample says nothing of rare ones.
LEAST_FOR_RARITY = 20_000
# Pairs drawn to count how strangers agree, and those that speak for the weights in service.
DRAWN, DRAWN_HELD = 1_000_000, 100_000
# Pairs of one person that speak for the weights in service against those of the territory.
KNOWN_PAIRS = 200
# How many times the weights learnt are the start of the next counting.
ROUNDS = 3
# How much a correction must be seen before it is believed.
RIDGE_WIDE, RIDGE_NARROW = 0.5, 1.0
_SMALLEST = 1e-9


def quiet() -> None:
    """Say nothing of what Splink says of itself."""
    logging.getLogger("splink").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore")


def learn(
    lines: Path,
    decided: Iterable[tuple[Prepared, Prepared, bool]],
    *,
    current: Model,
    same_pairs: int,
    version: str,
    memory: str = "3GB",
    threads: int = 2,
    folder: Path | None = None,
    least_for_rarity: int = LEAST_FOR_RARITY,
) -> dict[str, Any]:
    """Return a raw model learnt from a territory and from what people decided.

    Args:
        lines: the territory's identities, as `lines.write` writes them.
        decided: pairs on which people decided, and whether they are one person.
        current: the weights in service, from which learning begins.
        same_pairs: how many pairs of the territory are held for one person: what EM can count on.
    """
    con = linkage.connect(memory=memory, threads=threads, folder=folder)
    try:
        count = linkage.load(con, lines, current)
        raw = dict(current.raw)
        raw |= {
            "version": version,
            "trained_on": f"{count} identités du territoire",
            "base_size": max(count, 1000),
            "prior": round(current.prior_for(count), 3),
        }
        model = current
        for _ in range(ROUNDS):
            raw["comparisons"] = _agreements(con, model, count=count, same_pairs=same_pairs)
            model = parse(raw)
        if count >= least_for_rarity:
            raw["rarity"] = raw["rarity"] | rarities(_bearers(con), raw["comparisons"])
    finally:
        con.close()
    raw["together"] = _corrected(decided, parse(raw))
    return raw


def _agreements(con: Any, current: Model, *, count: int, same_pairs: int) -> dict[str, Any]:
    """Return m and u of each level, Splink's drawn towards those in service."""
    from splink import block_on

    pairs = count * (count - 1) // 2
    linker, _ = linkage.linker_of(con, current)
    training = linker.training
    training.estimate_u_using_random_sampling(max_pairs=DRAWN, seed=1)
    if same_pairs:
        for rule in (block_on("born"), block_on("fam", "first")):
            # Each session leaves alone the fields it blocks on; the other one counts them.
            training.estimate_parameters_using_expectation_maximisation(rule)
    learnt = linker.misc.save_model_to_json()
    drawn = min(pairs, DRAWN)
    found: dict[str, Any] = {}
    for said, comparison in zip(learnt["comparisons"], COMPARISONS, strict=True):
        former = current.raw["comparisons"][comparison.name]
        m, u = {}, {}
        for level in said["comparison_levels"][1:]:
            name = level["label_for_charts"]
            m[name] = _probability(level.get("m_probability"), former[name]["m"])
            u[name] = _probability(level.get("u_probability"), former[name]["u"])
        found[comparison.name] = {
            name: {
                "m": _drawn(m[name], former[name]["m"], same_pairs, KNOWN_PAIRS),
                "u": _drawn(u[name], former[name]["u"], drawn, DRAWN_HELD),
            }
            for name in m
        }
    # Told once, with the name: it weighs nothing by itself.
    found["given"]["inverted"] = dict(current.raw["comparisons"]["given"]["inverted"])
    return found


def _probability(learnt: Any, former: float) -> float:
    return float(learnt) if isinstance(learnt, int | float) and learnt > 0 else former


def _drawn(learnt: float, former: float, seen: int, held: int) -> float:
    """Return the mean of both, each counting for as many pairs as it was seen on."""
    mean = (learnt * seen + former * held) / (seen + held)
    return float(f"{max(mean, _SMALLEST):.6g}")


def _bearers(con: Any) -> dict[str, Counter[str]]:
    """Return how many identities bear each value, by column of RARITY."""
    found = {}
    for column, _ in RARITY.values():
        rows = con.execute(
            f"SELECT {column}, count(*) FROM identities WHERE {column} <> '' GROUP BY ALL"
        ).fetchall()
        found[column] = Counter(dict(rows))
    return found


def rarities(bearers: Mapping[str, Counter[str]], comparisons: Mapping[str, Any]) -> dict[str, Any]:
    """Return, by column, what each frequent value adds when it is the same, and what others add.

    A column that nobody fills says nothing, and is not returned.
    """
    found = {}
    exact = {"fam": ("name", "equal"), "first": ("given", None), "place": ("place", "equal")}
    for column, _ in RARITY.values():
        counts = bearers[column]
        total = sum(counts.values())
        if not total:
            continue
        comparison, level = exact[column]
        if level:
            expected = comparisons[comparison][level]["u"]
        else:
            expected = sum((n / total) ** 2 for n in counts.values())
        frequent = {value: n for value, n in counts.items() if n >= LEAST_BEARERS}
        others = [n for n in counts.values() if n < LEAST_BEARERS]
        # The rare ones together, weighted by who bears them.
        mean = sum(n * n for n in others) / max(1, sum(others)) if others else LEAST_BEARERS
        found[column] = {
            "others": round(math.log2(expected / (mean / total)), 2),
            "values": {
                value: round(math.log2(expected / (n / total)), 2)
                for value, n in sorted(frequent.items())
            },
        }
    return found


def _corrected(
    decided: Iterable[tuple[Prepared, Prepared, bool]], model: Model
) -> dict[str, float]:
    """Return the corrections in service, moved by what people decided of each pattern."""
    import pandas

    prior = model.prior_for(model.base_size)
    rows = [
        (weigh(model, one, two, prior), together_key(compare(one, two)), int(same))
        for one, two, same in decided
    ]
    found = dict(model.together)
    if rows:
        scored = pandas.DataFrame(rows, columns=["weight", "pattern", "same"])
        scored["weight"] = scored.weight * math.log(2)
        for pattern, added in fit(scored, "pattern", RIDGE_NARROW).items():
            total = round(found.get(pattern, 0.0) + added / math.log(2), 2)
            if abs(total) >= 0.05:
                found[pattern] = total
            else:
                found.pop(pattern, None)
    return dict(sorted(found.items()))


def corrections(scored: Any) -> dict[str, float]:
    """Return what each pattern of levels adds to the sum of the fields, in base-2 logarithm.

    Each is the one number that makes the weights of the pattern's pairs true, held near zero
    where few were seen; first by name, given names and date, then with sex and place.
    """
    scored["weight"] = scored.weight * math.log(2)
    scored["wide"] = scored.pattern.str.rsplit(".", n=2).str[0]
    wide = fit(scored, "wide", RIDGE_WIDE)
    scored["weight"] += scored.wide.map(wide)
    narrow = fit(scored, "pattern", RIDGE_NARROW)
    found = {}
    for start, value in wide.items():
        for sex in (-1, 0, 1):
            for place in (-1, 0, 1):
                pattern = f"{start}.{sex}.{place}"
                added = (value + narrow.get(pattern, 0.0)) / math.log(2)
                if abs(added) >= 0.05:
                    found[pattern] = round(added, 2)
    return dict(sorted(found.items()))


def fit(scored: Any, column: str, ridge: float) -> dict[str, float]:
    """Return, by value of a column, the number that makes the weights of its pairs true.

    Args:
        scored: pairs with their `weight` (natural logarithm of the odds) and whether `same`.
    """
    import numpy

    found = {}
    for pattern, rows in scored.groupby(column):
        weight, same = rows.weight.to_numpy(), rows.same.to_numpy()
        added = 0.0
        for _ in range(40):
            probability = 1 / (1 + numpy.exp(-numpy.clip(weight + added, -60, 60)))
            slope = float((same - probability).sum()) - ridge * added
            curve = float((probability * (1 - probability)).sum()) + ridge
            step = max(-2.0, min(2.0, slope / curve))
            added += step
            if abs(step) < 1e-3:
                break
        found[pattern] = added
    return found
