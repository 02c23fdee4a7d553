"""What somebody outside the teams reads: no number that could point at somebody, however added.

The reasons, and what was tried against them, are in `docs/rules/activity.md`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from carbet.steering.activity import rules
from carbet.steering.activity.queries.tables import Table


def outside(
    tables: list[Table], stats: Mapping[str, int | None], *, answered: Sequence[int]
) -> tuple[list[Table], dict[str, int | None]]:
    """Return tables and first numbers as somebody outside the team may read them.

    Args:
        answered: how many requests were answered in each of the months shown.
    """
    shown = {table.definition.key: table for table in tables}
    asked, moves = _counts(shown["demandes-par-mois"]), _moves(shown)
    # No answer at all is no file opened from one.
    silent = {rank for rank in moves if not answered[rank]}
    hushed = {
        "demandes-par-mois": rules.hushed(asked, answered) | silent,
        "ouvertures-par-mois": moves,
        "sorties-par-mois": moves,
    }
    last = len(asked) - 1
    untold = set()
    if last in hushed["demandes-par-mois"]:
        untold |= {"motifs", "reponses"}
    if last in moves:
        # As many requests are accepted as files are opened.
        untold |= {"sorties", "reponses"}
    # Where none was opened, everybody knows that none was accepted.
    known = last not in moves and not _counts(shown["ouvertures-par-mois"])[last]
    found = []
    for table in tables:
        key = table.definition.key
        made = _nothing(table) if key in untold else _told(table, hushed.get(key, frozenset()))
        if key == "reponses" and known and not table.rows[0].count:
            made = replace(made, rows=(table.rows[0], *made.rows[1:]))
        found.append(made)
    return found, _stats(stats, {table.definition.key: table for table in found})


def _moves(shown: Mapping[str, Table]) -> frozenset[int]:
    """Return the months whose openings and exits are not told: the stock would say the other."""
    opened = _counts(shown["ouvertures-par-mois"])
    closed = _counts(shown["sorties-par-mois"])
    stock = _counts(shown["file-active-par-mois"])
    before = [stock[0] - opened[0] + closed[0], *stock]
    small = {
        rank
        for rank in range(len(stock))
        if rules.is_small(before[rank]) or rules.is_small(stock[rank])
    }
    return rules.hushed(opened, closed) | small


def _told(table: Table, hushed: frozenset[int]) -> Table:
    """Return a table without its small numbers, nor what would give them away."""
    if not table.definition.adds_up:
        rows = tuple(
            replace(row, count=None) if rank in hushed or rules.is_small(row.count or 0) else row
            for rank, row in enumerate(table.rows)
        )
        return replace(table, rows=rows, total=rows[-1].count if rows else None)
    if rules.is_small(table.total or 0):
        return _nothing(table)
    rows = rules.told(table.rows)
    held = replace(table, rows=rows)
    if not held.withholds:
        return held
    # The opened files bound the accepted requests: the other answers would follow.
    if table.definition.key == "reponses":
        return _nothing(table)
    # A median says how many stand on each side of it.
    return replace(held, median=None)


def _nothing(table: Table) -> Table:
    """Return a table of which nothing is told, zeros included."""
    rows = tuple(replace(row, count=None, beside=()) for row in table.rows)
    return replace(table, rows=rows, total=None, median=None)


def _stats(stats: Mapping[str, int | None], told: Mapping[str, Table]) -> dict[str, int | None]:
    """Return the first numbers as the tables that hold them tell them, and no other way."""
    return {
        **stats,
        "caseload": told["file-active-par-mois"].rows[-1].count,
        "requested": told["demandes-par-mois"].rows[-1].count,
        "opened": told["ouvertures-par-mois"].rows[-1].count,
        "closed": told["sorties-par-mois"].rows[-1].count,
        "waiting": told["attente"].total,
        "late": told["attente"].rows[0].count,
        "overdue": told["revisions"].rows[0].count,
    }


def _counts(table: Table) -> list[int]:
    return [row.count or 0 for row in table.rows]
