"""An approved version becomes a document of the record (CDA level 1), replaced by the next."""

import pytest
from django.urls import reverse

from carbet.coordination.care_plans.tests import factories
from carbet.coordination.documents.models import Document, File
from carbet.core import row_security
from carbet.core.actor import internal
from carbet.interop import cda
from carbet.interop.cda.tests import official

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(world, monkeypatch):
    monkeypatch.setattr("carbet.core.clock.now", lambda: world.now)


@pytest.fixture
def desk(world):
    desk = factories.begin(world)
    desk.add(need="Se déplacer", goal="Marcher", action="Kiné")
    desk.propose()
    desk.approve()
    return desk


def everything(model):
    with row_security.acting_as(internal("test")):
        return list(model.objects.order_by("pk"))


def url(desk, name, *more):
    return reverse(f"care_plans:{name}", args=[desk.patient_id, *more])


def content(file):
    with row_security.acting_as(internal("test")):
        held = list(file.pieces.filter(rank__gt=0).order_by("rank").values_list("data", flat=True))
    assert file.sealed_with == 0
    return b"".join(bytes(each) for each in held)


def test_a_version_is_filed_once_and_the_next_replaces_it(desk, sign_in):
    world = desk.world
    client = sign_in(world.accounts["nurse"], role=world.roles["nurse"])
    assert "Classer dans les documents" in client.get(url(desk, "version", 1)).content.decode()
    for _ in range(2):
        answer = client.post(url(desk, "file_version", 1), follow=True)
        assert "Produit par Carbet" in answer.content.decode()
    [document] = everything(Document)
    assert (document.type, document.set_version, document.category) == ("18776-5", 1, 3)
    [file] = everything(File)
    data = content(file)
    assert cda.findings(data) == []
    if official.SCHEMA.exists():
        assert cda.schema_errors(data, official.SCHEMA) == []
    read = cda.read(data)
    assert read.body.data.startswith(b"%PDF-")
    assert str(read.header.legal_authenticator.name) == "Yann Le Bihan"

    desk.add(need="Manger", goal="Varier", action="Courses")
    desk.propose()
    desk.approve()
    client.post(url(desk, "file_version", 2))
    [document] = everything(Document)
    assert (document.set_version, document.version) == (2, 2)
    second = cda.read(content(everything(File)[1])).header
    assert second.set_id == read.header.set_id
    assert (second.version, second.replaces.identifier) == (2, read.header.identifier)
    late = client.post(url(desk, "file_version", 1), follow=True)
    assert "Une version plus récente" in late.content.decode()
    assert client.post(url(desk, "file_version", 9)).status_code == 404


def test_who_writes_in_no_record_files_nothing(desk, sign_in):
    world = desk.world
    client = sign_in(world.accounts["far_nurse"], role=world.roles["far_nurse"])
    assert client.post(url(desk, "file_version", 1)).status_code == 404
    assert everything(Document) == []
