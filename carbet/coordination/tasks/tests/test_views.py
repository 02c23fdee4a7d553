"""The pages of tasks: one list across persons, a person's, asking, answering."""

import uuid
from datetime import date

import pytest
from django.urls import reverse

from carbet.coordination.tasks import forms, operations
from carbet.coordination.tasks.models import Task
from carbet.core import row_security
from carbet.core.actor import DataCategory, internal

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(monkeypatch, world):
    monkeypatch.setattr("carbet.core.clock.now", lambda: world.now)


@pytest.fixture
def circle(world):
    return world.circle("nurse", "physio")


@pytest.fixture
def gp(sign_in, world):
    return sign_in(world.accounts["gp"], role=world.roles["gp"])


def ask(world, circle, *, to="gp", by="nurse", **fields):
    return operations.create_task(
        actor=world.actor(by),
        now=world.now,
        patient=circle.patient,
        owner=world.roles[to].key,
        **{"text": "Renouveler l’ordonnance"} | fields,
    )


def kept():
    with row_security.acting_as(internal("test")):
        return Task.objects.get()


def test_asking_from_the_record(gp, world, circle):
    where = reverse("tasks:create", args=[circle.patient_id])
    page = gp.get(where).content.decode()
    assert "Inès Robeiri, Infirmière" in page
    sent = {
        "gesture": str(uuid.uuid4()),
        "text": "Retirer les fils \N{GRINNING FACE} שלום",
        "owner": world.roles["nurse"].key,
        "due_on": "2026-11-25",
    }
    for _ in range(2):
        assert gp.post(where, sent)["Location"] == reverse(
            "tasks:of_patient", args=[circle.patient_id]
        )
    assert kept().due_on == date(2026, 11, 25)
    listed = gp.get(reverse("tasks:list") + "?vue=demandees").content.decode()
    assert "Montgénie" in listed
    assert "שלום" in listed


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"text": ""}, "obligatoire"),
        ({"text": "x" * 301}, "300"),
        ({"owner": "role:999999"}, "choix"),
        ({"due_on": "2026-11-01"}, "déjà passé"),
        ({"due_on": "le 35"}, "date"),
        ({"gesture": "x"}, "UUID"),
    ],
)
def test_what_cannot_be_asked_is_said_and_kept_on_the_form(gp, world, circle, changed, said):
    sent = {
        "gesture": str(uuid.uuid4()),
        "text": "Retirer les fils",
        "owner": world.roles["nurse"].key,
    }
    answer = gp.post(reverse("tasks:create", args=[circle.patient_id]), sent | changed)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    if "text" not in changed:
        assert 'value="Retirer les fils"' in answer.content.decode()
    with row_security.acting_as(internal("test")):
        assert not Task.objects.exists()


def test_answering(gp, world, circle):
    task = ask(world, circle)
    where = reverse("tasks:answer", args=[task.pk])
    refused = gp.post(where, {"reponse": "refuser"})
    assert refused.status_code == 422
    assert "Dites pourquoi" in refused.content.decode()
    assert gp.post(where, {"reponse": "pigeon"}).status_code == 422
    done = gp.post(where, {"reponse": "faite", "reason": "Envoyée"}, follow=True)
    assert "Envoyée" in done.content.decode()
    again = gp.post(where, {"reponse": "faite"})
    assert again.status_code == 422
    assert "Déjà faite par Yann Le Bihan" in again.content.decode()
    assert "Rouvrir" in again.content.decode()
    gp.post(where, {"reponse": "rouvrir"})
    assert kept().status == "requested"


def test_entrusting(gp, world, circle):
    task = ask(world, circle)
    where = reverse("tasks:entrust", args=[task.pk])
    page = gp.get(where).content.decode()
    assert "Marc Tianon" in page
    assert "Yann Le Bihan, Médecin généraliste</option>" not in page
    assert gp.post(where, {"owner": "role:0"}).status_code == 422
    gp.post(where, {"owner": world.roles["physio"].key})
    assert kept().owner == world.roles["physio"].key


