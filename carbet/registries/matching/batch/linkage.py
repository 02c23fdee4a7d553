"""Pairs of identities that share a key, scored by Splink with our weights, by slices.

The input is a file of lines `id|keys|packed traits`; memory is bounded by DuckDB's
limit and by the size of a slice, whatever the number of identities.
"""

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carbet.registries.matching.batch import statements
from carbet.registries.matching.batch.statements import DUCKDB
from carbet.registries.matching.rules.model import RARITY, Model

# A key that more identities share tells too little: they meet through other keys.
MOST_IN_A_BLOCK = 60
# Two identities that share one key alone are weighed when no more share it. At a million this
# halves the pairs, and leaves out one in five hundred of those that weigh more than nothing.
MOST_ALONE = 15
# Pairs scored at once: what bounds memory.
PAIRS_IN_A_SLICE = 4_000_000
# Bits that rarity and what fields tell together add, at most but in one pair of a million.
_MOST_ADDED = 12.0


@dataclass(frozen=True, slots=True)
class Compared:
    """What a whole comparison found: how many identities and pairs it looked at, and the pairs that
    weigh enough as (left, right, weight, levels), the lower number first, in order."""

    identities: int
    looked_at: int
    pairs: list[tuple[int, int, float, str]]


def weigh_all(
    lines: Path,
    model: Model,
    *,
    least: float,
    smallest_base: int = 0,
    newcomers: Iterable[int] | None = None,
    memory: str = "3GB",
    threads: int = 2,
    folder: Path | None = None,
    said: Callable[[int, int], None] | None = None,
    splink_least: float | None = None,
) -> Compared:
    """Weigh every pair that shares a key.

    Args:
        least: the weight under which a pair is not kept.
        smallest_base: a smaller base is judged as if it held so many identities.
        newcomers: the identities of which one must be in each pair; all when None.
        said: called with how many pairs are done, and of how many.
    """
    con = connect(memory=memory, threads=threads, folder=folder)
    try:
        count = load(con, lines, model)
        total = block(con, newcomers=newcomers)
        for done in score(
            con, model, base_size=max(count, smallest_base), least=least, splink_least=splink_least
        ):
            if said:
                said(done, total)
        rows = con.execute("SELECT l, r, weight, levels FROM scored ORDER BY l, r").fetchall()
        return Compared(count, total, rows)
    finally:
        con.close()


def connect(*, memory: str = "3GB", threads: int = 2, folder: Path | None = None) -> Any:
    """Return a DuckDB connection with a limit of memory; it spills over into the folder."""
    import duckdb

    place = {"temp_directory": str(folder)} if folder else {}
    return duckdb.connect(
        config={
            "memory_limit": memory,
            "threads": threads,
            "preserve_insertion_order": False,
            **place,
        }
    )


def load(con: Any, lines: Path, model: Model | None) -> int:
    """Read the identities and their keys into tables; return how many there are."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE lines AS SELECT * FROM read_csv(?, delim='|', quote='',"
        " escape='', header=false, columns={'unique_id': 'BIGINT', 'keys': 'VARCHAR',"
        " 'packed': 'VARCHAR'}, auto_detect=false)",
        [str(lines)],
    )
    con.execute(
        "CREATE OR REPLACE TABLE identities AS"
        f" SELECT *, {statements.lists_sql(DUCKDB)} FROM (SELECT unique_id,"
        f" {statements.columns_sql()} FROM"
        " (SELECT unique_id, string_split(packed, ';') AS p FROM lines))"
    )
    con.execute(
        "CREATE OR REPLACE TABLE keys AS SELECT unique_id,"
        " unnest(CAST(string_split(keys, ',') AS INTEGER[])) AS key FROM lines"
    )
    con.execute("DROP TABLE lines")
    if model is not None:
        _add_rarity(con, model)
    return int(con.execute("SELECT count(*) FROM identities").fetchall()[0][0])


def _add_rarity(con: Any, model: Model) -> None:
    """Put beside each identity what the rarity of its values adds."""
    import pandas

    joins, said = [], []
    for (column, _), known, rare in zip(RARITY.values(), model.rarity, model.rare, strict=True):
        table = f"rarity_{column}"
        frame = pandas.DataFrame({"value": list(known), "adds": list(known.values())})
        frame = frame.astype({"value": str, "adds": float})
        con.register("frame", frame)
        con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM frame")
        con.unregister("frame")
        joins.append(f" LEFT JOIN {table} ON {table}.value = i.{column}")
        said.append(f"coalesce({table}.adds, {rare!r}) AS {column}_w")
    con.execute(
        f"CREATE OR REPLACE TABLE identities AS SELECT i.*, {', '.join(said)}"
        f" FROM identities i{''.join(joins)}"
    )
    frame = pandas.DataFrame(
        {"pattern": list(model.together), "adds": list(model.together.values())}
    ).astype({"pattern": str, "adds": float})
    con.register("frame", frame)
    con.execute("CREATE OR REPLACE TABLE together AS SELECT * FROM frame")
    con.unregister("frame")


def block(con: Any, *, newcomers: Iterable[int] | None = None) -> int:
    """Make the pairs that share a key, each once; return how many.

    Args:
        newcomers: the identities of which one must be in each pair; all when None.
    """
    met, ordered = "meeting", "a.unique_id < b.unique_id"
    con.execute("CREATE OR REPLACE TABLE newcomers (unique_id BIGINT)")
    if newcomers is not None:
        con.execute("INSERT INTO newcomers SELECT unnest(?::BIGINT[])", [list(newcomers)])
        con.execute(
            "CREATE OR REPLACE TABLE keys AS SELECT k.unique_id, k.key FROM keys k SEMI JOIN"
            " (SELECT k.key FROM keys k SEMI JOIN newcomers n ON n.unique_id = k.unique_id) a"
            " ON a.key = k.key"
        )
        # Each pair once: of two newcomers, from the lower number.
        met, ordered = "(SELECT * FROM meeting WHERE new)", f"(NOT b.new OR {ordered})"
    con.execute(
        "CREATE OR REPLACE TABLE small AS SELECT key, count(*) AS size FROM keys GROUP BY key"
        f" HAVING size BETWEEN 2 AND {MOST_IN_A_BLOCK}"
    )
    con.execute(
        "CREATE OR REPLACE TABLE meeting AS SELECT k.key, k.unique_id, s.size,"
        " n.unique_id IS NOT NULL AS new FROM keys k JOIN small s ON s.key = k.key"
        " LEFT JOIN newcomers n ON n.unique_id = k.unique_id"
    )
    con.execute(
        "CREATE OR REPLACE TABLE pairs AS SELECT least(a.unique_id, b.unique_id) AS l,"
        " greatest(a.unique_id, b.unique_id) AS r"
        f" FROM {met} a JOIN meeting b ON a.key = b.key AND {ordered}"
        f" GROUP BY 1, 2 HAVING count(*) > 1 OR min(a.size) <= {MOST_ALONE}"
    )
    con.execute("DROP TABLE small")
    con.execute("DROP TABLE meeting")
    return int(con.execute("SELECT count(*) FROM pairs").fetchall()[0][0])


def linker_of(con: Any, model: Model | None) -> Any:
    """Return Splink's linker on the identities, with the model's weights."""
    from splink import DuckDBAPI, Linker

    quiet_linker()
    api = DuckDBAPI(con)
    table = api.register("identities")
    return Linker(table, statements.settings(model, dialect=DUCKDB)), api


def quiet_linker() -> None:
    """Say nothing of what Splink says of itself while it weighs."""
    logging.getLogger("splink").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="splink")


def splink_cut(model: Model, *, base_size: int, least: float) -> float:
    """Return Splink's weight under which the corrections bring no pair to the least weight."""
    return least - (model.prior_for(base_size) - splink_prior()) - _MOST_ADDED


