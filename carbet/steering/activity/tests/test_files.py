"""The workbook is read back by another library: the figures of the page, typed, never a formula."""

import io
import zipfile
from datetime import date, datetime

import openpyxl
import pytest
from django.urls import reverse

from carbet.core import row_security
from carbet.core.models import AuditEvent
from carbet.steering.activity import access, presenters, queries
from carbet.steering.activity.choices import BY_KEY, Beside, Dimension, Section
from carbet.steering.activity.presenters import files
from carbet.steering.activity.tests import factories as make
from carbet.steering.activity.tests.test_sums import a_year
from carbet.steering.activity.tests.test_views import many, read

pytestmark = pytest.mark.django_db

ADDRESS = reverse("activity:xlsx")


@pytest.fixture(autouse=True)
def at_noon(world, monkeypatch):
    monkeypatch.setattr("carbet.core.clock.now", lambda: world.now)


def book_of(answer):
    assert answer["Content-Type"] == files.XLSX
    assert answer["Content-Disposition"].endswith('.xlsx"')
    return openpyxl.load_workbook(io.BytesIO(answer.content))


def blocks(book):
    """Return the tables of a workbook: the rows under each title, without the heads."""
    titles = {definition.title: key for key, definition in BY_KEY.items()}
    found = {}
    for page in book.worksheets[:-1]:
        key, skip = None, 0
        for row in page.iter_rows(values_only=True):
            cells = [each for each in row if each is not None]
            if not cells:
                key = None
            elif cells[0] in titles:
                key, skip = titles[cells[0]], 2
                found[key] = []
            elif key and skip:
                skip -= 1
            elif key:
                found[key].append(tuple(cells))
    return found


def sheet_of(world, key, month=date(2026, 11, 1)):
    actor = world.actor(key)
    with row_security.acting_as(actor, now=world.now):
        return queries.sheet(scope=access.scope(actor), month=month, now=world.now)


def written(table):
    """Return the rows of a table as a workbook should hold them."""
    by_month = table.definition.dimension == Dimension.MONTH
    for row in table.rows:
        name = datetime.fromisoformat(row.value) if by_month else row.label
        beside = [
            value / 100 if heading == Beside.GAP else value
            for heading, value in zip(table.beside, row.beside, strict=False)
            if value is not None
        ]
        yield (name, presenters.UNTOLD if row.count is None else row.count, *beside)
    if table.definition.adds_up:
        yield ("Total", presenters.UNTOLD if table.total is None else table.total)
    if table.median is not None:
        yield (files.MEDIAN, table.median)


@pytest.mark.parametrize("reader", ["coordinator", "agency"])
def test_the_workbook_holds_the_figures_of_the_page(world, sign_in, reader):
    a_year(world)
    many(world, 6, "97304")
    client = sign_in(world.accounts[reader], role=world.roles[reader])
    book = book_of(client.get(f"{ADDRESS}?mois=2026-11"))
    assert book.sheetnames == [*map(str, Section.labels), "Définitions"]
    found, sheet = blocks(book), sheet_of(world, reader)
    assert set(found) == {table.definition.key for table in sheet.tables}
    for table in sheet.tables:
        assert found[table.definition.key] == list(written(table)), table.definition.key
    # And what is read on the page is what is read in the file.
    for section in Section:
        text = client.get(reverse("activity:section", args=[section])).content.decode()
        for table in sheet.section(section):
            for row in table.rows:
                assert f">{presenters.number(row.count)}<" in text
    assert any(row[1] == presenters.UNTOLD for row in found["communes"]) == (reader == "agency")


def test_each_sheet_says_where_when_and_what_it_counts(world, sign_in):
    many(world, 2)
    client = sign_in(world.accounts["agency"], role=world.roles["agency"])
    book = book_of(client.get(f"{ADDRESS}?mois=2026-10"))
    for page in book.worksheets[:-1]:
        head = {page.cell(row, 1).value: page.cell(row, 2) for row in range(2, 5)}
        assert head["Périmètre"].value == "Guyane"
        assert head["Mois"].value == datetime.fromisoformat("2026-10-01")
        assert head["Mois"].is_date
        assert head["Extrait le"].value.date() == date(2026, 11, 22)
        assert page.cell(5, 1).value == presenters.UNTOLD_WORDS
    said = dict(book["Définitions"].iter_rows(min_row=2, values_only=True))
    assert said == {
        table.definition.title: table.definition.sentence
        for table in sheet_of(world, "agency").tables
    }


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "{=", "http://x.example/", "12"])
def test_no_text_is_a_formula_a_link_or_a_number(world, sign_in, sign):
    many(world, 1)
    with make.writing(world.now):
        practitioner = world.roles["coordinator"].practitioner
        practitioner.given, practitioner.civility = f"{sign}HYPERLINK(1)", ""
        practitioner.save()
    client = sign_in(world.accounts["coordinator"], role=world.roles["coordinator"])
    answer = client.get(ADDRESS)
    rows = blocks(book_of(answer))["coordination"]
    assert rows[0][0].strip() == f"{sign}HYPERLINK(1) Sampaio".strip()
    with zipfile.ZipFile(io.BytesIO(answer.content)) as parts:
        for name in parts.namelist():
            assert b"<f>" not in parts.read(name)
            assert b"<hyperlink" not in parts.read(name)
    kinds = {
        each.data_type
        for page in book_of(answer).worksheets
        for row in page.iter_rows()
        for each in row
        if each.value is not None
    }
    assert kinds <= {"s", "inlineStr", "n", "d"}


def test_both_files_say_the_same_numbers(world, sign_in):
    a_year(world)
    client = sign_in(world.accounts["coordinator"], role=world.roles["coordinator"])
    found = blocks(book_of(client.get(f"{ADDRESS}?mois=2026-10")))
    lines = read(client.get(reverse("activity:csv") + "?mois=2026-10"))
    for key, rows in found.items():
        table = [line for line in lines if line["Chiffre"] == BY_KEY[key].title]
        told = [
            line["Nombre"]
            for line in table
            if not line["Découpage"].endswith(("points", "moyenne"))
        ]
        assert told == [str(row[1]) for row in rows], key


def test_the_workbook_has_the_door_of_the_page_and_its_leaving_is_traced(world, sign_in):
    nurse = sign_in(world.accounts["nurse"], role=world.roles["nurse"])
    assert nurse.get(ADDRESS).status_code == 403
    client = sign_in(world.accounts["agency"], role=world.roles["agency"])
    assert client.get(f"{ADDRESS}?mois=2026-10").status_code == 200
    with row_security.acting_as(make.INTERNAL, now=world.now):
        traced = AuditEvent.objects.filter(operation="activity.export", role_id__isnull=False)
        assert list(traced.values_list("entity", flat=True)) == ["2026-10.xlsx"]
