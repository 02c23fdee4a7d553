"""The pages of support, as the requester and the team meet them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from carbet.coordination.support import operations, queries
from carbet.coordination.support.models import Case, SupportRequest
from carbet.core import clock, row_security
from carbet.core.actor import internal

pytestmark = pytest.mark.django_db


@pytest.fixture
def now(world, monkeypatch):
    """Stop the clock of requests at the moment of the world, which moves with `world.later`."""
    monkeypatch.setattr(clock, "now", lambda: world.now)


@pytest.fixture
def patient(world, now):
    return world.circle("nurse", "home_help").patient


@pytest.fixture
def open_as(world, sign_in):
    def open_as(key):
        return sign_in(world.accounts[key], role=world.roles[key])

    return open_as


def ask(world, patient, key="gp", **given):
    asked = {
        "addressee": world.places["dac"],
        "reason": "home",
        "text": "Vit seule.",
        "gesture": uuid4(),
    }
    return operations.request_support(
        actor=world.actor(key), now=world.now, patient=patient, **(asked | given)
    )


def typed(world, **given):
    return {
        "addressee": world.places["dac"].pk,
        "reason": "home",
        "urgency": "asap",
        "text": "Vit seule depuis lundi",
        "gesture": str(uuid4()),
    } | given


def everything(model):
    with row_security.acting_as(internal("test")):
        return list(model.objects.order_by("pk"))


def test_asking_leads_to_the_request(world, patient, open_as):
    client = open_as("gp")
    page = client.get(reverse("support:create", args=[patient.pk])).content.decode()
    assert "Accord recueilli" in page
    answer = client.post(reverse("support:create", args=[patient.pk]), typed(world))
    [request] = everything(SupportRequest)
    assert answer.url == reverse("support:detail", args=[request.pk])
    assert "Vit seule depuis lundi" in client.get(answer.url).content.decode()


def test_without_agreement_the_form_asks_for_it(world, now, open_as):
    patient = world.register()
    client = open_as("gp")
    url = reverse("support:create", args=[patient.pk])
    refused = client.post(url, typed(world))
    assert refused.status_code == 422
    assert "given_by" in refused.context["form"].errors
    assert "Vit seule depuis lundi" in refused.content.decode()
    assert client.post(url, typed(world, given_by="person")).status_code == 302


def test_asking_again_leads_to_what_is_under_way(world, patient, open_as):
    url = reverse("support:create", args=[patient.pk])
    request = ask(world, patient)
    client = open_as("gp")
    page = client.get(url).content.decode()
    assert "attend déjà une réponse" in page
    assert "Envoyer la demande" not in page
    operations.accept_request(actor=world.actor("coordinator"), now=world.now, request=request)
    page = client.get(url).content.decode()
    assert "accompagne déjà cette personne" in page
    assert "Arya Sampaio" in page
    assert client.post(url, typed(world)).status_code == 422


@pytest.mark.parametrize(
    ("key", "status"),
    [("gp", 200), ("nurse", 200), ("home_help", 403), ("secretary", 403), ("other_gp", 404)],
)
def test_who_may_ask(world, patient, open_as, key, status):
    answer = open_as(key).get(reverse("support:create", args=[patient.pk]))
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("key", "status"), [("coordinator", 200), ("gp", 403), ("nurse", 403), ("agency", 403)]
)
def test_who_sees_the_list_of_the_team(world, patient, open_as, key, status):
    assert open_as(key).get(reverse("support:list")).status_code == status


@pytest.mark.parametrize(
    ("key", "status"),
    [("gp", 200), ("nurse", 200), ("coordinator", 200), ("other_gp", 404), ("far_nurse", 404)],
)
def test_who_reads_a_request(world, patient, open_as, key, status):
    request = ask(world, patient)
    client = open_as(key)
    assert client.get(reverse("support:detail", args=[request.pk])).status_code == status
    assert client.get(reverse("support:of_patient", args=[patient.pk])).status_code == status


def test_the_team_sees_the_request_and_not_the_record(world, patient, open_as):
    request = ask(world, patient)
    client = open_as("coordinator")
    page = client.get(reverse("support:detail", args=[request.pk])).content.decode()
    assert "Accepter la demande" in page
    assert client.get(reverse("notebook:list", args=[patient.pk])).status_code == 404


def test_accepting_opens_the_record(world, patient, open_as):
    request = ask(world, patient)
    client = open_as("coordinator")
    answer = client.post(reverse("support:accept", args=[request.pk]))
    [case] = everything(Case)
    assert answer.url == reverse("support:case", args=[patient.pk, case.pk])
    assert "Arya Sampaio" in client.get(answer.url).content.decode()
    assert client.get(reverse("notebook:list", args=[patient.pk])).status_code == 200
    again = client.post(reverse("support:accept", args=[request.pk]), follow=True)
    assert "déjà été acceptée par Arya Sampaio" in again.content.decode()


def test_a_request_taken_back_meanwhile_is_told_in_a_sentence(world, patient, open_as):
    request = ask(world, patient)
    client = open_as("coordinator")
    operations.withdraw_request(actor=world.actor("gp"), now=world.now, request=request)
    for name in ("accept", "redirect"):
        answer = client.post(reverse(f"support:{name}", args=[request.pk]), follow=True)
        assert answer.redirect_chain[-1][0] == reverse("support:list")
        assert "plus de réponse" in answer.content.decode()


def test_redirecting_needs_a_reason_and_closes_the_identity(world, patient, open_as):
    request = ask(world, patient)
    client = open_as("coordinator")
    url = reverse("support:redirect", args=[request.pk])
    assert client.post(url, {"reason": ""}).status_code == 422
    assert client.post(url, {"reason": "Le CLIC de Matoury"}).status_code == 302
    page = client.get(reverse("support:list"), {"etat": "reorientees"}).content.decode()
    assert "Le CLIC de Matoury" in page
    assert "Montgénie" not in page
    assert client.get(reverse("support:detail", args=[request.pk])).status_code == 404
    requester = open_as("gp").get(reverse("support:mine")).content.decode()
    assert "Le CLIC de Matoury" in requester
    assert "Montgénie" in requester


def test_only_the_requester_is_offered_to_take_back(world, patient, open_as):
    request = ask(world, patient)
    url = reverse("support:detail", args=[request.pk])
    assert "Retirer ma demande" in open_as("gp").get(url).content.decode()
    assert "Retirer ma demande" not in open_as("nurse").get(url).content.decode()
    refused = open_as("nurse").post(reverse("support:withdraw", args=[request.pk]), follow=True)
    assert "Seul le demandeur" in refused.content.decode()
    open_as("gp").post(reverse("support:withdraw", args=[request.pk]))
    assert everything(SupportRequest)[0].status == "withdrawn"


def test_closing_a_case_closes_the_record(world, patient, open_as):
    case = operations.accept_request(
        actor=world.actor("coordinator"), now=world.now, request=ask(world, patient)
    )
    world.later(days=1)
    client = open_as("coordinator")
    url = reverse("support:close", args=[patient.pk, case.pk])
    assert client.post(url, {"reason": " "}).status_code == 422
    assert client.post(url, {"reason": "Objectifs atteints"}).status_code == 422
    closed = {"reason": "Objectifs atteints", "outcome": "met", "version": case.version}
    assert client.post(url, closed).url == reverse("support:caseload")
    assert client.get(reverse("support:case", args=[patient.pk, case.pk])).status_code == 404
    page = open_as("gp").get(reverse("support:of_patient", args=[patient.pk])).content.decode()
    assert "Objectifs atteints" in page


def test_the_most_urgent_then_the_oldest_stand_first(world, now, open_as):
    expected = {}
    for number, urgency in enumerate(["routine", "asap", "urgent", "asap"]):
        patient = world.circle(birth_family=f"Famille{'ABCD'[number]}", used_family="").patient
        world.later(minutes=1)
        expected[number] = ask(world, patient, urgency=urgency).pk
    rows = open_as("coordinator").get(reverse("support:list")).context["rows"]
    assert [row.pk for row in rows] == [expected[1], expected[3], expected[2], expected[0]]
    world.later(hours=49)
    rows = open_as("coordinator").get(reverse("support:list")).context["rows"]
    assert [row.late for row in rows] == [True, True, False, False]


def test_searching_finds_the_person_despite_a_wrong_letter_and_the_requester(
    world, patient, open_as
):
    ask(world, patient)
    client = open_as("coordinator")

    def found(text):
        return len(client.post(reverse("support:list"), {"q": text}).context["rows"])

    assert [found(text) for text in ("montgenye", "le bihan", "larivot", "kouyouri")] == [
        1,
        1,
        1,
        0,
    ]


def test_pages_follow_each_other(world, now, open_as):
    pks = [
        ask(
            world,
            world.circle(birth_family=f"Nom{chr(65 + number)}").patient,
            urgency=("asap", "urgent", "routine")[number % 3],
        ).pk
        for number in range(28)
    ]
    client = open_as("coordinator")
    seen, url = [], reverse("support:list")
    while url:
        context = client.get(url).context
        seen += [row.pk for row in context["rows"]]
        url = reverse("support:list") + context["next"] if context["next"] else ""
    assert sorted(seen) == sorted(pks)
    sent = open_as("gp").get(reverse("support:mine")).context
    assert len(sent["rows"]) == 25
    rest = open_as("gp").get(reverse("support:mine") + sent["next"]).context["rows"]
    assert len({row.pk for row in (*sent["rows"], *rest)}) == 28


@pytest.mark.parametrize("count", [1, 26])
def test_the_number_of_queries_does_not_grow(world, now, open_as, count):
    for number in range(count):
        patient = world.circle(birth_family=f"Nom{chr(65 + number)}").patient
        request = ask(world, patient)
    coordinator = open_as("coordinator")
    pages = [
        (coordinator, "get", reverse("support:list"), {}),
        (coordinator, "post", reverse("support:list"), {"q": "Montgénie"}),
        (coordinator, "get", reverse("support:detail", args=[request.pk]), {}),
        (coordinator, "get", reverse("support:of_patient", args=[patient.pk]), {}),
    ]
    for client, method, url, data in pages:
        with CaptureQueriesContext(connection) as captured:
            assert getattr(client, method)(url, data).status_code == 200
        asked = [one["sql"] for one in captured if "SAVEPOINT" not in one["sql"]]
        assert len(asked) <= 8, (url, asked)
    client = open_as("gp")
    for url in (reverse("support:mine"), reverse("support:create", args=[patient.pk])):
        with CaptureQueriesContext(connection) as captured:
            assert client.get(url).status_code == 200
        asked = [one["sql"] for one in captured if "SAVEPOINT" not in one["sql"]]
        assert len(asked) <= 8, (url, asked)


def test_the_record_and_the_home_ask_in_one_query(world, patient):
    ask(world, patient)
    actor = world.actor("coordinator")
    with row_security.acting_as(actor, now=world.now):
        with CaptureQueriesContext(connection) as captured:
            [waiting] = queries.waiting_for(actor)
            [row] = queries.requests_of(patient_id=patient.pk)
        assert (str(waiting.person), waiting.total) == ("Claire Montgénie", 1)
        assert str(row.requester.practitioner) == "Yann Le Bihan"
    assert len(captured) == 2


def test_nothing_waits_for_who_does_not_triage(world, patient):
    ask(world, patient)
    with row_security.acting_as(world.actor("gp"), now=world.now):
        assert not queries.waiting_for(world.actor("gp"))


def test_a_request_late_says_so(world, patient, open_as):
    ask(world, patient, urgency="asap")
    world.now += timedelta(days=5)
    [row] = open_as("coordinator").get(reverse("support:list")).context["rows"]
    assert (row.late, row.delay) == (True, "Retard de 3 jours")
