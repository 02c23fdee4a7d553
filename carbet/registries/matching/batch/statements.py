"""The comparison as Splink and the two databases read it: settings, columns, statements.

Written for DuckDB; what Spark calls otherwise is translated here.
"""

import re
from typing import Any

from carbet.registries.matching.rules.levels import BY_NAME, COMPARISONS, NEEDED
from carbet.registries.matching.rules.model import KIN_GIVEN, KIN_SHARED, RARITY, TOGETHER, Model
from carbet.registries.matching.rules.traits import COLUMNS

DUCKDB = "duckdb"
SPARK = "spark"
# Lists are columns of their own: "words" is a text, "words_a" its list.
LISTS = ("words", "others", "ids")
_SPARK_NAMES = (
    (
        re.compile(r"list_has_all\((\w+), (\w+)\)"),
        r"(size(array_except(\2, \1)) = 0)",
    ),
    (re.compile(r"list_has_any\((\w+), (\w+)\)"), r"arrays_overlap(\1, \2)"),
    (re.compile(r"\bstrpos\(([^,]+), ([^)]+)\)"), r"instr(\1, \2)"),
    (re.compile(r"\bstarts_with\("), "startswith("),
    (re.compile(r"\bstring_split\("), "split("),
    (re.compile(r"\bAS VARCHAR(?:\(\d\))?\)"), "AS STRING)"),
)


def said_for(dialect: str, sql: str) -> str:
    """Return a condition as the database of this dialect writes it."""
    if dialect == SPARK:
        for pattern, written in _SPARK_NAMES:
            sql = pattern.sub(written, sql)
    return sql


def settings(model: Model | None, *, dialect: str, prior: float = 0.0001) -> dict[str, Any]:
    """Return Splink's settings; with a model, its trained weights."""
    comparisons = []
    for each in COMPARISONS:
        columns = NEEDED[each.name]
        unknown = " OR ".join(f"{c}_l = '' OR {c}_r = ''" for c in columns)
        levels: list[dict[str, Any]] = [
            {
                "sql_condition": unknown,
                "label_for_charts": "unknown",
                "is_null_level": True,
            }
        ]
        for level in each.levels:
            said: dict[str, Any] = {
                "sql_condition": said_for(dialect, level.sql) if level.sql else "ELSE",
                "label_for_charts": level.name,
            }
            if model is not None:
                trained = model.raw["comparisons"][each.name][level.name]
                said |= {"m_probability": trained["m"], "u_probability": trained["u"]}
            levels.append(said)
        comparisons.append(
            {
                "output_column_name": each.name,
                "comparison_description": each.name,
                "comparison_levels": levels,
            }
        )
    return {
        "link_type": "dedupe_only",
        "sql_dialect": dialect,
        "unique_id_column_name": "unique_id",
        "comparisons": comparisons,
        "blocking_rules_to_generate_predictions": ["l.born = r.born"],
        "probability_two_random_records_match": prior,
        # What keeps the levels beside the weight.
        "retain_matching_columns": True,
        "additional_columns_to_retain": [f"{column}_w" for column, _ in RARITY.values()]
        if model is not None
        else [],
        "retain_intermediate_calculation_columns": False,
    }


def rank_of(comparison: int, value: str) -> str:
    """Return the SQL of a level's rank from Splink's value, which counts from the last level."""
    last = len(COMPARISONS[comparison].levels) - 1
    return f"CASE WHEN {value} = -1 THEN -1 ELSE {last} - {value} END"


def together_sql() -> str:
    """Return the SQL of the pattern that levels make together, from Splink's columns."""
    parts = []
    for rank, each in enumerate(COMPARISONS):
        if each.name in TOGETHER:
            said = rank_of(rank, f"gamma_{each.name}")
            if each.name == "place":
                said = f"least({said}, 1)"
            parts.append(f"CAST({said} AS VARCHAR(3))")
    return " || '.' || ".join(parts)


def rarity_sql() -> str:
    """Return the SQL of what rarity adds, from Splink's columns and those of both identities."""
    terms = []
    for name, (column, shares) in RARITY.items():
        rank = next(r for r, each in enumerate(COMPARISONS) if each.name == name)
        last = len(COMPARISONS[rank].levels) - 1
        cases = " ".join(
            f"WHEN {last - COMPARISONS[rank].rank(level)} THEN {share}"
            for level, share in shares.items()
        )
        term = f"(CASE gamma_{name} {cases} ELSE 0 END) * least({column}_w_l, {column}_w_r)"
        if name in KIN_SHARED:
            given = BY_NAME["given"]
            kin = ", ".join(str(len(given.levels) - 1 - given.rank(x)) for x in sorted(KIN_GIVEN))
            term = f"(CASE WHEN gamma_given IN ({kin}) THEN 0 ELSE {term} END)"
        terms.append(term)
    return " + ".join(terms)


def columns_sql(dialect: str = DUCKDB) -> str:
    """Return the SQL that takes a packed line apart into its columns."""
    # DuckDB counts from one, Spark from zero.
    part, first = ("get(p, {})", 0) if dialect == SPARK else ("p[{}]", 1)
    said = [
        f"coalesce({part.format(rank)}, '') AS {name}"
        for rank, name in enumerate(COLUMNS, start=first)
    ]
    return ", ".join(said)


def lists_sql(dialect: str) -> str:
    """Return the SQL of the lists of words."""
    return ", ".join(said_for(dialect, f"string_split({name}, ' ') AS {name}_a") for name in LISTS)
