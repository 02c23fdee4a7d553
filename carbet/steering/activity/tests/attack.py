"""An attack by bounds on what an agency reads: all pages, all months, all sums known to its reader.

The shuttle algorithm (Buzzigoli and Giusti, 1998; Dobra and Fienberg, 2001): each number has a
least and a most; every sum that holds between numbers narrows them, until nothing moves.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from carbet.steering.activity import queries, rules
from carbet.steering.activity.choices import DEFINITIONS
from carbet.steering.activity.queries.outside import outside

MOST = 10_000
# Cuts of the stock in which nobody moves but by coming and going (an age moves in January).
STABLE = ("communes", "complexite", "equipes")
NAMES = {
    "commune": {f"973{rank:02d}": f"Commune {rank}" for rank in range(1, 6)},
    "team": {"1": "Équipe 1", "2": "Équipe 2"},
}


@dataclass(frozen=True)
class Case:
    """One invented episode: months are ranks from 0, None is never."""

    asked: int
    answered: int | None
    decision: str
    opened: int | None
    closed: int | None
    commune: int = 1
    born: int = 1950
    weight: str = "simple"
    team: int = 1
    reason: str = "home"
    outcome: str = "met"
    days: int = 3
    due: int = 0


def published(cases, months, today, *, suppress=outside):
    """Return, by month, the tables that an agency reads of these cases, and the first numbers."""
    made = {}
    for month in months:
        sums = sums_of(cases, months, months.index(month), today)
        raw = queries._Made(sums, month, today, NAMES)
        tables = [
            getattr(raw, f"t_{each.key.replace('-', '_')}")(each)
            for each in DEFINITIONS
            if each.dimension != "coordinator"
        ]
        told, stats = suppress(tables, raw.stats(), answered=raw.answered())
        made[month] = (tables, told, stats)
    return made


def sums_of(cases, months, shown, today):
    """Return the sums of a month, as the database gives them."""
    found = defaultdict(lambda: defaultdict(lambda: defaultdict(lambda: defaultdict(int))))

    def add(read, figure, dimension, value):
        found[read][figure][dimension][str(value)] += 1

    for case in cases:
        cuts = (
            ("", ""), ("commune", f"973{case.commune:02d}"), ("birth_year", case.born),
            ("complexity", case.weight),
        )  # fmt: skip
        for figure, at in (("opened", case.opened), ("closed", case.closed)):
            if at is None or at > shown:
                continue
            for dimension, value in cuts:
                add("stock", figure, dimension, value)
            add("team", figure, "team", case.team)
            add("series", figure, "", months[at].isoformat())
        if case.asked <= shown:
            add("series", "requested", "", months[case.asked].isoformat())
        if case.answered is not None and case.answered <= shown:
            add("series", "answered", "", months[case.answered].isoformat())
        for figure, at, dimension, value in (
            ("requested", case.asked, "", ""),
            ("requested", case.asked, "reason", case.reason),
            ("answered", case.answered, "decision", case.decision),
            ("opened", case.opened, "", ""),
            ("closed", case.closed, "", ""),
            ("closed", case.closed, "outcome", case.outcome),
            ("contacted", case.opened, "days", case.days),
            ("planned", case.opened, "days", case.days * 3),
        ):
            if at == shown:
                add("flow", figure, dimension, value)
        due = date.fromordinal(today.toordinal() + case.due)
        if case.answered is None:
            add("due", "waiting", "", due)
        if case.opened is not None and case.closed is None:
            add("due", "to_review", "", due)
    pairs = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    for read, figures in found.items():
        for figure, dimensions in figures.items():
            for dimension, values in dimensions.items():
                for value, count in values.items():
                    pairs[read][figure][dimension][value] = (count, 0)
    return pairs


class Attack:
    """What a reader knows of each number, by name: (least, most)."""

    def __init__(self):
        self.bounds = {}
        # Each: numbers that add up, numbers to take off; the whole is nought.
        self.sums = []
        # Each: at most, at least (the first is never over the second).
        self.orders = []

    def know(self, name, count):
        """Note a number as told, or as untold."""
        low, high = self.bounds.get(name, (0, MOST))
        if count is not None:
            low, high = max(low, count), min(high, count)
        assert low <= high, name
        self.bounds[name] = (low, high)

    def run(self):
        """Narrow everything until nothing moves. Return the bounds."""
        moved = True
        while moved:
            moved = False
            for plus, minus in self.sums:
                signed = [(name, 1) for name in plus] + [(name, -1) for name in minus]
                least = sum(self._ends(name, sign)[0] for name, sign in signed)
                most = sum(self._ends(name, sign)[1] for name, sign in signed)
                for name, sign in signed:
                    low, high = self._ends(name, sign)
                    moved |= self._narrow(name, sign, high - most, low - least)
            for lower, upper in self.orders:
                moved |= self._narrow(lower, 1, 0, self.bounds[upper][1])
                moved |= self._narrow(upper, 1, self.bounds[lower][0], MOST)
        return self.bounds

    def _ends(self, name, sign):
        low, high = self.bounds[name]
        return (low, high) if sign > 0 else (-high, -low)

    def _narrow(self, name, sign, low, high):
        if sign < 0:
            low, high = -high, -low
        was = self.bounds[name]
        self.bounds[name] = max(was[0], low), min(was[1], high)
        assert self.bounds[name][0] <= self.bounds[name][1], (name, was, low, high)
        return self.bounds[name] != was


def attacked(made, months):
    """Return the bounds of every number of these pages, and the true value of each cell."""
    attack, truth = Attack(), {}
    for month, (raw, told, stats) in made.items():
        for true, table in zip(raw, told, strict=True):
            _table(attack, truth, month, true, table)
        attack.know(("stock", month), stats["caseload"])
        attack.know(("requested", month), stats["requested"])
        attack.know(("closed", month), stats["closed"])
        attack.know(("opened", month), stats["opened"])
        attack.orders.append((("reponses", month, "accepted"), ("opened", month)))
    for before, month in zip([None, *months], months, strict=False):
        stock = [("stock", before)] if before else []
        # Nothing was open before the first month: the reader knows when the tool was opened.
        attack.sums.append(([*stock, ("opened", month)], [("closed", month), ("stock", month)]))
        if before in made and month in made:
            _least_moves(attack, made, before, month)
    # All that was ever asked is answered or waits.
    waiting = ("total", "attente", months[-1])
    attack.sums.append(
        (
            [("requested", month) for month in months],
            [*(("total", "reponses", month) for month in months), waiting],
        )
    )
    return attack.run(), truth


TOTALS = {
    "file-active": "stock", "equipes": "stock", "complexite": "stock", "ages": "stock",
    "communes": "stock", "motifs": "requested", "sorties": "closed",
}  # fmt: skip
SERIES = {
    "demandes-par-mois": "requested", "ouvertures-par-mois": "opened",
    "sorties-par-mois": "closed", "file-active-par-mois": "stock",
}  # fmt: skip


def _table(attack, truth, month, true, table):
    key = table.definition.key
    for was, row in zip(true.rows, table.rows, strict=True):
        on = date.fromisoformat(row.value) if key in SERIES else None
        name = (SERIES[key], on) if on else (key, month, row.value)
        attack.know(name, row.count)
        truth[name] = was.count
    if key in SERIES:
        return
    total = (TOTALS[key], month) if key in TOTALS else ("total", key, month)
    attack.know(total, table.total)
    attack.sums.append(([(key, month, row.value) for row in table.rows], [total]))


def _least_moves(attack, made, before, month):
    """Note that at least as many came, or went, as a cut of the stock gained, or lost."""
    for key in STABLE:
        was, now = (
            {
                row.value: row.count
                for table in made[each][1]
                if table.definition.key == key
                for row in table.rows
                if row.count is not None
            }
            for each in (before, month)
        )
        moves = [now[value] - was[value] for value in was if value in now]
        gained, lost = (sum(max(sign * move, 0) for move in moves) for sign in (1, -1))
        for figure, least in (("opened", gained), ("closed", lost)):
            low, high = attack.bounds[figure, month]
            attack.bounds[figure, month] = max(low, least), high


def pinned(made, months):
    """Return the cells under five that were not told and that the attack finds."""
    bounds, truth = attacked(made, months)
    told = {
        (SERIES[key], date.fromisoformat(row.value)) if key in SERIES else (key, month, row.value)
        for month, (_, tables, _) in made.items()
        for table in tables
        for key in [table.definition.key]
        for row in table.rows
        if row.count is not None
    }
    found = {}
    for name, (low, high) in bounds.items():
        if low == high < rules.LEAST_TOLD and name not in told and truth.get(name) is not None:
            assert truth[name] == low, (name, "the attack itself is wrong")
            found[name] = low
    return found
