"""What an answer of steering is: a sheet of tables, as their reader may see them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from carbet.steering.activity.access import Scope
from carbet.steering.activity.choices import Beside, Definition, Figure
from carbet.steering.activity.rules import Row


@dataclass(frozen=True, slots=True)
class Table:
    """One figure cut one way: its definition, its rows, their total, a sentence that sums it up.

    A count that is None may not be told.
    """

    definition: Definition
    rows: tuple[Row, ...]
    total: int | None
    heading: str
    # Headings of the cells beside the count.
    beside: tuple[Beside, ...] = ()
    # In whole days, of a table of delays.
    median: int | None = None

    @property
    def summary(self) -> str:
        """Return the sentence that sums the table up."""
        if self.median is None:
            return ""
        return f"Médiane : {self.median} jour{'s' if self.median > 1 else ''}"

    @property
    def most(self) -> int:
        """The greatest count: the whole length of a drawing."""
        return max([row.count or 0 for row in self.rows], default=0)

    @property
    def withholds(self) -> bool:
        """Tell whether something may not be told."""
        return self.total is None or any(row.count is None for row in self.rows)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The figures of a month as their reader may see them; `stats` are said first."""

    scope: Scope
    month: date
    # Whether something moved that the sums do not show yet.
    is_behind: bool
    tables: tuple[Table, ...]
    stats: Mapping[str, int | None]

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing at all was counted of the month, as far as the reader may know."""
        return not any(
            table.withholds or any(row.count for row in table.rows)
            for table in self.tables
            if table.definition.figure not in (Figure.WAITING, Figure.TO_REVIEW)
        )

    def section(self, section: str) -> list[Table]:
        """Return the tables of one page."""
        return [table for table in self.tables if table.definition.section == section]

    def table(self, key: str) -> Table:
        """Return one table by the key of its definition."""
        return next(table for table in self.tables if table.definition.key == key)
