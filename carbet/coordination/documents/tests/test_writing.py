"""Letters and sheets written here: ordinary documents of the record, CDA level 1, once."""

import uuid

import pytest
from django.urls import reverse

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
def care_team(world):
    return world.circle("coordinator", "nurse")


@pytest.fixture
def nurse(world, sign_in):
    return sign_in(world.accounts["nurse"], role=world.roles["nurse"])


def everything(model):
    with row_security.acting_as(internal("test")):
        return list(model.objects.order_by("pk"))


def read_last():
    file = everything(File)[-1]
    with row_security.acting_as(internal("test")):
        held = list(file.pieces.filter(rank__gt=0).order_by("rank").values_list("data", flat=True))
    data = b"".join(bytes(each) for each in held)
    assert cda.findings(data) == []
    if official.SCHEMA.exists():
        assert cda.schema_errors(data, official.SCHEMA) == []
    document = cda.read(data)
    assert document.body.data.startswith(b"%PDF-")
    return document.header


def letter(world, **typed):
    return {
        "gesture": str(uuid.uuid4()),
        "recipient": world.roles["gp"].pk,
        "type": "96349-6",
        "title": "Avis sur la plaie",
        "text": "Cher confrère,\n\nMerci de voir <b>Claire</b>.\n#panic()",
        "visibility": "circle",
    } | typed


def test_a_letter_is_filed_once_with_its_addressee(world, care_team, nurse):
    here = reverse("documents:letter", args=[care_team.patient_id])
    assert nurse.get(here).status_code == 200
    typed = letter(world)
    for _ in range(2):
        answer = nurse.post(here, typed, follow=True)
        assert "Avis sur la plaie" in answer.content.decode()
    [document] = everything(Document)
    assert (document.type, document.origin, document.set_version) == ("96349-6", "written", 1)
    header = read_last()
    assert [str(each.name) for each in header.recipients] == ["Yann Le Bihan"]
    assert (header.type.code, header.title) == ("96349-6", "Avis sur la plaie")


WRONG = {
    "recipient": {"recipient": ""},
    "addressee": {"addressee": "Dr Autre"},
    "title": {"title": "a\x00"},
    "text": {"text": "x" * 20_000},
    "type": {"type": "11506-9"},
    "stranger": {"recipient": "999999"},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_said_at_the_field_and_nothing_is_filed(world, care_team, nurse, wrong):
    here = reverse("documents:letter", args=[care_team.patient_id])
    answer = nurse.post(here, letter(world, **WRONG[wrong]))
    assert answer.status_code == 422
    assert wrong in answer.context["form"].errors or wrong == "stranger"
    assert everything(Document) == []


def test_signs_of_any_script_are_kept_or_boxed(world, care_team, nurse):
    here = reverse("documents:letter", args=[care_team.patient_id])
    text = "مرحبا ‮abc 𝔘 \ue000 👩‍⚕️ Ꮳ"
    assert nurse.post(here, letter(world, title="Ünï 日本 « & »", text=text)).status_code == 302
    assert read_last().title == "Ünï 日本 « & »"


def test_the_circle_sheet_replaces_the_former_one(world, care_team, nurse):
    here = reverse("documents:file_circle_sheet", args=[care_team.patient_id])
    key = str(uuid.uuid4())
    for gesture in (key, key, str(uuid.uuid4())):
        assert nurse.post(here, {"gesture": gesture}).status_code == 302
    [document] = everything(Document)
    assert (document.type, document.set_version, document.version) == ("FICHE-CONTACTS", 2, 2)
    header = read_last()
    assert (header.version, header.type.system) == (2, "1.2.250.1.213.1.1.4.12")
    nurse.post(here, {"gesture": "?"})
    assert len(everything(File)) == 2


def test_a_gesture_never_files_for_two_persons(world, care_team, nurse):
    other = world.circle("coordinator", "nurse", birth_family="Kwasi", birth_given=["Johanes"])
    typed = letter(world)
    for number, status in ((care_team.patient_id, 302), (other.patient_id, 422)):
        here = reverse("documents:letter", args=[number])
        assert nurse.post(here, typed).status_code == status
    [document] = everything(Document)
    assert document.patient_id == care_team.patient_id


def test_the_emergency_sheet_is_filed_by_who_reads_medical_data(world, care_team, nurse, sign_in):
    here = reverse("situations:file_sheet", args=[care_team.patient_id])
    sheet = nurse.get(reverse("situations:sheet", args=[care_team.patient_id]))
    assert here in sheet.content.decode()
    assert nurse.post(here, {"gesture": str(uuid.uuid4())}).status_code == 302
    [document] = everything(Document)
    assert (document.type, document.category) == ("74207-2", 3)
    assert read_last().title == "Fiche d’urgence"
    stranger = sign_in(world.accounts["far_nurse"], role=world.roles["far_nurse"])
    assert stranger.post(here, {"gesture": str(uuid.uuid4())}).status_code == 404
