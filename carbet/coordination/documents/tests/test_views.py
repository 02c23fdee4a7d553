"""The pages of documents, and how a file leaves: behind the door, apart from the house."""

import dataclasses
import io
from datetime import date
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from carbet.coordination.documents.models import Document, File
from carbet.coordination.documents.tests.factories import PDF, TEXT, located_photo, photo
from carbet.coordination.documents.tests.test_operations import everything, file, received
from carbet.core import clock
from carbet.core.models import AuditEvent
from carbet.interop.cda.tests.factories import CLAIRE, letter

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient(world, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: world.now)
    return world.circle("nurse", "home_help").patient


@pytest.fixture
def open_as(world, sign_in):
    return lambda key: sign_in(world.accounts[key], role=world.roles[key])


def address(name, patient, *rest):
    return reverse(f"documents:{name}", args=[patient.pk, *rest])


def sent(content=PDF, name="lettre.pdf", **given):
    return {
        "file": SimpleUploadedFile(name, content, content_type="text/html"),
        "type": "11490-0",
        "visibility": "circle",
        "confidentiality": "N",
        "gesture": str(uuid4()),
    } | given


def test_a_file_is_filed_and_leaves_as_it_came(world, patient, open_as):
    client = open_as("nurse")
    answer = client.post(address("add", patient), sent(name="Lettre de l'hôpital 🌴.pdf"))
    [document] = everything(Document)
    assert answer.url == address("detail", patient, document.pk)
    assert document.title == "Lettre de l'hôpital 🌴"
    reader = open_as("gp")
    assert "hôpital 🌴" in reader.get(answer.url).content.decode()
    gone = reader.get(address("content", patient, document.pk, 1))
    assert gone.getvalue() == PDF
    assert gone["Content-Type"] == "application/pdf"
    assert gone["Content-Disposition"].startswith("attachment; filename*=utf-8''")
    assert gone["X-Content-Type-Options"] == "nosniff"
    assert gone["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert gone["Cache-Control"] == "no-store"
    opened = everything(AuditEvent, operation="documents.open")
    assert [event.patient_id for event in opened] == [patient.pk]


def test_among_several_files_the_one_refused_is_named_and_none_is_filed(patient, open_as):
    other = dataclasses.replace(CLAIRE, birth_date=date(1950, 1, 1))
    files = [
        SimpleUploadedFile("un.pdf", PDF),
        SimpleUploadedFile("lettre.xml", letter(patient=other)),
    ]
    answer = open_as("nurse").post(address("add", patient), sent(file=files))
    assert answer.status_code == 422
    [error] = answer.context["form"].errors["file"]
    assert error.startswith("lettre.xml : ")
    assert everything(Document) == []


@pytest.mark.parametrize(("content", "name"), [(PDF, "a.pdf"), (TEXT, "a.html")])
def test_only_what_we_drew_is_shown_in_a_page(world, patient, open_as, content, name):
    document = file(world, patient, received=received(content, name))
    shown = file(world, patient, received=received(photo(), "a.svg"))
    client = open_as("gp")
    kept_apart = client.get(address("content", patient, document.pk, 1))
    assert kept_apart["Content-Disposition"].startswith("attachment")
    assert kept_apart.getvalue()
    inline = client.get(address("content", patient, shown.pk, 1))
    assert inline["Content-Disposition"].startswith("inline")
    assert inline["Content-Type"] == "image/jpeg"
    assert inline.getvalue()
    small = client.get(address("small_view", patient, shown.pk, 1))
    assert small.content.startswith(b"\xff\xd8\xff")
    assert client.get(address("small_view", patient, document.pk, 1)).status_code == 404


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"file": SimpleUploadedFile("a.pdf", b"<svg onload=x>")}, "SVG"),
        ({"file": SimpleUploadedFile("a.pdf", b"")}, "vide"),
        ({"file": ""}, "Choisissez un fichier"),
        ({"type": "999"}, "999"),
        ({"made_on": "2031-01-01"}, "futur"),
        ({"visibility": "everybody"}, "everybody"),
    ],
)
def test_a_refusal_stands_at_its_field_and_leaves_nothing(world, patient, open_as, given, sentence):
    answer = open_as("nurse").post(address("add", patient), sent(title="Mon titre", **given))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in page
    assert "Mon titre" in page
    assert not everything(Document)


