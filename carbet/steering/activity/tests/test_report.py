"""The monthly report: tagged, lasting, the figures of the page, their definitions."""

import io
from datetime import date

import pypdf
import pytest
from django.urls import reverse

from carbet.core import row_security
from carbet.core.models import AuditEvent
from carbet.steering.activity import presenters
from carbet.steering.activity.presenters import report
from carbet.steering.activity.tests import factories as make
from carbet.steering.activity.tests.test_files import sheet_of
from carbet.steering.activity.tests.test_sums import a_year
from carbet.steering.activity.tests.test_views import many

pytestmark = pytest.mark.django_db

PAGE, PDF = reverse("activity:report"), reverse("activity:report_pdf")


@pytest.fixture(autouse=True)
def at_noon(world, monkeypatch):
    monkeypatch.setattr("carbet.core.clock.now", lambda: world.now)


@pytest.fixture
def arya(world, sign_in):
    return sign_in(world.accounts["coordinator"], role=world.roles["coordinator"])


def printed(answer):
    assert answer["Content-Type"] == "application/pdf"
    return pypdf.PdfReader(io.BytesIO(answer.content))


def words(reader):
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


@pytest.mark.parametrize("reader", ["coordinator", "agency"])
def test_the_report_says_the_figures_of_the_page(world, sign_in, reader):
    a_year(world)
    many(world, 6, "97304")
    client = sign_in(world.accounts[reader], role=world.roles[reader])
    text = words(printed(client.get(f"{PDF}?mois=2026-11")))
    sheet = sheet_of(world, reader)
    for table in sheet.tables:
        title = table.definition.title
        assert title in text
        held = text[text.index(f"{title} {table.summary} ".replace("  ", " ")) :]
        for row in table.rows:
            line = f"{presenters.label(table, row.label)} {presenters.number(row.count)}"
            assert " ".join(line.split()) in held, (title, line)
    assert ("Arya Sampaio" in text) == (reader == "coordinator")
    assert ("n. c. : non communiqué" in text) == (reader == "agency")
    assert "Page 1 sur" in text


def test_every_figure_is_defined_at_the_end(world, sign_in):
    for reader in ("agency", "coordinator"):
        client = sign_in(world.accounts[reader], role=world.roles[reader])
        text = words(printed(client.get(f"{PDF}?mois=2026-10")))
        end = text[text.index("Ce que chaque chiffre compte") :]
        for table in sheet_of(world, reader, date(2026, 10, 1)).tables:
            assert table.definition.title in end


def test_it_is_tagged_in_french_and_says_the_standards_it_keeps(world, arya):
    many(world, 2)
    root = printed(arya.get(f"{PDF}?mois=2026-11")).trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert str(root["/Lang"]).startswith("fr")
    metadata = root["/Metadata"].get_data().decode()
    assert "<pdfaid:part>2</pdfaid:part>" in metadata
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in metadata
    assert "<pdfuaid:part>1</pdfuaid:part>" in metadata
    roles, waiting = set(), [root["/StructTreeRoot"]]
    while waiting:
        node = waiting.pop().get_object()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            roles.add(str(node.get("/S", "")))
            if "/K" in node:
                waiting.append(node["/K"])
    assert {"/H1", "/H2", "/H3", "/Table", "/TH", "/TD"} <= roles


def test_a_name_is_text_and_never_an_instruction(world, arya):
    many(world, 1)
    with make.writing(world.now):
        practitioner = world.roles["coordinator"].practitioner
        practitioner.given, practitioner.civility = "#panic() *gras* $x$ مرحبا", ""
        practitioner.save()
    assert "#panic() *gras* $x$" in words(printed(arya.get(f"{PDF}?mois=2026-11")))


@pytest.mark.parametrize(
    ("month", "said"),
    [
        ("2026-12", "Ce mois n’a pas commencé : choisissez novembre 2026 ou un mois passé."),
        ("9999-01", "Ce mois n’a pas commencé"),
        ("2026-13", "Indiquez l’année et le mois"),
        ("1999-12", "Indiquez l’année et le mois"),
        ("hier", "Indiquez l’année et le mois"),
        ("٢٠٢٦-٠١", "Indiquez l’année et le mois"),
        ("%00", "Le caractère nul"),
        ("1" * 20_000, "Indiquez l’année et le mois"),
        ("", "Choisissez un mois."),
    ],
)
def test_a_month_that_is_none_or_to_come_is_refused_with_a_sentence(arya, month, said):
    for address in (PAGE, PDF):
        answer = arya.get(f"{address}?mois={month}")
        assert answer.status_code == 422
        text = answer.content.decode()
        assert said in text.replace("&#x27;", "’")
        assert 'aria-invalid="true"' in text
        assert "rapport.pdf" not in text


def test_the_month_before_is_proposed_and_one_without_anything_says_so(world, arya):
    text = arya.get(PAGE).content.decode()
    assert "Rapport de octobre 2026" not in text
    assert "Rapport d’octobre 2026" in text
    assert "le rapport dirait des zéros" in text
    assert "n’est pas fini" not in text
    many(world, 1)
    # What waits today is of no month.
    patient = world.circle(birth_family="Attend").patient
    with make.writing(world.now):
        make.a_request(world, patient, "2026-11-03")
    make.follow(world.now)
    assert "dirait des zéros" in arya.get(f"{PAGE}?mois=2026-10").content.decode()
    text = arya.get(f"{PAGE}?mois=2026-11").content.decode()
    assert "Rapport de novembre 2026" in text
    assert "dirait des zéros" not in text
    assert "n’est pas fini" in text
    assert report.PROVISIONAL in words(printed(arya.get(f"{PDF}?mois=2026-11")))
    # An empty report is a report all the same.
    assert "Rien à compter ce mois." in words(printed(arya.get(f"{PDF}?mois=2026-09")))


def test_it_asks_the_same_queries_whatever_it_counts(world, arya, django_assert_max_num_queries):
    many(world, 1)
    for address in (PAGE, PDF):
        arya.get(f"{address}?mois=2026-11")
    counts = []
    for _ in range(2):
        for address in (PAGE, PDF):
            with django_assert_max_num_queries(8) as asked:
                arya.get(f"{address}?mois=2026-11")
            counts.append(len(asked))
        many(world, 9, "97302")
    assert counts[:2] == counts[2:]


def test_its_door_is_that_of_the_page_and_its_leaving_is_traced(world, sign_in):
    nurse = sign_in(world.accounts["nurse"], role=world.roles["nurse"])
    for address in (PAGE, PDF):
        assert nurse.get(address).status_code == 403
    agency = sign_in(world.accounts["agency"], role=world.roles["agency"])
    agency.get(f"{PDF}?mois=2026-10")
    with row_security.acting_as(make.INTERNAL, now=world.now):
        traced = AuditEvent.objects.filter(operation="activity.export", role_id__isnull=False)
        assert list(traced.values_list("entity", flat=True)) == ["2026-10.pdf"]
