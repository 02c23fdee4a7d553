"""Arya takes last month's report to her board: the figures, their definitions, the file."""

import io

import openpyxl
import pypdf
import pytest

pytestmark = pytest.mark.journey

ARYA = "arya.doerga@carbet.example"


def test_a_coordinator_takes_a_month_of_activity_away(enter):
    # Given Arya, before the figures of her team
    arya = enter(ARYA)
    arya.go("/pilotage/")
    arya.sees("Demandes reçues dans le mois")

    # When she asks for a month that has not begun, then for the one proposed
    arya.follow("Rapport mensuel")
    arya.sees("Le mois n’est pas fini")
    arya.go("/pilotage/rapport/?mois=2999-01")
    arya.sees("Ce mois n’a pas commencé")
    arya.press("Annuler", role="link")
    arya.go("/pilotage/rapport/")
    arya.press("Préparer")
    arya.sees("Charge par coordonnateur, âges, communes")

    # Then the report is a tagged paper that defines what it counts
    link = arya.page.get_by_role("link", name="Rapport PDF").get_attribute("href")
    answer = arya.page.request.get(arya.house.url + link)
    reader = pypdf.PdfReader(io.BytesIO(answer.body()))
    text = " ".join(" ".join(page.extract_text() for page in reader.pages).split())
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    for words in ("Charge par coordonnateur", "File active, par âge", "Ce que chaque chiffre"):
        assert words in text

    # And the workbook of the same page opens, its numbers being numbers
    arya.go("/pilotage/")
    link = arya.page.get_by_role("link", name="XLSX").get_attribute("href")
    answer = arya.page.request.get(arya.house.url + link)
    book = openpyxl.load_workbook(io.BytesIO(answer.body()), read_only=True)
    assert "File active" in book.sheetnames
    cells = [value for row in book["File active"].iter_rows(values_only=True) for value in row]
    assert any(isinstance(value, int) for value in cells)