def test_the_list_has_late_ones_and_its_empty_states(gp, world, circle):
    for asked in ("", "?vue=demandees", "?vue=terminees", "?retard=1"):
        assert 'class="empty' in gp.get(reverse("tasks:list") + asked).content.decode()
    ask(world, circle, due_on=date(2026, 11, 22))
    assert "tone-danger" not in gp.get(reverse("tasks:list")).content.decode()
    world.later(days=1)
    page = gp.get(reverse("tasks:list") + "?retard=1").content.decode()
    assert "Renouveler" in page
    assert "En retard" in page


@pytest.mark.parametrize("count", [1, 30])
def test_pages_cost_the_same_whatever_waits(
    gp, world, circle, count, django_assert_max_num_queries
):
    for _ in range(count):
        task = ask(world, circle)
    # The savepoint of the test's transaction counts for two.
    for where, most in (
        (reverse("tasks:list"), 4),
        (reverse("tasks:list") + "?vue=terminees", 4),
        (reverse("tasks:of_patient", args=[circle.patient_id]), 7),
        (reverse("tasks:detail", args=[task.pk]), 8),
    ):
        with django_assert_max_num_queries(most + 3):
            gp.get(where)


def test_pages_follow_each_other(gp, world, circle):
    for _ in range(30):
        ask(world, circle)
    page = gp.get(reverse("tasks:list")).content.decode()
    import re

    following = re.search(r'href="(\?suite=[^"]+)"', page)[1].replace("&amp;", "&")
    assert gp.get(reverse("tasks:list") + following).content.decode().count("row-title") == 5


@pytest.mark.parametrize(
    "place", ["", "x", "~", "2026-01-01~x", "2026-99-01~1", "~1", "a~" + "9" * 30]
)
def test_an_invented_place_is_the_beginning(gp, place):
    assert forms.read_position(place, moment=False) is None
    assert gp.get(reverse("tasks:list"), {"suite": place}).status_code == 200
    assert gp.get(reverse("tasks:list"), {"suite": place, "vue": "terminees"}).status_code == 200


def test_the_front_page_says_what_waits(gp, world, circle):
    ask(world, circle)
    page = gp.get(reverse("home")).content.decode()
    assert "Mes tâches" in page
    assert "Renouveler l’ordonnance" in page


def test_who_only_reads_the_record_answers_what_is_asked_of_them(sign_in, world):
    circle = world.circle("nurse", "agency")
    reader = sign_in(world.accounts["agency"], role=world.roles["agency"])
    administrative = DataCategory.ADMINISTRATIVE.value
    task = ask(world, circle, to="agency", by="gp", category=administrative)
    page = reader.get(reverse("tasks:detail", args=[task.pk])).content.decode()
    assert "C’est fait" in page
    assert "Confier à quelqu’un" not in page
    where = reverse("tasks:answer", args=[task.pk])
    assert reader.post(where, {"reponse": "faite"}).status_code == 302
    assert kept().status == "completed"
    # What is asked of others stays theirs.
    with row_security.acting_as(internal("test"), now=world.now, operation="test"):
        Task.objects.update(
            owner=world.roles["gp"].key, status="requested", settled_at=None, settled_by=""
        )
    answer = reader.post(where, {"reponse": "faite"})
    assert answer.status_code == 422
    assert kept().status == "requested"


def test_urgent_alerts_come_first_in_the_list(gp, world, circle):
    ask(world, circle, urgent=True)
    page = gp.get(reverse("tasks:list")).content.decode()
    assert "Alertes urgentes à lire" in page
    assert (
        "Alertes urgentes à lire"
        not in gp.get(reverse("tasks:list") + "?vue=demandees").content.decode()
    )


def test_what_is_answered_elsewhere_leads_there(gp, world, circle):
    task = ask(world, circle, source="appointment:1:2", target="agenda")
    page = gp.get(reverse("tasks:detail", args=[task.pk])).content.decode()
    assert "Répondre à la demande" in page
    assert "C’est fait" not in page
    answer = gp.post(reverse("tasks:answer", args=[task.pk]), {"reponse": "faite"})
    assert answer.status_code == 422
