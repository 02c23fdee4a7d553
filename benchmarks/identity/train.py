"""Train the shipped weights: Splink counts agreements in an invented territory, the corrections
are what its sum gets wrong together.

    .venv/bin/python -m benchmarks.identity.train    # writes the model of the room

Seeds 101 and 102 only: the seeds of the measures are others.
"""

import json
import logging
import math
import sys
import warnings
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from carbet.registries.matching.batch import linkage
from carbet.registries.matching.rules.levels import COMPARISONS
from carbet.registries.matching.rules.model import RARITY, SHIPPED, parse
from carbet.registries.matching.rules.traits import prepare

SEEDS = (101, 102)
PEOPLE = 240_000
# A name that fewer identities bear is rare, whichever it is.
LEAST_BEARERS = 12
# Chosen by hand, where the invented territory has nothing to count: levels never seen there, and
# what families share (home, telephone). (m, u)
BY_HAND = {
    ("name", "used"): (0.02, 4e-5),
    ("name", "inverted"): (0.012, 1.2e-6),
    ("name", "inverted_near"): (0.004, 1.5e-6),
    ("name", "shared"): (0.004, 2e-4),
    ("given", "inverted"): (1.0, 1.0),  # told once, with the name
    ("given", "list"): (0.40, 8e-6),
    ("given", "first_others_near"): (0.006, 1.5e-6),
    ("given", "first"): (0.002, 1e-5),
    ("born", "known"): (0.02, 1e-3),
    ("born", "january"): (0.017, 4e-5),
    ("born", "turned"): (0.0130, 3e-5),
    ("ins", "equal"): (0.985, 1e-7),
    ("ins", "near"): (0.01, 3e-3),
    ("ins", "different"): (0.005, 0.997),
    ("ids", "equal"): (0.90, 1e-6),
    ("ids", "near"): (0.08, 5e-5),
    ("ids", "different"): (0.02, 0.99995),
    ("phone", "equal"): (0.55, 2e-5),
    ("phone", "near"): (0.05, 4e-4),
    ("phone", "different"): (0.40, 0.9996),
    ("address", "equal"): (0.45, 2e-5),
    ("address", "near"): (0.15, 2e-4),
    ("address", "part"): (0.10, 5e-4),
    ("address", "different"): (0.30, 0.9993),
    ("city", "equal"): (0.70, 0.12),
    ("city", "near"): (0.10, 0.15),
    ("city", "different"): (0.20, 0.73),
}
# How much a correction must be seen before it is believed.
_RIDGE_WIDE, _RIDGE_NARROW = 0.5, 1.0


def train(records: list[tuple[int, Any]], folder: Path, *, memory: str = "8GB") -> dict[str, Any]:
    """Return the raw model trained on identities whose person is known."""
    import pandas

    from benchmarks.identity.prepare import write

    quiet()
    lines = folder / "training"
    write(((number, traits) for number, (_, traits) in enumerate(records)), lines)
    con = linkage.connect(memory=memory, folder=folder)
    linkage.load(con, lines, None)
    truth = pandas.DataFrame({"person": [person for person, _ in records]})
    truth["unique_id"] = range(len(truth))
    con.register("frame", truth)
    con.execute("CREATE TABLE truth AS SELECT unique_id, person FROM frame")
    con.execute(
        "CREATE OR REPLACE TABLE identities AS SELECT i.*, t.person FROM identities i"
        " JOIN truth t USING (unique_id)"
    )
    linker, _ = linkage.linker_of(con, None)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e7, seed=1)
    linker.training.estimate_m_from_label_column("person")
    raw = {
        "version": "1",
        "trained_on": f"{len(records)} invented identities, seeds {SEEDS}",
        "base_size": len(records),
        "prior": prior_of(truth.person.value_counts().tolist()),
        "comparisons": probabilities(linker.misc.save_model_to_json()),
        "rarity": {},
        "together": {},
        "thresholds": {"automatic": 9.0, "doubtful": -2.0},
    }
    raw["rarity"] = rarities([prepare(traits) for _, traits in records], raw)
    linkage.load(con, lines, parse(raw))
    linkage.block(con)
    for _ in linkage.score(
        con, parse(raw), base_size=len(records), least=-40.0, splink_least=-40.0
    ):
        pass
    scored = con.execute(
        "SELECT s.weight, s.pattern, CAST(a.person = b.person AS INTEGER) AS same FROM scored s"
        " JOIN truth a ON a.unique_id = s.l JOIN truth b ON b.unique_id = s.r"
    ).df()
    raw["together"] = corrections(scored)
    con.close()
    return raw


