"""A decision of the person with its proof: a paper or a signature, and who spoke for her."""

import uuid
from hashlib import sha256

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.care_teams.models import Consent, RelatedPerson
from carbet.coordination.documents.models import Document, File, Piece
from carbet.coordination.documents.rules import signature
from carbet.coordination.documents.rules.content import UnknownContent
from carbet.coordination.documents.tests.factories import PDF, located_photo
from carbet.coordination.documents.tests.test_operations import everything
from carbet.core import clock
from carbet.core.actor import DataCategory
from carbet.core.models import AuditEvent

pytestmark = pytest.mark.django_db
TRACED = "10,20 40,90 80,30 120,90;200,100 300,110"


@pytest.fixture
def care_team(world, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: world.now)
    care_team = world.circle("nurse", "home_help")
    world.later(minutes=5)
    return care_team


@pytest.fixture
def open_as(world, sign_in):
    return lambda key: sign_in(world.accounts[key], role=world.roles[key])


def decide(care_team):
    return reverse("documents:decide", args=[care_team.patient_id])


def said(**given):
    return {
        "decision": "permit",
        "given_by": "person",
        "note": "Informée à domicile",
        "gesture": str(uuid.uuid4()),
    } | given


def paper(content=PDF, name="accord.pdf"):
    return SimpleUploadedFile(name, content, content_type="text/html")


def latest():
    return everything(Consent)[-1]


def relative(world, care_team, **given):
    asked = {"family": "Aluku", "given": "Josette", "role": "NOK", "relationship": "DAUC"} | given
    return care_teams.add_related_person(
        actor=world.actor("gp"), now=world.now, care_team=care_team, phone="0694123456", **asked
    ).related_person


def circle_page(client, care_team):
    page = client.get(reverse("care_teams:detail", args=[care_team.patient_id]))
    return page.content.decode()


def test_a_gesture_records_one_decision_of_one_person(world, care_team, open_as):
    nurse, asked = open_as("nurse"), said()
    other = world.circle("nurse", birth_family="Kwasi", birth_given=["Johanes"])
    before = len(everything(Consent))
    assert nurse.post(decide(care_team), asked).status_code == 302
    assert nurse.post(decide(care_team), asked).status_code == 302
    elsewhere = nurse.post(decide(other), asked | {"file": paper()})
    assert elsewhere.status_code == 422
    assert "Ce formulaire a déjà servi" in elsewhere.content.decode()
    assert len(everything(Consent)) == before + 1
    assert latest().patient_id == care_team.patient_id
    assert (latest().proof_document, everything(Document)) == (None, [])


def test_a_paper_proves_a_decision_and_is_read_by_the_circle(world, care_team, open_as):
    nurse = open_as("nurse")
    answer = nurse.post(decide(care_team), said(file=paper()))
    assert answer.status_code == 302
    consent = latest()
    [document] = everything(Document)
    assert consent.proof_kind == "file"
    assert consent.proof_document == document.pk
    assert consent.proof_digest == sha256(PDF).hexdigest()
    assert document.type == "59284-0"
    assert document.category == DataCategory.ADMINISTRATIVE.value
    assert document.attached_to == "consent"
    page = circle_page(nurse, care_team)
    assert consent.proof_digest[:16] in page
    # A home help reads no medical data, and does read what proves the agreement.
    home_help = open_as("home_help")
    link = reverse("documents:detail", args=[care_team.patient_id, document.pk])
    assert link in circle_page(home_help, care_team)
    assert home_help.get(link).status_code == 200
    stranger = open_as("far_nurse")
    assert stranger.get(link).status_code == 404
    content = reverse("documents:content", args=[care_team.patient_id, document.pk, 1])
    assert stranger.get(content).status_code == 404
    # It stands with the decision, not alone in the timeline; the trace says it was joined.
    assert everything(AuditEvent, operation="consent.prove")