def score(
    con: Any, model: Model, *, base_size: int, least: float, splink_least: float | None = None
) -> Iterator[int]:
    """Score the pairs by slices into the table `scored`; yield how many pairs after each.

    Args:
        least: the weight under which a pair is not kept.
        splink_least: Splink's own weight under which it is not even corrected.
    """
    if splink_least is None:
        splink_least = splink_cut(model, base_size=base_size, least=least)
    total = int(con.execute("SELECT count(*) FROM pairs").fetchall()[0][0])
    slices = total // PAIRS_IN_A_SLICE + 1
    linker, api = linker_of(con, model)
    con.execute(
        "CREATE TABLE IF NOT EXISTS scored (l BIGINT, r BIGINT, weight DOUBLE,"
        " pattern VARCHAR, levels VARCHAR)"
    )
    done = 0
    for number in range(slices):
        chosen = f" WHERE hash(l) % {slices} = {number}" if slices > 1 else ""
        con.execute(
            "CREATE OR REPLACE TABLE slice AS SELECT l AS join_key_l, r AS join_key_r,"
            f" '0' AS match_key FROM pairs{chosen}"
        )
        blocked = api.register("slice")
        linker.table_management.register_blocked_pairs_for_predict(blocked)
        found = linker.inference.predict(threshold_match_weight=splink_least, warning_mode="never")
        con.execute(
            f"INSERT INTO scored {weighed_sql(found.physical_name, model, base_size, least)}"
        )
        done += int(con.execute("SELECT count(*) FROM slice").fetchall()[0][0])
        found.drop_table_from_database_and_remove_from_cache()
        yield done


def weighed_sql(found: str, model: Model, base_size: int, least: float) -> str:
    """Return the statement that adds the corrections to Splink's weights."""
    # Splink's weight holds its own prior; ours takes its place.
    prior = model.prior_for(base_size) - splink_prior()
    levels = " || ',' || ".join(
        f"CAST({statements.rank_of(rank, f'gamma_{each.name}')} AS VARCHAR)"
        for rank, each in enumerate(statements.COMPARISONS)
    )
    return (
        "SELECT * FROM (SELECT w.l, w.r,"
        f" w.weight + coalesce(t.adds, 0) AS weight, w.pattern, w.levels FROM ("
        f"SELECT unique_id_l AS l, unique_id_r AS r, match_weight + {prior!r}"
        f" + {statements.rarity_sql()} AS weight,"
        f" {statements.together_sql()} AS pattern, {levels} AS levels FROM {found}) w"
        f" LEFT JOIN together t ON t.pattern = w.pattern) WHERE weight >= {least!r}"
    )


def splink_prior() -> float:
    """Return the prior that Splink's settings hold, in base-2 logarithm of the odds."""
    import math

    return math.log2(0.0001 / (1 - 0.0001))
