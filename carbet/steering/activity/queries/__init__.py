"""What can be asked of steering: the tables of a month, and the episodes behind a figure."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from carbet.coordination.support.choices import (
    Complexity,
    Outcome,
    RequestReason,
    RequestStatus,
)
from carbet.core.names import comparison_form
from carbet.steering.activity import rules
from carbet.steering.activity.access import Scope
from carbet.steering.activity.choices import (
    DEFINITIONS,
    Beside,
    Definition,
    Dimension,
)
from carbet.steering.activity.queries.behind import PAGE, episodes
from carbet.steering.activity.queries.outside import outside
from carbet.steering.activity.queries.tables import Sheet, Table
from carbet.steering.activity.rules import Row

__all__ = ["PAGE", "Sheet", "Table", "changes_wait", "episodes", "sheet"]

FIRST_MONTH = date(2000, 1, 1)

# Sums of one read, by figure, then dimension, then value: (how many, points).
Sums = dict[str, dict[str, dict[str, tuple[int, int]]]]

# Stocks are what was opened until the end of the month, less what was closed; flows, what happened
# in it; series, month by month; what falls due, day by day. One statement for all, names included.
_SUMS = """
WITH read AS (
  SELECT 'stock' AS read, figure, dimension, value,
         sum(count)::bigint AS count, sum(points)::bigint AS points
  FROM activity_tally
  WHERE {scope} AND figure IN ('opened', 'closed') AND on_day <= %(month)s
    AND dimension IN ('', 'coordinator', 'commune', 'birth_year', 'complexity')
  GROUP BY 2, 3, 4
  UNION ALL
  SELECT 'flow', figure, dimension, value, sum(count)::bigint, 0
  FROM activity_tally
  WHERE {scope} AND on_day = %(month)s
    AND (figure, dimension) IN (('requested', ''), ('requested', 'reason'),
      ('answered', 'decision'), ('opened', ''), ('closed', ''), ('closed', 'outcome'),
      ('contacted', 'days'), ('planned', 'days'))
  GROUP BY 2, 3, 4
  UNION ALL
  SELECT 'series', figure, '', on_day::text, sum(count)::bigint, 0
  FROM activity_tally
  WHERE {scope} AND (figure IN ('requested', 'opened', 'closed') AND dimension = ''
      OR figure = 'answered' AND dimension = 'decision')
    AND on_day > %(before)s AND on_day <= %(month)s
  GROUP BY 2, 4
  UNION ALL
  SELECT 'due', figure, dimension,
         CASE WHEN dimension = '' THEN on_day::text ELSE value END, sum(count)::bigint, 0
  FROM activity_tally
  WHERE {scope} AND (figure IN ('waiting', 'undated') AND dimension = ''
    OR figure = 'to_review' AND (dimension = '' OR on_day < %(today)s))
  GROUP BY 2, 3, 4
  UNION ALL
  SELECT 'team', figure, 'team', organization_id::text, sum(count)::bigint, 0
  FROM activity_tally
  WHERE {scope} AND figure IN ('opened', 'closed') AND dimension = '' AND on_day <= %(month)s
  GROUP BY 2, 4
)
SELECT read.*, CASE dimension
    WHEN 'coordinator' THEN (
      SELECT concat_ws(' ', NULLIF(p.civility, ''), p.given, p.family)
      FROM directory_practitionerrole r JOIN directory_practitioner p ON p.id = r.practitioner_id
      WHERE r.id = value::bigint)
    WHEN 'team' THEN (SELECT o.name FROM directory_organization o WHERE o.id = value::bigint)
  END
FROM read WHERE count <> 0
UNION ALL
SELECT 'names', '', 'commune', code, 0, 0, name FROM directory_commune
UNION ALL
SELECT 'behind', '', '', '', 0, 0, 'yes' WHERE activity_behind()
"""


def changes_wait() -> bool:
    """Tell whether something moved that the sums do not show yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT activity_behind()")
        return bool(cursor.fetchone()[0])


def sheet(*, scope: Scope, month: date, now: datetime) -> Sheet:
    """Return every figure of a month, small numbers untold outside the team: one query.

    Args:
        month: the first day of the month.
    """
    today = timezone.localdate(now)
    with scope.reading(now=now):
        made = _read(scope, month, today)
    tables = [
        getattr(made, f"t_{each.key.replace('-', '_')}")(each)
        for each in DEFINITIONS
        if _is_for(each, scope)
    ]
    stats = made.stats()
    if not scope.is_team:
        tables, stats = outside(tables, stats, answered=made.answered())
    return Sheet(scope, month, made.is_behind, tuple(tables), stats)