def test_a_signature_is_drawn_here_under_what_was_agreed(care_team, open_as):
    assert open_as("gp").post(decide(care_team), said(signature=TRACED)).status_code == 302
    consent = latest()
    [file] = everything(File)
    assert (consent.proof_kind, file.media_type) == ("signature", "image/png")
    assert consent.proof_digest == file.digest
    assert everything(Piece)


def test_the_picture_holds_the_words_and_the_strokes(tmp_path):
    strokes = signature.read(TRACED)
    said_only = signature.draw([[(0, 0), (0, 0)]], ["Je suis d’accord."])
    drawn = signature.draw(strokes, ["Je suis d’accord."])
    for name, data in (("a", said_only), ("b", drawn)):
        (tmp_path / name).write_bytes(data)
    with Image.open(tmp_path / "a") as before, Image.open(tmp_path / "b") as after:
        assert before.size == after.size
        dark = [sum(picture.convert("L").histogram()[:90]) for picture in (before, after)]
    assert dark[0] > 200
    assert dark[1] > dark[0] + 1000


def test_each_letter_of_a_name_is_drawn():
    # Two letters without a drawing of their own would show as the same box.
    letters = "éïçãŒ’"
    pictures = {signature.draw([[(0, 0), (0, 0)]], [letter]) for letter in letters}
    assert len(pictures) == len(letters)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("<script>", "illisible"),
        ("10,20 30", "illisible"),
        ("10,20;", "illisible"),
        ("-1,2 3,4", "illisible"),
        ("999,20 10,20 11,21 12,22 13,23", "sort du cadre"),
        ("10,201 10,20 11,21 12,22 13,23", "sort du cadre"),
        ("10,20", "d’un trait"),
        ("10,20 " * 20_000, "trop longue"),
        ("١,٢ ٣,٤", "illisible"),
    ],
)
def test_what_is_no_signature_is_refused_with_a_sentence(text, sentence):
    with pytest.raises(UnknownContent, match=sentence):
        signature.read(text.strip() if len(text) < 100 else text)


@pytest.mark.parametrize(
    ("given", "field", "sentence"),
    [
        ({"signature": "abc"}, "signature", "illisible"),
        ({"file": paper(b"MZ\x90\x00" + b"\0" * 100, "accord.pdf")}, "file", ""),
        ({"file": paper(b"", "vide.pdf")}, "file", ""),
        ({"signature": TRACED, "file": paper()}, "file", "pas les deux"),
        ({"given_by": "representative"}, "related_person", "Choisissez qui a répondu"),
        ({"given_by": "trusted", "related_person": "999"}, "related_person", ""),
    ],
)
def test_what_is_refused_stays_at_its_field_and_writes_nothing(
    care_team, open_as, given, field, sentence
):
    before = len(everything(Consent))
    answer = open_as("gp").post(decide(care_team), said(**given))
    assert answer.status_code == 422
    assert sentence in " ".join(answer.context["form"].errors[field])
    assert "Informée à domicile" in answer.content.decode()
    assert len(everything(Consent)) == before
    assert not everything(Document)


def test_the_same_gesture_twice_is_one_decision_and_one_proof(care_team, open_as):
    client, sent = open_as("gp"), said(signature=TRACED)
    for _ in range(2):
        assert client.post(decide(care_team), sent).status_code == 302
    assert len(everything(Document)) == 1
    assert len(everything(Consent)) == 2  # with the one of the registration


def test_a_tutor_answers_as_a_person_of_the_circle_under_that_title(world, care_team, open_as):
    tutor = relative(world, care_team)
    client = open_as("gp")
    untitled = client.post(
        decide(care_team), said(given_by="representative", related_person=tutor.pk)
    )
    assert untitled.status_code == 422
    assert "à quel titre" in untitled.context["form"].errors["capacity"][0]
    sent = said(given_by="representative", related_person=tutor.pk, capacity="tutor")
    assert client.post(decide(care_team), sent | {"signature": TRACED}).status_code == 302
    consent = latest()
    assert (consent.related_person_id, consent.capacity) == (tutor.pk, "tutor")
    page = circle_page(client, care_team)
    assert "Josette Aluku" in page
    assert "tuteur ou tutrice" in page


