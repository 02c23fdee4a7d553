"""The page of what the rules propose, as members of the circle meet it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from carbet.coordination.detection.models import DetectedIssue
from carbet.core import clock, row_security
from carbet.core.actor import internal

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient(world, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: world.now)
    return world.circle("nurse", "home_help").patient


@pytest.fixture
def open_as(world, sign_in):
    return lambda key: sign_in(world.accounts[key], role=world.roles[key])


def propose(world, patient, rule="weight_loss", **given):
    said = {
        "category": 1,
        "reason": "4,1 kg perdus en un mois. Seuil : 5 %.",
        "evidence": [{"kind": "measure", "id": 1, "at": world.now.isoformat(), "label": "61,4 kg"}],
        "latest_at": world.now,
        "identified_at": world.now,
    }
    with row_security.acting_as(internal("test"), now=world.now, operation="test"):
        return DetectedIssue.objects.create(patient=patient, rule=rule, **(said | given))


def page_of(patient):
    return reverse("detection:of_patient", args=[patient.pk])


def test_the_page_says_why_and_the_answer_needs_words(world, patient, open_as):
    issue = propose(world, patient)
    client = open_as("gp")
    page = client.get(page_of(patient)).content.decode()
    assert "4,1 kg perdus en un mois" in page
    assert reverse("notebook:measures", args=[patient.pk]) in page
    url = reverse("detection:judge", args=[patient.pk, issue.pk])
    refused = client.post(url, {"text": " ", "ecarter": "1"})
    assert refused.status_code == 422
    assert "Dites ce qui est fait" in refused.content.decode()
    assert client.post(url, {"text": "Bilan prescrit", "ecarter": "1"}).status_code == 302
    page = client.get(page_of(patient)).content.decode()
    assert "Rien à signaler" in page
    assert "Bilan prescrit" in page


def test_a_second_answer_is_told_who_was_first_and_loses_nothing(world, patient, open_as):
    issue = propose(world, patient)
    url = reverse("detection:judge", args=[patient.pk, issue.pk])
    open_as("nurse").post(url, {"text": "J’appelle le médecin"})
    answer = open_as("gp").post(url, {"text": "Je passe demain"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "déjà été pris en compte par Inès Robeiri" in page
    assert "Je passe demain" in page


@pytest.mark.parametrize("text", ["\x00", "a" * 20_000, "\ud800"])
def test_strange_signs_get_a_message(world, patient, open_as, text):
    issue = propose(world, patient)
    url = reverse("detection:judge", args=[patient.pk, issue.pk])
    sent = text.encode("utf-8", "surrogatepass")
    answer = open_as("gp").post(
        url, b"text=" + sent, content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code in (302, 422)


def test_a_social_member_neither_reads_nor_answers_a_medical_proposal(world, patient, open_as):
    issue = propose(world, patient)
    propose(world, patient, "missed_visits", category=2, reason="Deux rendez-vous manqués.")
    client = open_as("home_help")
    page = client.get(page_of(patient)).content.decode()
    assert "rendez-vous manqués" in page
    assert "perdus" not in page
    url = reverse("detection:judge", args=[patient.pk, issue.pk])
    assert client.post(url, {"text": "Vu"}).status_code == 404


def test_the_front_page_shows_what_waits_to_who_manages(world, patient, open_as):
    propose(world, patient)
    assert "Signaux à regarder" in open_as("gp").get(reverse("home")).content.decode()
    assert "Signaux à regarder" not in open_as("nurse").get(reverse("home")).content.decode()


@pytest.mark.parametrize("count", [1, 40])
def test_the_number_of_queries_does_not_grow(world, patient, open_as, count):
    propose(world, patient)
    for number in range(count):
        propose(
            world,
            patient,
            "falls",
            status="final",
            judged_at=world.now - timedelta(days=number),
            judgement="Vu",
        )
    client = open_as("gp")
    with CaptureQueriesContext(connection) as captured:
        assert client.get(page_of(patient)).status_code == 200
    asked = [one["sql"] for one in captured if "SAVEPOINT" not in one["sql"]]
    assert len(asked) <= 8, asked
