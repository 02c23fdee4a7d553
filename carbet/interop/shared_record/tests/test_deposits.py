"""Deposits in the shared record: of a qualified identity, not opposed, once, told on the page."""

import uuid
from dataclasses import replace

import pytest
from django.urls import reverse

from carbet.connectors import dmp
from carbet.connectors.dmp import stand_in
from carbet.coordination.care_teams.models import Consent
from carbet.coordination.documents import operations as documents
from carbet.coordination.documents.models import Document
from carbet.coordination.documents.rules import clinical
from carbet.coordination.documents.tests.factories import received
from carbet.core import clock, row_security
from carbet.core import tasks as core_tasks
from carbet.core.actor import internal
from carbet.core.models import AuditEvent, OutboxMessage
from carbet.interop.cda.tests.factories import CLAIRE, letter
from carbet.interop.shared_record.models import Deposit
from carbet.interop.shared_record.rules import Situation, why_not
from carbet.registries.patients.choices import INS_TEST
from carbet.registries.patients.models import Patient

pytestmark = pytest.mark.django_db
HOUSE = internal("test")
FIT = Situation(True, True, "1", "1", False, True)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ""),
        ({"is_current": False}, "retiré ou remplacé"),
        ({"has_opposed": True}, "s’est opposée"),
        ({"person_ins": ""}, "pas qualifiée"),
        ({"is_clinical": False}, "documents cliniques"),
        ({"document_ins": ""}, "ne porte pas l’INS"),
        ({"document_ins": "2"}, "ne porte pas l’INS"),
        ({"author_is_numbered": False}, "ni RPPS"),
    ],
)
def test_which_document_may_be_deposited(changed, said):
    refusal = why_not(replace(FIT, **changed))
    assert said in refusal
    assert bool(said) == bool(refusal)


@pytest.fixture(autouse=True)
def still(world, monkeypatch, settings, tmp_path):
    monkeypatch.setattr(clock, "now", lambda: world.now)
    monkeypatch.setattr(core_tasks, "current_time", lambda: world.now)
    settings.DMP_SANDBOX = tmp_path / "dmp"


@pytest.fixture
def patient(world):
    found = world.circle(
        "nurse", "home_help", ins=CLAIRE.ins.extension, ins_system=INS_TEST
    ).patient
    with row_security.acting_as(HOUSE, now=world.now, operation="test"):
        Patient.objects.filter(pk=found.pk).update(ins_recovered=True, identity_checked=True)
        found.refresh_from_db()
    return found


@pytest.fixture
def document(world, patient):
    data = letter()
    found, _ = documents.receive_document(
        actor=HOUSE,
        now=world.now,
        patient_id=patient.pk,
        received=received(data, "lettre.xml"),
        described=clinical.describe(data),
    )
    return found


@pytest.fixture
def page(patient, document):
    return reverse("shared_record:deposit", args=[patient.pk, document.pk])


@pytest.fixture
def doctor(world, sign_in):
    return sign_in(world.accounts["gp"], role=world.roles["gp"])


def ask(client, page, **changed):
    return client.post(page, {"was_told": "on", "gesture": uuid.uuid4()} | changed, follow=True)


def deliver():
    with row_security.acting_as(HOUSE):
        keys = list(OutboxMessage.objects.filter(topic="dmp.deposit").values_list("pk", flat=True))
    for key in keys:
        core_tasks.deliver(key)
    with row_security.acting_as(HOUSE):
        return list(OutboxMessage.objects.filter(topic="dmp.deposit").order_by("pk"))


