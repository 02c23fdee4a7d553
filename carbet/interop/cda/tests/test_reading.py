"""Documents are read whole, and nothing hostile in them acts."""

import contextlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from carbet.interop import cda
from carbet.interop.cda import entries, safety
from carbet.interop.cda.tests import official
from carbet.interop.cda.tests.factories import CLAIRE, INS, letter, structured

REFUSED = {
    "empty": b"  ",
    "not xml": b"MSH|^~\\&|A",
    "truncated": letter()[:-40],
    "another xml": b"<a xmlns='urn:hl7-org:v3'/>",
    "style sheet without document": b"<xsl:stylesheet xmlns:xsl='http://www.w3.org/1999/XSL/Transform'/>",
    "doctype": b"<?xml version='1.0'?><!DOCTYPE ClinicalDocument><ClinicalDocument/>",
    "doctype after a comment": b"<!-- <a> --><?x ?>\n<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
    "external entity": b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
    "unknown entity": b"<ClinicalDocument xmlns='urn:hl7-org:v3'>&x;</ClinicalDocument>",
    "utf-16": "<?xml version='1.0' encoding='utf-16'?><!DOCTYPE a><a/>".encode("utf-16"),
    "utf-16 without mark": "<!DOCTYPE a><a/>".encode("utf-16-le"),
    "utf-7": b"<?xml version='1.0' encoding='utf-7'?>+ADw-+ACE-DOCTYPE a+AD4-",
    "deep": b"<a>" * 5000 + b"</a>" * 5000,
    "wide": b"<a>" + b"<b/>" * 650_000 + b"</a>",
    "attributes": b"<a " + b" ".join(b'a%d=""' % n for n in range(610_000)) + b"/>",
    "too long": b"<a>" + b"x" * (25 * 1024 * 1024) + b"</a>",
    "spoilt base64": letter().replace(b'representation="B64">', b'representation="B64">A'),
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_what_is_hostile_or_spoilt_is_refused_in_french(data):
    with pytest.raises(cda.UnreadableDocument) as refusal:
        cda.read(data)
    assert re.search(r"\w{4,}", str(refusal.value))


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_no_bytes_crash_the_reader(data):
    for spoilt in (data, letter()[:200] + data, letter().replace(b"DR", data)):
        with contextlib.suppress(cda.UnreadableDocument):
            cda.read(spoilt)


def test_a_level_one_document_gives_its_header_and_its_pdf():
    document = cda.read(letter())
    header = document.header
    assert header.patient == CLAIRE
    assert header.patient.ins.extension == INS
    assert (header.type.code, header.title) == ("11490-0", "Lettre de sortie")
    assert header.authors[0].rpps == "99900000011"
    assert header.authors[0].organization.finess == "970300026"
    assert (header.services[0].setting.code, header.encounter.facility.code) == (
        "ETABLISSEMENT",
        "SA01",
    )
    assert document.body.media_type == "application/pdf"
    assert document.body.data.startswith(b"%PDF-")
    assert "Lettre de sortie" in cda.plain_text(document)


def test_latin_9_is_read():
    data = letter().decode().replace("UTF-8", "iso-8859-15").encode("iso-8859-15")
    assert cda.read(data).header.patient.birth_family == "RÉGIS"


@pytest.mark.parametrize(
    ("narrative", "page"),
    [
        ("<script>alert(1)</script>fin", "fin"),
        ("&lt;script&gt;", "&lt;script&gt;"),
        ("<paragraph onclick='x()'>a</paragraph>", "<p>a</p>"),
        ("<content styleCode='Bold'>a<br/>b</content>", "<strong>a<br>b</strong>"),
        ("<linkHtml href='javascript:alert(1)'>ici</linkHtml>", "ici"),
        ("<linkHtml href='&quot; onmouseover=&quot;x'>ici</linkHtml>", "ici"),
        (
            "<linkHtml href='https://a.example/?b&amp;c'>ici</linkHtml>",
            '<a href="https://a.example/?b&amp;c" rel="noopener noreferrer nofollow">ici</a>',
        ),
        ("<list listType='ordered'><item>a</item></list>", "<ol><li>a</li></ol>"),
        (
            (
                "<table><thead><tr><th colspan='2'>A</th></tr></thead>"
                "<tbody><tr><td rowspan='99999'>b</td></tr></tbody></table>"
            ),
            (
                '<table><thead><tr><th scope="col" colspan="2">A</th></tr></thead>'
                "<tbody><tr><td>b</td></tr></tbody></table>"
            ),
        ),
        ("<iframe xmlns='http://www.w3.org/1999/xhtml' src='x'>a</iframe>", "a"),
        ("<renderMultiMedia referencedObject='p1'/>", "[p1]"),
    ],
)
def test_the_narrative_becomes_a_closed_list_of_elements(narrative, page):
    document = cda.read(structured(f"<title>T</title><text>{narrative}</text>"))
    made = cda.to_html(document.sections[0].narrative, picture=lambda name: f"[{name}]")
    assert made == page


def test_results_say_their_range_and_how_to_read_them():
    document = cda.read(
        structured(
            "<title>Biologie</title><text><content ID='r1'>TSH</content></text>"
            "<entry><observation classCode='OBS' moodCode='EVN'><code nullFlavor='UNK'>"
            "<originalText><reference value='#r1'/></originalText></code>"
            "<effectiveTime value='202611200830-0300'/>"
            "<value xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:type='PQ' value='7.4'"
            " unit='mUI/L'/><interpretationCode code='H'/><referenceRange><observationRange>"
            "<value xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:type='IVL_PQ'>"
            "<low value='0.4' unit='mUI/L'/><high value='4' unit='mUI/L'/></value>"
            "</observationRange></referenceRange></observation></entry>"
        )
    )
    (table,) = document.tables
    assert table.kind == "results"
    assert table.rows == (("TSH", "7,4 mUI/L", "0,4 mUI/L à 4 mUI/L", "Élevé", "20/11/2026"),)


@official.needed
@pytest.mark.parametrize("path", official.EXAMPLES, ids=lambda path: path.stem)
def test_every_official_example_is_read(path):
    data = path.read_bytes()
    document = cda.read(data)
    header = document.header
    assert header.type.code
    assert header.title
    assert header.effective_at
    assert header.authors
    assert header.encounter.facility
    assert header.patient.ins
    assert header.patient.birth_family
    assert header.patient.first_given
    assert header.patient.birth_date
    assert document.body or document.sections
    for section in document.sections:
        if section.narrative is not None:
            page = cda.to_html(section.narrative)
            assert not re.search(r"<(?!/?(p|br|sub|sup|table|thead|tbody|tfoot|tr|th|td|li|ul|ol|"
                                 r"strong|em|a|caption)\b)", page)  # fmt: skip
    # A key that is wrong upstream is said; nothing else is wrong in them.
    assert {each.why for each in cda.findings(data)} <= {"INS mal formé, ou clé fausse"}
    assert cda.schema_errors(data, official.SCHEMA) == []


# How often, in the two parts of one treatment.
CHANGING = (
    "à partir du 01/12/2023 pendant 2 jours toutes les 8 h",
    "à partir du 03/12/2023 pendant 4 jours toutes les 12 h",
)


@pytest.mark.parametrize(
    ("name", "kind", "cells"),
    [
        (
            "BIO-CR-BIO_2024.01_TSH_1.xml",
            "results",
            ("7,67 pg/mL", "9,30 pg/mL à 17,00 pg/mL", "Bas", "02/04/2014"),
        ),
        ("BIO-CR-BIO_2024.01_TSH_1.xml", "results", ("1,950 mUI/L", "0,270 mUI/L à 4,200 mUI/L")),
        ("VSM_1.4_2022.01.xml", "treatments", ("PLAVIX 75 mg", "2 comprimé(s)", "Voie orale")),
        ("VSM_1.4_2022.01.xml", "allergies", ("PARACETAMOL",)),
        ("VSM_1.4_2022.01.xml", "problems", ("Angine de poitrine instable", "11/08/2019")),
        (
            "VAC_2023.01.xml",
            "vaccinations",
            ("4456668", "28/09/2009", "n° 1", "Fièvre due à des médicaments"),
        ),
        (
            "eP-MED-DM_2024.01_PosoStruct.xml",
            "treatments",
            (
                "PARACETAMOL MYLAN 500 mg, comprimé",
                "1 comprimé(s)",
                ", ".join(CHANGING),
            ),
        ),
        ("CANCER-FRCP_2022.01_Appareil.xml", "problems", ("Tumeur maligne, SAI", "29/01/2019")),
        (
            "CANCER-FRCP_2022.01_Appareil.xml",
            "findings",
            ("Nature de la discussion", "RCP Appareil - Organes"),
        ),
        ("CANCER-FRCP_2022.01_Appareil.xml", "findings", ("Phase du cancer", "Rechute du cancer")),
        ("CANCER-FRCP_2022.01_Appareil.xml", "findings", ("Quorum RCP", "Quorum atteint")),
        ("CANCER-FRCP_2022.01_Appareil.xml", "plan", ("Radiothérapie", "Proposé", "20/02/2019")),
        ("CANCER-FRCP_2022.01_Transversale.xml", "plan", ("Demande d'examen ou de suivi",)),
        (
            "CANCER-PPS_2022.01_feuille-de-style-externe.xml",
            "findings",
            ("TNM Clinique N", "Envahissement de 1 à 2 ganglions lymphatiques régionaux"),
        ),
        (
            "CANCER-PPS_2022.01_feuille-de-style-externe.xml",
            "findings",
            ("Statut du document", "approuvé"),
        ),
        (
            "CANCER-PPS_2022.01_feuille-de-style-externe.xml",
            "plan",
            ("Soin oncologique de support", "Proposé", "01/10/2019", "31/12/2019"),
        ),
        (
            "CANCER-PPS_2022.01_feuille-de-style-externe.xml",
            "plan",
            ("Accompagnement social ou socioprofessionnel", "20/01/2021"),
        ),
    ],
)
def test_the_entries_that_matter_are_tables(name, kind, cells):
    tables = [t for t in cda.read(official.example(name)).tables if t.kind == kind]
    assert any(set(cells) <= set(row) for table in tables for row in table.rows)


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        ("1", "7"),
        ("m[IU]/L", "7 mUI/L"),
        ("ug/mL", "7 µg/mL"),
        ("umol/L", "7 µmol/L"),
        ("10*9/L", "7 10⁹/L"),
        ("mm[Hg]", "7 mmHg"),
        ("Cel", "7 °C"),
        ("{pack}/a", "7 paquet(s)/an"),
        ("mg/d", "7 mg/jour"),
        ("mo", "7 mois"),
        ("wk", "7 semaines"),
        ("d", "7 jours"),
        ("h", "7 h"),
    ],
)
def test_a_unit_is_said_as_on_paper(unit, said):
    value = etree.fromstring(f'<value value="7" unit="{unit}"/>')
    assert entries._quantity(value) == said


def test_a_bounded_reader_says_its_bounds():
    assert safety.LARGEST_DOCUMENT == 25 * 1024 * 1024


def test_what_a_vaccine_caused_is_said_with_it_and_is_no_problem_of_its_own():
    document = cda.read(official.example("VAC_2023.01.xml"))
    assert {table.kind for each in document.sections for table in each.tables} == {"vaccinations"}
