"""What pages and files tell of an import."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings

from carbet.registries.directory.choices import LineOutcome, Source
from carbet.registries.directory.models import ImportRun

REPORT_COLUMNS = ("Devenir", "Type", "Identifiant", "Libellé", "Ligne", "Page", "Raison")
# A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def report_rows(run: ImportRun) -> Iterator[tuple[str, ...]]:
    """Return the lines of the report of an import as cells, its columns first."""
    yield REPORT_COLUMNS
    for line in run.lines.order_by("outcome", "pk").iterator(chunk_size=2000):
        yield tuple(
            _cell(each)
            for each in (
                line.get_outcome_display(),
                line.kind,
                line.source_id,
                line.label,
                line.line,
                line.page,
                line.reason,
            )
        )


def _cell(value: object) -> str:
    said = "" if value is None else str(value)
    return f"'{said}" if said.startswith(_FORMULA) else said


def report_table(run: ImportRun) -> str:
    """Return the report of an import as a table for a spreadsheet."""
    target = io.StringIO()
    target.write("\ufeff")
    csv.writer(target, delimiter=";").writerows(report_rows(run))
    return target.getvalue()


@dataclass(frozen=True)
class OutcomeTab:
    """One outcome of an import, and how many lines came to it."""

    value: str
    label: str
    count: int


def outcomes(run: ImportRun) -> list[OutcomeTab]:
    """Return the outcomes of an import, what asks for a gesture first."""
    return [
        OutcomeTab(LineOutcome.REJECTED, "Rejetés", run.rejected),
        OutcomeTab(LineOutcome.CREATED, "Créés", run.created),
        OutcomeTab(LineOutcome.CHANGED, "Modifiés", run.changed),
        OutcomeTab(LineOutcome.CLOSED, "Fermés", run.closed),
    ]


def askable_sources() -> list[tuple[str, str]]:
    """Return the outside directories that the settings give access to."""
    return [
        (source.value, str(source.label))
        for source, is_set in (
            (Source.ANNUAIRE, settings.ANNUAIRE_KEY),
            (Source.ROR, settings.ROR_CLIENT_ID),
        )
        if is_set
    ]