def test_a_letter_is_deposited_once_and_its_page_says_so(doctor, page, patient):
    shown = doctor.get(page).content.decode()
    assert "Bac à sable" in shown
    gesture = uuid.uuid4()
    for _ in range(2):
        assert "En chemin" in ask(doctor, page, gesture=gesture).content.decode()
    # Another gesture for the same version is refused, and nothing more leaves.
    again = ask(doctor, page)
    assert (again.status_code, "déjà déposée" in again.content.decode()) == (422, True)
    [message] = deliver()
    assert (message.status, message.payload["carrier"]) == ("sent", "bac à sable")
    assert len(list(stand_in.kept.all())) == 1
    shown = doctor.get(page).content.decode()
    assert "Déposé" in shown
    assert "bac à sable" in shown
    with row_security.acting_as(HOUSE):
        assert AuditEvent.objects.filter(
            operation="shared_record.deposit", patient_id=patient.pk
        ).exists()
        assert Deposit.objects.count() == 1


def test_a_message_sent_twice_is_one_document(doctor, page):
    ask(doctor, page)
    deliver()
    with row_security.acting_as(HOUSE, operation="test"):
        OutboxMessage.objects.filter(topic="dmp.deposit").update(status="pending")
    [message] = deliver()
    assert (message.status, len(list(stand_in.kept.all()))) == ("sent", 1)


def test_without_telling_the_person_nothing_leaves(doctor, page):
    answer = doctor.post(page, {"gesture": uuid.uuid4()})
    assert (answer.status_code, deliver()) == (422, [])
    assert "id_was_told_error" in answer.content.decode()


def oppose(world, patient):
    with row_security.acting_as(HOUSE, now=world.now, operation="test"):
        Consent.objects.create(
            patient_id=patient.pk,
            decision="deny",
            given_by="person",
            recorded_at=world.later(minutes=1),
        )


def test_an_opposition_stops_it_even_on_its_way(world, doctor, page, patient):
    ask(doctor, page)
    oppose(world, patient)
    [message] = deliver()
    assert message.status == "failed"
    assert "opposée" in message.last_error
    assert list(stand_in.kept.all()) == []
    assert "opposée" in doctor.get(page).content.decode()


def test_an_opposition_refuses_it_at_once(world, doctor, page, patient):
    oppose(world, patient)
    assert ask(doctor, page).status_code == 422
    assert deliver() == []


def test_an_identity_that_is_not_qualified_sends_nothing(world, doctor):
    other = world.circle("nurse").patient
    doctor.post(reverse("documents:file_circle_sheet", args=[other.pk]), {"gesture": uuid.uuid4()})
    with row_security.acting_as(HOUSE):
        [sheet] = Document.objects.filter(patient_id=other.pk)
    address = reverse("shared_record:deposit", args=[other.pk, sheet.pk])
    assert "pas qualifiée" in doctor.get(address).content.decode()
    assert ask(doctor, address).status_code == 422
    assert deliver() == []


def test_a_refusal_of_the_shared_record_is_shown_by_its_code(doctor, page, monkeypatch):
    def refuses(*args, **kwargs):
        raise dmp.Refused(["XDSUnknownPatientId"], "XDSUnknownPatientId : 251039730200722")

    monkeypatch.setattr(dmp, "provide", refuses)
    ask(doctor, page)
    [message] = deliver()
    assert (message.status, message.last_error) == (
        "failed",
        "refusé par le DMP : XDSUnknownPatientId",
    )
    assert "Refusé" in doctor.get(page).content.decode()


def test_no_answer_is_tried_again(doctor, page, monkeypatch):
    monkeypatch.setattr(dmp, "provide", lambda *a, **k: (_ for _ in ()).throw(ConnectionError("x")))
    ask(doctor, page)
    [message] = deliver()
    assert (message.status, message.attempts) == ("pending", 1)


def test_the_page_costs_the_same_with_many_deposits(
    world, doctor, page, patient, document, django_assert_max_num_queries
):
    with row_security.acting_as(HOUSE, now=world.now, operation="test"):
        for number in range(2, 15):
            Deposit.objects.create(
                patient_id=patient.pk,
                document_id=document.pk,
                number=number,
                role=world.roles["gp"],
                asked_by_name="Yann Le Bihan",
                asked_at=world.now,
            )
    with django_assert_max_num_queries(20):
        doctor.get(page)
