"""Clinical documents in a record: about whom, replaced, found by their words, read in the page."""

import dataclasses
import re
from uuid import UUID, uuid4

import pytest
import typst
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from carbet.coordination.documents import operations, queries, tasks
from carbet.coordination.documents.choices import DocumentStatus
from carbet.coordination.documents.models import Document, File, FileWords
from carbet.coordination.documents.rules import clinical, pdf, receiving
from carbet.coordination.documents.rules.content import UnknownContent
from carbet.coordination.documents.tests.factories import photo, received
from carbet.coordination.documents.tests.test_operations import everything, file
from carbet.core import clock, row_security
from carbet.core.actor import internal
from carbet.interop import cda
from carbet.interop.cda.tests import official
from carbet.interop.cda.tests.factories import CLAIRE, letter, structured
from carbet.registries.patients.choices import INS_TEST

pytestmark = pytest.mark.django_db
HOUSE = internal("test")
BIOLOGY = structured("<title>Biologie</title><text>Hémoglobine abaissée, à recontrôler.</text>")


def a_pdf(words="Lettre de sortie"):
    """Return a true PDF of two pages that says these words."""
    text = f"{words}\n#pagebreak()\nSuite de la lettre, clopidogrel."
    return typst.Compiler(text.encode()).compile(format="pdf")


@pytest.fixture
def patient(world, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: world.now)
    return world.circle("nurse", "home_help", ins=CLAIRE.ins.extension, ins_system=INS_TEST).patient


def arrives(world, patient, data, **given):
    said = clinical.describe(data)
    asked = {"received": received(data, "lettre.xml"), "described": said} | given
    return operations.receive_document(actor=HOUSE, now=world.now, patient_id=patient.pk, **asked)


def seen(world, patient, key="nurse", **asked):
    with row_security.acting_as(world.actor(key), now=world.now):
        return queries.documents(patient_id=patient.pk, **asked)


def test_a_letter_that_arrives_twice_is_one(world, patient):
    first, new = arrives(world, patient, letter())
    again, other = arrives(world, patient, letter())
    assert (first, new, other) == (again, True, False)
    assert len(everything(File)) == 1
    assert (first.type, first.origin, first.made_on.isoformat()) == ("11490-0", "mss", "2026-11-20")
    assert first.author_name == "DR Anne SOULIER, Centre hospitalier de Cayenne"


def test_a_later_version_replaces_and_the_former_stays(world, patient):
    set_id = cda.Identifier("2.25.900")
    one = letter(seed=901, set_id=set_id)
    two = letter(seed=902, set_id=set_id, version=2, title="Lettre corrigée")
    document, _ = arrives(world, patient, one)
    replaced, new = arrives(world, patient, two)
    assert (replaced.pk, new) == (document.pk, True)
    assert (replaced.title, replaced.version, replaced.set_version) == ("Lettre corrigée", 2, 2)
    assert [each.number for each in everything(File)] == [1, 2]
    # The first one, sent again late, adds nothing.
    assert arrives(world, patient, one)[1] is False
    assert len(everything(File)) == 2


def test_an_earlier_version_that_comes_late_is_kept_as_replaced(world, patient):
    set_id = cda.Identifier("2.25.900")
    arrives(world, patient, letter(seed=902, set_id=set_id, version=2))
    late, new = arrives(world, patient, letter(seed=901, set_id=set_id))
    assert new
    assert late.status == DocumentStatus.SUPERSEDED


def test_a_document_that_says_it_replaces_another_is_its_next_version(world, patient):
    first, _ = arrives(world, patient, letter(seed=901))
    replacing = letter(
        seed=902,
        version=2,
        replaces=cda.Replaced(cda.new_identifier(UUID(int=901))),
    )
    assert arrives(world, patient, replacing)[0].pk == first.pk


def test_who_sent_a_document_cancels_it(world, patient):
    document, _ = arrives(world, patient, letter())
    for _ in range(2):
        operations.cancel_received(
            actor=HOUSE,
            now=world.now,
            patient_id=patient.pk,
            identifier=document.identifier_value,
            reason="annulé par l’établissement",
        )
    [row] = everything(Document)
    assert row.status == DocumentStatus.ENTERED_IN_ERROR
    assert row.status_reason == "annulé par l’établissement"


