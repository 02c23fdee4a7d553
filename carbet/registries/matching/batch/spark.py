"""The same comparison on Spark, for territories beyond one machine: same keys, weights, results.

`pyspark` (group `spark`) and Java are needed here alone. `SPARK_MASTER` says which cluster, this
machine when it is not said.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from carbet.registries.matching.batch import statements
from carbet.registries.matching.batch.linkage import (
    MOST_ALONE,
    MOST_IN_A_BLOCK,
    Compared,
    quiet_linker,
    splink_cut,
    weighed_sql,
)
from carbet.registries.matching.batch.statements import SPARK
from carbet.registries.matching.rules.model import RARITY, Model


def weigh_all(
    lines: Path,
    model: Model,
    *,
    least: float,
    smallest_base: int = 0,
    newcomers: Iterable[int] | None = None,
    memory: str = "3GB",
    threads: int = 2,
    folder: Path,
    said: Callable[[int, int], None] | None = None,
    splink_least: float | None = None,
) -> Compared:
    """Weigh every pair that shares a key; as `linkage.weigh_all`, whose arguments these are."""
    session = connect(memory=memory, threads=threads, folder=folder)
    try:
        count = _load(session, lines, model, folder)
        total = _block(session, newcomers, folder)
        base = max(count, smallest_base)
        pairs = _score(session, model, base_size=base, least=least, splink_least=splink_least)
        if said:
            said(total, total)
        return Compared(count, total, pairs)
    finally:
        session.stop()


def connect(*, memory: str, threads: int, folder: Path) -> Any:
    """Return a Spark session; what it writes for itself stays in the folder."""
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.appName("carbet deduplicate")
        .master(os.environ.get("SPARK_MASTER", f"local[{threads}]"))
        .config("spark.driver.memory", memory.lower().removesuffix("b"))
        .config("spark.sql.shuffle.partitions", 4 * threads)
        .config("spark.default.parallelism", 4 * threads)
        .config("spark.local.dir", str(folder / "spark-local"))
        .config("spark.sql.warehouse.dir", str(folder / "spark-warehouse"))
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        # As DuckDB: what cannot be read is unknown, not an error.
        .config("spark.sql.ansi.enabled", "false")
        .getOrCreate()
    )
    # What is too long for its compiler is interpreted, after pages of traces; errors are raised.
    session.sparkContext.setLogLevel("FATAL")
    session.sparkContext.setCheckpointDir(str(folder / "spark-checkpoints"))
    return session


def _keep(session: Any, name: str, statement: str, folder: Path) -> int:
    """Write the rows of a statement down, give them a name, and return how many there are."""
    path = str(folder / "spark-tables" / name)
    session.sql(statement).write.mode("overwrite").parquet(path)
    found = session.read.parquet(path)
    found.createOrReplaceTempView(name)
    return int(found.count())


def _load(session: Any, lines: Path, model: Model, folder: Path) -> int:
    session.read.text(str(lines)).createOrReplaceTempView("written")
    session.sql(
        "CREATE OR REPLACE TEMP VIEW lines AS SELECT CAST(s[0] AS BIGINT) AS unique_id,"
        " s[1] AS keys, s[2] AS packed FROM (SELECT split(value, '[|]', 3) AS s FROM written)"
    )
    joins, adds = [], []
    for (column, _), known, rare in zip(RARITY.values(), model.rarity, model.rare, strict=True):
        _table(session, f"rarity_{column}", known)
        joins.append(f" LEFT JOIN rarity_{column} ON rarity_{column}.value = i.{column}")
        adds.append(f"coalesce(rarity_{column}.adds, {rare!r}D) AS {column}_w")
    _table(session, "together", model.together, name="pattern")
    count = _keep(
        session,
        "identities",
        f"SELECT i.*, {statements.lists_sql(SPARK)}, {', '.join(adds)}"
        f" FROM (SELECT unique_id, {statements.columns_sql(SPARK)}"
        f" FROM (SELECT unique_id, split(packed, ';') AS p FROM lines)) i{''.join(joins)}",
        folder,
    )
    _keep(
        session,
        "keys",
        "SELECT unique_id, CAST(key AS INT) AS key FROM"
        " (SELECT unique_id, explode(split(keys, ',')) AS key FROM lines) WHERE key <> ''",
        folder,
    )
    return count


def _table(session: Any, view: str, values: dict[str, float], *, name: str = "value") -> None:
    rows = [(key, float(value)) for key, value in values.items()]
    session.createDataFrame(rows, f"{name} string, adds double").createOrReplaceTempView(view)


def _block(session: Any, newcomers: Iterable[int] | None, folder: Path) -> int:
    numbers = [(number,) for number in newcomers or ()]
    session.createDataFrame(numbers, "unique_id bigint").createOrReplaceTempView("newcomers")
    session.sql(
        "CREATE OR REPLACE TEMP VIEW meeting AS SELECT k.key, k.unique_id, s.size,"
        " n.unique_id IS NOT NULL AS new FROM keys k JOIN"
        " (SELECT key, count(*) AS size FROM keys GROUP BY key"
        f" HAVING count(*) BETWEEN 2 AND {MOST_IN_A_BLOCK}) s ON s.key = k.key"
        " LEFT JOIN newcomers n ON n.unique_id = k.unique_id"
    )
    only = "" if newcomers is None else " AND (a.new OR b.new)"
    return _keep(
        session,
        "pairs",
        "SELECT a.unique_id AS join_key_l, b.unique_id AS join_key_r, '0' AS match_key"
        " FROM meeting a JOIN meeting b ON a.key = b.key AND a.unique_id < b.unique_id"
        f"{only} GROUP BY 1, 2 HAVING count(*) > 1 OR min(a.size) <= {MOST_ALONE}",
        folder,
    )


def _score(
    session: Any, model: Model, *, base_size: int, least: float, splink_least: float | None
) -> list[tuple[int, int, float, str]]:
    from splink import Linker, SparkAPI

    quiet_linker()
    if splink_least is None:
        splink_least = splink_cut(model, base_size=base_size, least=least)
    api = SparkAPI(spark_session=session, register_udfs_automatically=False)
    linker = Linker(
        api.register(session.table("identities")), statements.settings(model, dialect=SPARK)
    )
    linker.table_management.register_blocked_pairs_for_predict(api.register(session.table("pairs")))
    found = linker.inference.predict(threshold_match_weight=splink_least, warning_mode="never")
    weighed = statements.said_for(SPARK, weighed_sql(found.physical_name, model, base_size, least))
    rows = session.sql(f"SELECT l, r, weight, levels FROM ({weighed}) ORDER BY l, r")
    return [tuple(row) for row in rows.toLocalIterator()]
