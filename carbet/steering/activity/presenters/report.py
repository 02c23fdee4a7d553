"""The monthly report: the tables of a month on lasting, tagged paper (PDF/A-2a, PDF/UA-1)."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from carbet.core import paper
from carbet.steering.activity import presenters, rules
from carbet.steering.activity.choices import Section
from carbet.steering.activity.queries import Sheet, Table

PAGE = Path(__file__).resolve().parent.parent / "templates" / "activity" / "report.typ"
# The order of a reading; the month by month stands with the activity.
ORDER = (Section.ACTIVITY, Section.CASELOAD, Section.DELAYS, Section.REVIEWS)
PROVISIONAL = "Le mois n’est pas fini : ces chiffres changeront."


def pdf(said: dict[str, Any]) -> bytes:
    """Return the PDF of a report."""
    return paper.pdf(PAGE, "report", said)


def report(sheet: Sheet, *, now: datetime) -> dict[str, Any]:
    """Return what the report of a month says: first numbers, tables, definitions."""
    today = timezone.localdate(now)
    return {
        "demonstration": bool(getattr(settings, "DEMONSTRATION", False)),
        "scope": sheet.scope.name,
        "month": presenters.month_words(sheet.month),
        "drawn": f"Établi le {today:%d/%m/%Y}",
        "year": today.year,
        "month_number": today.month,
        "day": today.day,
        "warnings": _warnings(sheet, today=today),
        "stats": [[stat.label, stat.value, stat.hint] for stat in presenters.stats(sheet)],
        "parts": [
            {
                "title": str(section.label),
                "tables": [_table(table) for table in sheet.section(section)],
            }
            for section in ORDER
        ],
        "definitions": [
            [table.definition.title, table.definition.sentence] for table in sheet.tables
        ],
    }


def _warnings(sheet: Sheet, *, today: date) -> list[str]:
    found = []
    if rules.month_of(today) == sheet.month:
        found.append(PROVISIONAL)
    else:
        found.append("Demandes en attente et plans à revoir : au jour où ce rapport est établi.")
    if not sheet.scope.is_team:
        found.append(presenters.UNTOLD_WORDS)
    return found


def _table(table: Table) -> dict[str, Any]:
    rows = [
        [
            presenters.label(table, row.label),
            presenters.number(row.count),
            *(presenters.beside(heading, row, rank) for rank, heading in enumerate(table.beside)),
        ]
        for row in table.rows
    ]
    if table.definition.adds_up and rows:
        rows.append(["Total", presenters.number(table.total), *("" for _ in table.beside)])
    return {
        "title": table.definition.title,
        "summary": table.summary,
        "heads": [table.heading, "Nombre", *map(str, table.beside)],
        "rows": rows,
        "adds_up": table.definition.adds_up,
        # Lengths of the bars, in thousandths of the greatest; nothing for what is untold.
        "bars": [
            0 if not table.most else round((row.count or 0) / table.most * 1000)
            for row in table.rows
        ],
    }