OTHERS = {
    "INS": {"identifiers": (cda.Identifier("1.2.250.1.213.1.4.10", "279035121518989"),)},
    "naissance": {"birth_date": CLAIRE.birth_date.replace(day=15)},
    "nom": {"birth_family": "TIANON", "used_family": ""},
    "prénoms": {"birth_given": "ROSE", "first_given": "ROSE"},
}


@pytest.mark.parametrize(("trait", "changed"), OTHERS.items(), ids=OTHERS)
def test_a_document_about_somebody_else_is_not_filed_by_hand(world, patient, trait, changed):
    data = letter(patient=dataclasses.replace(CLAIRE, **changed))
    with pytest.raises(operations.UnableToFile, match=f"(?i){trait}") as refusal:
        file(world, patient, received=received(data, "a.xml"))
    assert refusal.value.field == "file"
    assert not everything(Document)


def test_a_document_about_her_brings_its_type_and_title(world, patient):
    document = file(world, patient, received=received(letter(), "a.xml"), title="")
    assert (document.title, document.type) == ("Lettre de sortie", "11490-0")
    with pytest.raises(operations.UnableToFile, match="déjà"):
        file(world, patient, received=received(letter(), "b.xml"))


@pytest.mark.parametrize("words", ["hemoglobine", "HÉMO recontr", "soulier", "lettre"])
def test_words_inside_find_the_document(world, patient, words):
    arrives(world, patient, BIOLOGY)
    assert len(seen(world, patient, words=words)) == 1
    assert not seen(world, patient, words="insuline")
    # The home help does not see medical documents, by no word.
    assert not seen(world, patient, "home_help", words=words)


def test_words_of_a_pdf_are_read_by_the_worker(world, patient):
    document = file(world, patient, received=received(a_pdf()), title="Sans mot")
    assert not seen(world, patient, words="clopidogrel")
    [kept] = everything(File)
    for _ in range(2):
        tasks.read_words(file_id=kept.pk)
    assert [each.pk for each in seen(world, patient, words="clopidog")] == [document.pk]
    assert len(everything(FileWords)) == 1


@pytest.mark.parametrize(
    "data", [b"%PDF-1.7 nothing", b"%PDF-" + b"\x00" * 1000], ids=["cut", "nul"]
)
def test_a_spoilt_pdf_stops_nothing(world, patient, data):
    with pytest.raises(UnknownContent):
        pdf.page(data, 1)
    file(world, patient, received=received(data))
    [kept] = everything(File)
    tasks.read_words(file_id=kept.pk)


def test_photos_of_a_paper_become_one_pdf(world, patient, sign_in):
    client = sign_in(world.accounts["nurse"], role=world.roles["nurse"])
    photos = [SimpleUploadedFile(f"p{n}.jpg", photo()) for n in (1, 2)]
    asked = {
        "file": photos,
        "title": "Ordonnance papier",
        "type": "57833-6",
        "visibility": "circle",
        "confidentiality": "N",
        "gesture": str(uuid4()),
    }
    answer = client.post(reverse("documents:add", args=[patient.pk]), asked | {"together": "on"})
    assert answer.status_code == 302
    [kept] = everything(File)
    assert kept.media_type == "application/pdf"
    with row_security.acting_as(HOUSE), queries.content(file=kept) as found:
        assert pdf.count(found.read()) == 2
    # Without it, each photo is a document; a text is no page of a paper.
    for each in photos:
        each.seek(0)
    client.post(reverse("documents:add", args=[patient.pk]), asked | {"gesture": str(uuid4())})
    assert len(everything(Document)) == 3
    with pytest.raises(UnknownContent, match="photos"):
        receiving.assemble([received(b"texte", "a.txt")])


def page_of(world, patient, document, sign_in, key="gp"):
    client = sign_in(world.accounts[key], role=world.roles[key])
    return client, client.get(reverse("documents:read", args=[patient.pk, document.pk, 1]))


def test_a_level_one_letter_is_read_in_the_page(world, patient, sign_in):
    document, _ = arrives(world, patient, letter(a_pdf()))
    client, answer = page_of(world, patient, document, sign_in)
    page = answer.content.decode()
    assert "Anne SOULIER, Médecin - Médecine générale (SM), Centre hospitalier de Cayenne" in page
    drawn = re.findall(r'src="([^"]+/page/\d+/)"', page)
    assert len(drawn) == 2
    image = client.get(drawn[1])
    assert image.content.startswith(b"\x89PNG")
    assert image["Content-Security-Policy"] == "default-src 'none'; sandbox"
    carried = client.get(reverse("documents:piece", args=[patient.pk, document.pk, 1, 0]))
    assert carried["Content-Disposition"].startswith("attachment")
    for rank in (0, 3, 99):
        wrong = reverse("documents:piece_page", args=[patient.pk, document.pk, 1, 0, rank])
        assert client.get(wrong).status_code == 404
    wrong = reverse("documents:piece", args=[patient.pk, document.pk, 1, 7])
    assert client.get(wrong).status_code == 404