def test_who_is_consulted_is_the_person_of_trust_whatever_is_said(world, care_team, open_as):
    trusted = relative(world, care_team, role="K", capacity="tutor")
    sent = said(given_by="trusted", related_person=trusted.pk, capacity="parent")
    assert open_as("gp").post(decide(care_team), sent).status_code == 302
    assert latest().capacity == "trusted"


def test_a_relative_of_somebody_else_is_not_offered_nor_taken(world, care_team, open_as):
    other = relative(world, world.circle(birth_family="Ailleurs"), family="Autre")
    client = open_as("gp")
    assert "Autre" not in client.get(decide(care_team)).content.decode()
    sent = said(given_by="representative", related_person=other.pk, capacity="tutor")
    assert client.post(decide(care_team), sent).status_code == 422
    with pytest.raises(care_teams.UnableToRecordConsent):
        care_teams.record_consent(
            actor=world.actor("gp"),
            now=world.now,
            patient=care_team.patient,
            decision="permit",
            given_by="representative",
            related_person=other,
            capacity="tutor",
        )


def test_a_proof_joins_later_once_and_again_when_it_was_withdrawn(world, care_team, open_as):
    [consent] = everything(Consent)
    client = open_as("nurse")
    address = reverse("documents:prove", args=[care_team.patient_id, consent.pk])
    assert address in circle_page(client, care_team)
    assert client.get(address).status_code == 200
    gesture = {"gesture": str(uuid.uuid4())}
    nothing = client.post(address, gesture)
    assert nothing.status_code == 422
    assert "Choisissez le papier signé" in nothing.context["form"].errors["file"][0]
    for _ in range(2):
        answer = client.post(address, gesture | {"file": paper(located_photo(), "a.jpg")})
        assert answer.status_code == 302
    [first] = everything(Document)
    second = {"gesture": str(uuid.uuid4()), "signature": TRACED}
    refused = client.post(address, second)
    assert refused.status_code == 422
    assert "déjà jointe" in refused.content.decode()
    withdraw = reverse("documents:withdraw", args=[care_team.patient_id, first.pk])
    client.post(withdraw, {"reason": "Mauvais papier"})
    assert client.post(address, second).status_code == 302
    [again] = everything(Consent)
    assert (again.proof_kind, len(everything(Document))) == ("signature", 2)


def test_a_decision_of_another_record_does_not_exist_here(world, care_team, open_as):
    other = world.circle(birth_family="Ailleurs")
    [elsewhere] = everything(Consent, patient_id=other.patient_id)
    address = reverse("documents:prove", args=[care_team.patient_id, elsewhere.pk])
    assert open_as("gp").get(address).status_code == 404


def test_the_representative_of_somebody_registered_enters_the_circle(world, open_as, monkeypatch):
    from carbet.coordination.care_teams.tests.test_views import registration

    monkeypatch.setattr(clock, "now", lambda: world.now)
    client, address = open_as("gp"), reverse("care_teams:register")
    sent = registration(given_by="representative")
    refused = client.post(address, sent)
    assert refused.status_code == 422
    assert {"representative_family", "representative_phone", "representative_capacity"} <= set(
        refused.context["form"].errors
    )
    assert not everything(RelatedPerson)
    named = {
        "representative_given": "Josette",
        "representative_family": "Aluku",
        "representative_phone": "0694 12 34 56",
        "representative_capacity": "parent",
    }
    assert client.post(address, sent | named).status_code == 302
    [parent] = everything(RelatedPerson)
    assert (parent.capacity, parent.phone) == ("parent", "0694123456")
    assert (latest().related_person_id, latest().capacity) == (parent.pk, "parent")