def test_a_photo_leaves_its_place_at_the_door(world, patient, open_as):
    client = open_as("nurse")
    client.post(address("add", patient), sent(located_photo(), "IMG.JPG"))
    [kept] = everything(File)
    gone = client.get(address("content", patient, kept.document_id, 1))
    assert b"secret" not in gone.getvalue()


def test_a_withdrawn_document_opens_for_its_author_only(world, patient, open_as):
    document = file(world, patient)
    client = open_as("nurse")
    client.post(address("withdraw", patient, document.pk), {"reason": "Autre dossier"})
    own = client.get(address("content", patient, document.pk, 1))
    assert own.status_code == 200
    assert own.getvalue()
    gp = open_as("gp")
    assert gp.get(address("content", patient, document.pk, 1)).status_code == 404
    assert "Autre dossier" in gp.get(address("detail", patient, document.pk)).content.decode()


def test_a_document_for_professionals_does_not_exist_for_the_person(world, patient, sign_in):
    from carbet.core import grants, row_security
    from carbet.core.actor import Level, internal

    seen, hidden = file(world, patient), file(world, patient, visibility="professionals")
    with row_security.acting_as(internal("test"), operation="test.grant"):
        grants.grant(
            f"account:{world.accounts['claire'].pk}",
            patient_id=patient.pk,
            level=Level.READ,
            source="person",
            now=world.now,
        )
    client = sign_in(world.accounts["claire"])
    answer = client.get(address("content", patient, seen.pk, 1))
    assert answer.getvalue() == PDF
    assert client.get(address("content", patient, hidden.pk, 1)).status_code == 404


def test_a_new_version_by_the_page(world, patient, open_as):
    document = file(world, patient)
    client = open_as("nurse")
    typed = {
        "file": SimpleUploadedFile("b.txt", TEXT),
        "reason": "Page manquante",
        "version": "1",
    }
    answer = client.post(address("replace", patient, document.pk), typed)
    page = client.get(answer.url).content.decode()
    assert "Page manquante" in page
    assert "lettre.pdf" in page
    assert "b.txt" in page
    gp = open_as("gp")
    assert (
        "Seul l’auteur"
        in gp.get(address("replace", patient, document.pk), follow=True).content.decode()
    )


@pytest.mark.parametrize("count", [1, 30])
def test_the_number_of_queries_does_not_grow(world, patient, open_as, count):
    for number in range(count):
        file(world, patient, title=f"Lettre {number}")
    client = open_as("gp")
    with CaptureQueriesContext(connection) as captured:
        page = client.get(address("list", patient), {"q": "lettre"})
    assert len([one for one in captured if "SAVEPOINT" not in one["sql"]]) <= 8
    assert len(page.context["documents"]) == min(count, 25)
    if count > 25:
        rest = client.get(address("list", patient) + page.context["next"])
        assert len(rest.context["documents"]) == count - 25
        assert "filter" not in rest.context["next"]


def test_filters_keep_what_matches(world, patient, open_as):
    file(world, patient, title="Ordonnance", kind="57828-6")
    file(world, patient, title="Lettre", kind="11490-0")
    client = open_as("gp")

    def shown(**query):
        page = client.get(address("list", patient), query)
        return sorted(each.title for each in page.context["documents"])

    assert shown(q="ordon") == ["Ordonnance"]
    assert shown(type="11490-0") == ["Lettre"]
    assert shown(type="???", suite="x-y") == ["Lettre", "Ordonnance"]


def test_200_mb_are_refused_before_they_are_read_and_the_text_comes_back(client):
    class Endless(io.RawIOBase):
        asked = 0

        def read(self, size=-1):
            assert size > 0
            Endless.asked += size
            start = (
                b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\n'
                b"Plaie propre <b>&\xc3\xa9</b>\r\n--x\r\n"
                b'Content-Disposition: form-data; name="file"; filename="film.mp4"\r\n\r\n'
            )
            return start.ljust(size, b"\0")

    answer = client.generic(
        "POST",
        "/patients/1/documents/ajouter/",
        CONTENT_TYPE="multipart/form-data; boundary=x",
        CONTENT_LENGTH=str(200 * 1024 * 1024),
        **{"wsgi.input": Endless()},
    )
    page = answer.content.decode()
    assert answer.status_code == 413
    assert "200 Mo" in page
    assert "Plaie propre &lt;b&gt;&amp;é&lt;/b&gt;" in page
    assert Endless.asked < 1024 * 1024
