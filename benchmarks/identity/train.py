"""Train the shipped weights: Splink counts agreements in an invented territory, the corrections
are what its sum gets wrong together.

    .venv/bin/python -m benchmarks.identity.train    # writes the model of the room

Seeds 101 and 102 only: the seeds of the measures are others.
"""

import json
import math
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from carbet.registries.identity import synthetic
from carbet.registries.matching.batch import linkage
from carbet.registries.matching.batch.lines import write
from carbet.registries.matching.batch.training import corrections, quiet, rarities
from carbet.registries.matching.rules.levels import COMPARISONS
from carbet.registries.matching.rules.model import RARITY, SHIPPED, parse
from carbet.registries.matching.rules.traits import prepare

SEEDS = synthetic.LEARNT_SEEDS
PEOPLE = 240_000
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


def train(records: list[tuple[int, Any]], folder: Path, *, memory: str = "8GB") -> dict[str, Any]:
    """Return the raw model trained on identities whose person is known."""
    import pandas

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
    prepared = [prepare(traits) for _, traits in records]
    bearers = {
        column: Counter(filter(None, (getattr(one, column) for one in prepared)))
        for column, _ in RARITY.values()
    }
    raw["rarity"] = rarities(bearers, raw["comparisons"])
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


def main() -> None:
    """Train and write the shipped model."""
    records = []
    for rank, seed in enumerate(SEEDS):
        for each in synthetic.records(seed, PEOPLE // len(SEEDS)):
            records.append((each.person + rank * 10_000_000, each.traits))
    with TemporaryDirectory() as folder:
        raw = train(records, Path(folder))
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(raw, ensure_ascii=False, indent=0) + "\n")
    print(f"{target}: {len(raw['together'])} corrections")


if __name__ == "__main__":
    main()