@pytest.mark.parametrize("has_table", [True, False])
def test_a_table_of_the_text_wider_than_a_phone_is_moved_by_keys(
    world, patient, sign_in, has_table
):
    text = "<table><tr><td>Quorum atteint</td></tr></table>" if has_table else "Quorum atteint"
    data = structured(f"<title>Avis</title><text>{text}</text>")
    document, _ = arrives(world, patient, data)
    page = page_of(world, patient, document, sign_in)[1].content.decode()
    reached = '<div class="narrative" dir="auto" tabindex="0" role="group" aria-label="Avis">'
    assert (reached in page) == has_table


@pytest.mark.parametrize(
    ("name", "column"),
    [("VSM_1.4_2022.01.xml", "Rythme"), ("BIO-CR-BIO_2024.01_TSH_1.xml", "Valeurs de référence")],
)
def test_an_official_example_is_read_in_the_page(world, patient, sign_in, name, column):
    document, _ = arrives(world, patient, official.example(name))
    _, answer = page_of(world, patient, document, sign_in)
    page = answer.content.decode()
    assert "en tableau" in page
    # A phone shows each row as a card: each value with the name of its column.
    assert f'data-label="{column}"' in page
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("CANCER-FRCP_2022.01_Appareil.xml", "34794-8", ("Quorum RCP", "Radiothérapie")),
        ("CANCER-FRCP_2022.01_Transversale.xml", "34794-8", ("Nature de la discussion",)),
        (
            "CANCER-PPS_2022.01_feuille-de-style-externe.xml",
            "18776-5",
            ("TNM Clinique N", "Aide à domicile"),
        ),
    ],
)
def test_a_cancer_meeting_and_its_plan_are_filed_with_their_tables(
    world, patient, sign_in, name, kind, told
):
    document, _ = arrives(world, patient, official.example(name))
    assert document.type == kind
    page = page_of(world, patient, document, sign_in)[1].content.decode()
    for table in ("Constats", "Réalisé, proposé ou prévu"):
        assert table in page
    for words in told:
        assert words in page


def test_the_page_costs_the_same_however_long_the_document(world, patient, sign_in):
    costs = []
    for data in (BIOLOGY, letter(a_pdf(), seed=7)):
        document, _ = arrives(world, patient, data)
        client, _ = page_of(world, patient, document, sign_in)
        with CaptureQueriesContext(
            connection,
        ) as queries_made:
            client.get(reverse("documents:read", args=[patient.pk, document.pk, 1]))
        costs.append(len(queries_made))
    assert costs[0] == costs[1] <= 12


def test_a_home_help_reads_no_medical_document(world, patient, sign_in):
    document, _ = arrives(world, patient, letter())
    assert page_of(world, patient, document, sign_in, "home_help")[1].status_code == 404


def test_a_long_document_that_waits_on_disk_is_filed_as_a_short_one(
    world, patient, sign_in, settings
):
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1000
    client = sign_in(world.accounts["nurse"], role=world.roles["nurse"])
    answer = client.post(
        reverse("documents:add", args=[patient.pk]),
        {
            "file": [SimpleUploadedFile("a.xml", letter())],
            "type": "11490-0",
            "visibility": "circle",
            "confidentiality": "N",
            "gesture": str(uuid4()),
        },
    )
    assert answer.status_code == 302
    [document] = everything(Document)
    assert document.title == "Lettre de sortie"


def test_an_unreadable_cda_is_refused_at_the_field(world, patient, sign_in):
    client = sign_in(world.accounts["nurse"], role=world.roles["nurse"])
    hostile = b"<!DOCTYPE a [<!ENTITY x 'y'>]>" + letter()[38:]
    answer = client.post(
        reverse("documents:add", args=[patient.pk]),
        {
            "file": [SimpleUploadedFile("a.xml", hostile)],
            "type": "11490-0",
            "visibility": "circle",
            "confidentiality": "N",
            "gesture": str(uuid4()),
        },
    )
    assert answer.status_code == 422
    assert "DOCTYPE" in answer.content.decode()
