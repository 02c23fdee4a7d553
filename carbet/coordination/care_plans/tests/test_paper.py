"""The plan on paper: tagged, lasting, whole, whatever people wrote."""

import io
from dataclasses import replace
from datetime import UTC, date, datetime

import pypdf
import pytest
import typst

from carbet.coordination.care_plans import queries
from carbet.coordination.care_plans.presenters import paper
from carbet.coordination.care_plans.queries import Version, Who
from carbet.coordination.care_plans.rules import (
    ActionContent,
    Content,
    GoalContent,
    NeedContent,
)
from carbet.registries.patients.models import Patient, PatientIdentifier

CLAIRE = Patient(
    birth_family="Régis",
    used_family="Montgénie",
    birth_given=["Claire", "Marie"],
    gender="female",
    birth_date=date(1951, 3, 14),
    ins_recovered=True,
    identity_checked=True,
)
INS = PatientIdentifier(
    system="urn:oid:1.2.250.1.213.1.4.8", value="251039730200797", type_code="INS-NIR"
)
NEED = NeedContent(
    1,
    "Se déplacer seule",
    "autonomy",
    (
        GoalContent(
            2,
            "Marcher jusqu’au jardin",
            "20 m",
            date(2027, 3, 1),
            "active",
            (ActionContent(3, "Kiné", 4, "Marc Tianon", "2 fois par semaine", date(2027, 1, 31)),),
        ),
    ),
)
VERSION = Version(
    number=2,
    approved_at=datetime(2026, 11, 22, 12, 5, tzinfo=UTC),
    approved_by=Who(1, "Yann Le Bihan", "Médecin généraliste", "Cabinet du Larivot"),
    comment="",
    content=Content("Rester chez moi.", date(2027, 5, 1), (NEED,)),
    author="Arya Sampaio, Coordonnatrice",
)


def printed(version=VERSION, ins=None):
    return pypdf.PdfReader(
        io.BytesIO(paper.pdf(paper.sheet(patient=CLAIRE, ins=ins, version=version)))
    )


def text(reader):
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def test_it_is_tagged_in_french_and_says_the_standards_it_keeps():
    reader = printed()
    root = reader.trailer["/Root"]
    assert "/StructTreeRoot" in root
    assert root["/MarkInfo"]["/Marked"]
    assert str(root["/Lang"]).startswith("fr")
    metadata = root["/Metadata"].get_data().decode()
    assert "<pdfaid:part>2</pdfaid:part>" in metadata
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in metadata
    assert "<pdfuaid:part>1</pdfuaid:part>" in metadata
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]


def test_headings_and_tables_are_tagged():
    roles, waiting = set(), [printed().trailer["/Root"]["/StructTreeRoot"]]
    while waiting:
        node = waiting.pop().get_object()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            roles.add(str(node.get("/S", "")))
            if "/K" in node:
                waiting.append(node["/K"])
    assert {"/H1", "/H2", "/H3", "/Table", "/TH", "/TD"} <= roles


def test_the_title_names_nobody():
    reader = printed()
    assert reader.metadata.title == "Plan personnalisé de coordination en santé"
    assert "Montg" not in str(reader.metadata)


def test_it_says_who_and_what():
    said = text(printed())
    for words in (
        "Régis",
        "Claire, Marie",
        "14/03/1951",
        "Version 2, approuvée le 22 novembre 2026 à 9 h 05",
        "Rester chez moi.",
        "Marcher jusqu’au jardin",
        "Marc Tianon",
        "31/01/2027",
        "Page 1 sur 1",
        "Démonstration",
    ):
        assert words in said


def test_the_ins_is_printed_when_it_may_leave_only():
    assert INS.value in text(printed(ins=INS))
    assert "INS" not in text(printed())


@pytest.mark.parametrize(
    ("traits", "leaves"),
    [
        ({}, True),
        ({"identity_checked": False}, False),
        ({"ins_recovered": False}, False),
        ({"identity_attributes": ["DOUT"]}, False),
    ],
)
def test_the_ins_of_a_doubtful_identity_stays(monkeypatch, traits, leaves):
    monkeypatch.setattr("carbet.registries.patients.queries.identifiers_of", lambda **_: [INS])
    patient = Patient(
        **{"ins_recovered": True, "identity_checked": True, "identity_attributes": []} | traits
    )
    assert (queries.ins_of(patient=patient) is INS) is leaves


@pytest.mark.parametrize(
    "words",
    [
        "😀 👨‍👩‍👧 ok",
        "مرحبا بالعالم et שלום",
        "中文 日本語 한국어",
        "\x07\x00 \ue000 \ud7ff\U000e0001",
        "= titre\n#panic() *gras* $x$ \\ ```",
        "mot" * 1300,
    ],
)
def test_nothing_that_people_write_stops_the_press(words):
    content = replace(VERSION.content, person_words=words, needs=(replace(NEED, text=words[:500]),))
    said = text(printed(replace(VERSION, content=content)))
    assert "Marcher jusqu’au jardin" in said
    if "#panic" in words:
        assert "#panic() *gras* $x$" in said


def test_a_sign_that_cannot_be_drawn_is_a_box_and_the_page_says_so(monkeypatch):
    bare = typst.Fonts(include_system_fonts=False)
    monkeypatch.setattr("carbet.core.paper._fonts", lambda: bare)
    content = replace(VERSION.content, person_words="Dire 中文 et 😀, puis مرحبا.")
    said = text(printed(replace(VERSION, content=content)))
    assert "Dire □□ et □, puis" in said
    assert "certains signes ne peuvent pas être imprimés" in said
    assert "certains signes" not in text(printed())


def test_forty_needs_fill_several_pages():
    needs = tuple(replace(NEED, id=number, text=f"Besoin {number}") for number in range(40))
    reader = printed(replace(VERSION, content=replace(VERSION.content, needs=needs)))
    assert len(reader.pages) > 5
    said = text(reader)
    assert "Besoin 39" in said
    assert f"Page 2 sur {len(reader.pages)}" in said
    # A lost page finds its record.
    assert "Régis (Montgénie) Claire" in reader.pages[3].extract_text()