def _is_for(definition: Definition, scope: Scope) -> bool:
    """Tell whether a table concerns the reader: the load of each is the team's own affair."""
    if definition.dimension == Dimension.COORDINATOR:
        return scope.is_team
    return definition.dimension != Dimension.TEAM or not scope.is_team


# --- Reading the sums ----------------------------------------------------------------------------


def _read(scope: Scope, month: date, today: date) -> "_Made":
    """Read every sum that the tables of a month need, in one statement."""
    sums: dict[str, Sums] = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    names: dict[str, dict[str, str]] = defaultdict(dict)
    mine = "organization_id = %(organization)s" if scope.is_team else "true"
    with connection.cursor() as cursor:
        cursor.execute(
            _SUMS.format(scope=mine),
            {
                "organization": scope.organization_id,
                "month": month,
                "before": rules.months_later(month, -rules.MONTHS_SHOWN),
                "today": today,
            },
        )
        for read, figure, dimension, value, count, points, name in cursor.fetchall():
            sums[read][figure][dimension][value] = (count, points)
            if name:
                names[dimension][value] = name
    communes = sorted(names["commune"].items(), key=lambda item: comparison_form(item[1]))
    return _Made(sums, month, today, {**names, "commune": dict(communes)})


class _Made:
    """The tables of a month, each made from the sums by the method that bears its key."""

    def __init__(
        self,
        sums: Mapping[str, Sums],
        month: date,
        today: date,
        names: Mapping[str, Mapping[str, str]],
    ) -> None:
        self.sums, self.month, self.today, self.names = sums, month, today, names
        self.months = rules.last_months(month)
        self.is_behind = "" in names.get("", {})

    def stats(self) -> dict[str, int | None]:
        """Return the numbers said first."""
        late, waiting = self._due("waiting")
        overdue, _ = self._due("to_review")
        return {
            "caseload": self._stock("")[""][0] if self._stock("") else 0,
            "requested": self._flow("requested", "").get("", 0),
            "opened": self._flow("opened", "").get("", 0),
            "closed": self._flow("closed", "").get("", 0),
            "waiting": late + waiting,
            "late": late,
            "overdue": overdue,
        }

    def _flow(self, figure: str, dimension: str) -> dict[str, int]:
        return {value: count for value, (count, _) in self.sums["flow"][figure][dimension].items()}

    def _stock(self, dimension: str, read: str = "stock") -> dict[str, tuple[int, int]]:
        """Return what is open at the end of the month: (how many, points) by value."""
        opened = self.sums[read]["opened"][dimension]
        closed = self.sums[read]["closed"][dimension]
        found = {
            value: (count - closed.get(value, (0, 0))[0], points - closed.get(value, (0, 0))[1])
            for value, (count, points) in opened.items()
        }
        return {value: held for value, held in found.items() if held[0]}

    def _days(self, figure: str) -> dict[int, int]:
        return {int(value): count for value, count in self._flow(figure, "days").items()}

    def _due(self, figure: str) -> tuple[int, int]:
        """Return how many fell due before today, and how many fall due from today on."""
        late = later = 0
        for value, (count, _) in self.sums["due"][figure][""].items():
            if date.fromisoformat(value) < self.today:
                late += count
            else:
                later += count
        return late, later

    def answered(self) -> list[int]:
        """Return how many requests were answered in each of the months shown."""
        found = self.sums["series"]["answered"][""]
        return [found.get(each.isoformat(), (0, 0))[0] for each in self.months]

    # --- Activity ---

    def _series(self, definition: Definition) -> Table:
        found = self.sums["series"][str(definition.figure)][""]
        rows = tuple(
            Row(each.isoformat(), each.isoformat(), found.get(each.isoformat(), (0, 0))[0])
            for each in self.months
        )
        return Table(definition, rows, None if not rows else _sum(rows), "Mois")

    t_demandes_par_mois = t_ouvertures_par_mois = t_sorties_par_mois = _series

    def t_file_active_par_mois(self, definition: Definition) -> Table:
        stock = self._stock("")
        held = stock[""][0] if stock else 0
        rows = []
        # Back from the end: what was open a month before had not been opened since, nor closed.
        for each in reversed(self.months):
            key = each.isoformat()
            rows.append(Row(key, key, held))
            held -= self.sums["series"]["opened"][""].get(key, (0, 0))[0]
            held += self.sums["series"]["closed"][""].get(key, (0, 0))[0]
        rows.reverse()
        return Table(definition, tuple(rows), rows[-1].count, "Mois")

    def _coded(
        self, definition: Definition, found: Mapping[str, int], labels: Mapping[str, str]
    ) -> Table:
        """Return a table of codes in the order of their labels, unknown ones last."""
        rows = [Row(code, label, found.get(code, 0)) for code, label in labels.items()]
        rows += [
            Row(code, code or "Non renseigné", count)
            for code, count in sorted(found.items())
            if code not in labels
        ]
        return Table(definition, tuple(rows), _sum(rows), str(definition.dimension.label))

    def t_motifs(self, definition: Definition) -> Table:
        return self._coded(
            definition, self._flow("requested", "reason"), dict(RequestReason.choices)
        )

    def t_reponses(self, definition: Definition) -> Table:
        given = (RequestStatus.ACCEPTED, RequestStatus.REDIRECTED, RequestStatus.WITHDRAWN)
        labels = {each.value: str(each.label) for each in given}
        return self._coded(definition, self._flow("answered", "decision"), labels)

    def t_sorties(self, definition: Definition) -> Table:
        return self._coded(definition, self._flow("closed", "outcome"), dict(Outcome.choices))

    # --- Caseload ---

    def t_coordination(self, definition: Definition) -> Table:
        held = sorted(
            self._stock("coordinator").items(), key=lambda item: (-item[1][0], int(item[0]))
        )
        scored = any(points for _, (_, points) in held)
        loads = [points if scored else count for _, (count, points) in held]
        rows = tuple(
            Row(
                value,
                self.names.get("coordinator", {}).get(value, value),
                count,
                (points if scored else None, gap),
                marked=gap >= 25,
            )
            for (value, (count, points)), gap in zip(held, rules.balance(loads), strict=True)
        )
        return Table(definition, rows, _sum(rows), "Coordonnateur", (Beside.POINTS, Beside.GAP))

    def t_equipes(self, definition: Definition) -> Table:
        held = {value: count for value, (count, _) in self._stock("team", "team").items()}
        return self._coded(definition, held, self.names.get("team", {}))

    def t_complexite(self, definition: Definition) -> Table:
        held = {value: count for value, (count, _) in self._stock("complexity").items()}
        return self._coded(definition, held, dict(Complexity.choices))

    def t_ages(self, definition: Definition) -> Table:
        found = dict.fromkeys((rules.age_label(low, high) for low, high in rules.AGE_BANDS), 0)
        for value, (count, _) in self._stock("birth_year").items():
            found[rules.age_band(int(value), year=self.month.year)] += count
        rows = tuple(
            Row(str(low), rules.age_label(low, high), found[rules.age_label(low, high)])
            for low, high in rules.AGE_BANDS
        )
        return Table(definition, rows, _sum(rows), "Âge")

    def t_communes(self, definition: Definition) -> Table:
        held = {value: count for value, (count, _) in self._stock("commune").items()}
        return self._coded(definition, held, self.names["commune"])

    # --- Delays ---

    def _delays(self, definition: Definition) -> Table:
        days = self._days(str(definition.figure))
        rows = tuple(
            Row(str(low), rules.delay_label(low, high), count)
            for (low, high), count in rules.banded(days).items()
        )
        return Table(definition, rows, _sum(rows), "Délai", median=rules.median(days))

    t_premier_contact = t_premier_plan = _delays

    def t_attente(self, definition: Definition) -> Table:
        late, waiting = self._due("waiting")
        rows = (
            Row("retard", "En retard", late, marked=True),
            Row("delai", "Dans les délais", waiting),
        )
        return Table(definition, rows, _sum(rows), "Échéance")

    # --- Reviews ---

    def t_revisions(self, definition: Definition) -> Table:
        bounds = rules.review_bounds(self.today)
        found = dict.fromkeys(bounds, 0)
        for value, (count, _) in self.sums["due"]["to_review"][""].items():
            on = date.fromisoformat(value)
            found[next(key for key, (_, low, high) in bounds.items() if low <= on < high)] += count
        rows = [
            Row(key, bounds[key][0], count, marked=key == "retard") for key, count in found.items()
        ]
        undated = sum(count for count, _ in self.sums["due"]["undated"][""].values())
        rows.append(Row("sans-date", "Sans date de révision", undated))
        return Table(definition, tuple(rows), _sum(rows), "Échéance")

    def t_revisions_coordination(self, definition: Definition) -> Table:
        late = self.sums["due"]["to_review"]["coordinator"]
        held = sorted(late.items(), key=lambda item: (-item[1][0], int(item[0])))
        rows = tuple(
            Row(value, self.names.get("coordinator", {}).get(value, value), count, marked=True)
            for value, (count, _) in held
        )
        return Table(definition, rows, _sum(rows), "Coordonnateur")


def _sum(rows: Any) -> int:
    return sum(row.count or 0 for row in rows)