def quiet() -> None:
    """Say nothing of what Splink says of itself."""
    logging.getLogger("splink").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore")


def prior_of(sizes: list[int]) -> float:
    """Return log2 of the odds that two identities taken at random are one person's."""
    same = sum(size * (size - 1) // 2 for size in sizes)
    total = sum(sizes)
    return round(math.log2(same / (total * (total - 1) / 2)), 3)


def probabilities(splink: dict[str, Any]) -> dict[str, Any]:
    """Return m and u of each level: Splink's counts, ours where it saw too little."""
    found = {}
    for said, comparison in zip(splink["comparisons"], COMPARISONS, strict=True):
        levels = {}
        for level in said["comparison_levels"][1:]:
            name = level["label_for_charts"]
            m, u = level.get("m_probability"), level.get("u_probability")
            if (comparison.name, name) in BY_HAND:
                m, u = BY_HAND[comparison.name, name]
            levels[name] = {
                "m": float(f"{max(m or 1e-4, 1e-5):.6g}"),
                "u": float(f"{u or 1e-6:.6g}"),
            }
        found[comparison.name] = levels
    return found


def rarities(prepared: list[Any], raw: dict[str, Any]) -> dict[str, Any]:
    """Return, by column, what each frequent value adds when it is the same, and what others add."""
    found = {}
    exact = {"fam": ("name", "equal"), "first": ("given", None), "place": ("place", "equal")}
    for column, _ in RARITY.values():
        counts = Counter(getattr(one, column) for one in prepared)
        counts.pop("", None)
        total = sum(counts.values())
        comparison, level = exact[column]
        if level:
            expected = raw["comparisons"][comparison][level]["u"]
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


def corrections(scored: Any) -> dict[str, float]:
    """Return what each pattern of levels adds to the sum of the fields, in base-2 logarithm.

    Each is the one number that makes the weights of the pattern's pairs true, held near zero
    where few were seen; first by name, given names and date, then with sex and place.
    """
    scored["weight"] = scored.weight * math.log(2)
    scored["wide"] = scored.pattern.str.rsplit(".", n=2).str[0]
    wide = _fit(scored, "wide", _RIDGE_WIDE)
    scored["weight"] += scored.wide.map(wide)
    narrow = _fit(scored, "pattern", _RIDGE_NARROW)
    found = {}
    for start, value in wide.items():
        for sex in (-1, 0, 1):
            for place in (-1, 0, 1):
                pattern = f"{start}.{sex}.{place}"
                added = (value + narrow.get(pattern, 0.0)) / math.log(2)
                if abs(added) >= 0.05:
                    found[pattern] = round(added, 2)
    return dict(sorted(found.items()))


def _fit(scored: Any, column: str, ridge: float) -> dict[str, float]:
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


def main() -> None:
    """Train and write the shipped model."""
    from benchmarks.identity import territory

    records = []
    for rank, seed in enumerate(SEEDS):
        for each in territory.records(seed, PEOPLE // len(SEEDS)):
            records.append((each.person + rank * 10_000_000, each.traits))
    with TemporaryDirectory() as folder:
        raw = train(records, Path(folder))
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(raw, ensure_ascii=False, indent=0) + "\n")
    print(f"{target}: {len(raw['together'])} corrections")


if __name__ == "__main__":
    main()
