"""Figures to take away: the tables that the pages show, as CSV and as a workbook."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

import xlsxwriter
from django.utils import timezone
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from carbet.registries.rights.rules import cell
from carbet.steering.activity.choices import Beside, Dimension, Section
from carbet.steering.activity.presenters import UNTOLD, UNTOLD_WORDS, label
from carbet.steering.activity.queries import Sheet, Table

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MEDIAN = "Médiane, en jours"
_DEFINED = "Définition"


def csv_table(sheet: Sheet) -> bytes:
    """Return every figure as CSV, one number a line, with its definition."""
    written = io.StringIO()
    writer = csv.writer(written, delimiter=";", lineterminator="\r\n")
    writer.writerow(("Périmètre", "Mois", "Chiffre", "Découpage", "Valeur", "Nombre", _DEFINED))
    for table in sheet.tables:
        said = table.definition
        head = (cell(sheet.scope.name), f"{sheet.month:%Y-%m}", said.title)
        for row in table.rows:
            name = row.value[:7] if said.dimension == Dimension.MONTH else row.label
            count = UNTOLD if row.count is None else row.count
            writer.writerow((*head, table.heading, cell(name), count, said.sentence))
            for heading, value in zip(table.beside, row.beside, strict=False):
                if value is not None:
                    cut = f"{table.heading}, {str(heading).lower()}"
                    writer.writerow((*head, cut, cell(name), value, said.sentence))
        if said.adds_up:
            total = UNTOLD if table.total is None else table.total
            writer.writerow((*head, table.heading, "Total", total, said.sentence))
        if table.median is not None:
            writer.writerow((*head, table.heading, MEDIAN, table.median, said.sentence))
    # Spreadsheets take a file without this mark for Windows-1252.
    return ("\N{ZERO WIDTH NO-BREAK SPACE}" + written.getvalue()).encode()


def workbook(sheet: Sheet, *, now: datetime) -> bytes:
    """Return every figure as XLSX: a page of steering is a sheet, numbers and dates are typed.

    Rows go to disk as they are written; a text is stored as text, whatever sign it begins with.
    """
    written = io.BytesIO()
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
    }
    with xlsxwriter.Workbook(written, options) as book:
        book.set_properties({"title": "Pilotage de l’activité", "comments": "Carbet"})
        style = _Style(
            title=book.add_format({"bold": True, "font_size": 14}),
            heading=book.add_format({"bold": True, "font_size": 12}),
            head=book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}),
            # Excel keeps it text even once someone has edited the cell.
            text=book.add_format({"quote_prefix": True, "text_wrap": True, "valign": "top"}),
            plain=book.add_format({"quote_prefix": True}),
            number=book.add_format({"num_format": "#,##0"}),
            gap=book.add_format({"num_format": "+0%;-0%;0%"}),
            month=book.add_format({"num_format": "mmmm yyyy", "align": "left"}),
            moment=book.add_format({"num_format": "dd/mm/yyyy hh:mm", "align": "left"}),
            untold=book.add_format({"align": "right"}),
        )
        for section in Section:
            tables = sheet.section(section)
            if tables:
                _page(_Page(book.add_worksheet(str(section.label)), style), sheet, tables, now)
        _definitions(_Page(book.add_worksheet("Définitions"), style), sheet)
    return written.getvalue()


@dataclass(frozen=True, slots=True)
class _Style:
    """How cells look."""

    title: Format
    heading: Format
    head: Format
    text: Format
    plain: Format
    number: Format
    gap: Format
    month: Format
    moment: Format
    untold: Format


class _Page:
    """A sheet written downwards: one call a row."""

    def __init__(self, page: Worksheet, style: _Style) -> None:
        self.page, self.style, self.at = page, style, 0
        page.set_column(0, 0, 46)
        page.set_column(1, 3, 20)
        page.set_landscape()
        page.set_paper(9)
        page.fit_to_pages(1, 0)

    def row(self, *cells: tuple[str | int | float | date | None, Format]) -> None:
        """Write the next row, each cell by its type."""
        for column, (value, form) in enumerate(cells):
            if isinstance(value, str):
                self.page.write_string(self.at, column, value, form)
            elif isinstance(value, (datetime, date)):
                self.page.write_datetime(self.at, column, value, form)
            elif value is not None:
                self.page.write_number(self.at, column, value, form)
        self.at += 1


def _page(page: _Page, sheet: Sheet, tables: list[Table], now: datetime) -> None:
    style = page.style
    page.row((f"Pilotage : {Section(tables[0].definition.section).label}", style.title))
    page.row(("Périmètre", style.plain), (sheet.scope.name, style.plain))
    page.row(("Mois", style.plain), (sheet.month, style.month))
    extracted = timezone.make_naive(now).replace(second=0, microsecond=0)
    page.row(("Extrait le", style.plain), (extracted, style.moment))
    if not sheet.scope.is_team:
        page.row((UNTOLD_WORDS, style.plain))
    for table in tables:
        page.row()
        page.row((table.definition.title, style.heading))
        page.row((f"{_DEFINED} : {table.definition.sentence}", style.plain))
        heads = (table.heading, "Nombre", *map(str, table.beside))
        page.row(*((words, style.head) for words in heads))
        for cells in _lines(table, style):
            page.row(*cells)


def _lines(
    table: Table, style: _Style
) -> Iterator[tuple[tuple[str | int | float | date | None, Format], ...]]:
    """Yield the rows of a table, each cell with its look; what is untold is text."""

    def count(number: int | None) -> tuple[str | int, Format]:
        return (UNTOLD, style.untold) if number is None else (number, style.number)

    for row in table.rows:
        if table.definition.dimension == Dimension.MONTH:
            name: tuple[str | date, Format] = (date.fromisoformat(row.value), style.month)
        else:
            name = (label(table, row.label), style.text)
        beside = [
            (
                value if value is None or heading != Beside.GAP else value / 100,
                _look(heading, style),
            )
            for heading, value in zip(table.beside, row.beside, strict=False)
        ]
        yield (name, count(row.count), *beside)
    if table.definition.adds_up:
        yield (("Total", style.heading), count(table.total))
    if table.median is not None:
        yield ((MEDIAN, style.text), (table.median, style.number))


def _look(heading: Beside, style: _Style) -> Format:
    return style.gap if heading == Beside.GAP else style.number


def _definitions(page: _Page, sheet: Sheet) -> None:
    style = page.style
    page.page.set_column(1, 1, 110)
    page.row(("Chiffre", style.head), (_DEFINED, style.head))
    for table in sheet.tables:
        page.row((table.definition.title, style.text), (table.definition.sentence, style.text))
