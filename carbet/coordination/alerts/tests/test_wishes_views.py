"""The pages of wishes, of one alert's steps, of the duty rota."""

import uuid
from datetime import timedelta

import pytest
from django.urls import reverse

from carbet.coordination.alerts import operations
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.alerts.models import AlertPersonRule, AlertSetting, OnCallShift
from carbet.core import row_security

from .conftest import HOUSE
from .test_dispatch import ENDPOINT, browser_keys

pytestmark = pytest.mark.django_db

WISHES = {
    "quiet": "on",
    "quiet_from": "21:00",
    "quiet_until": "06:30",
    "urgent_passes": "on",
    "digest": "on",
    "digest_at": "08:00",
    "kind_note": ["mail"],
    "kind_urgent_note": ["push", "mail", "sms"],
    "kind_glass": ["push", "mail", "sms"],
}


@pytest.fixture(autouse=True)
def clock(monkeypatch, world):
    monkeypatch.setattr("carbet.core.clock.now", lambda: world.now)


@pytest.fixture
def gp(sign_in, world):
    return sign_in(world.accounts["gp"], role=world.roles["gp"])


@pytest.fixture
def coordinator(sign_in, world):
    return sign_in(world.accounts["coordinator"], role=world.roles["coordinator"])


def kept(model):
    with row_security.acting_as(HOUSE):
        return model.objects.get()


def test_wishes_are_kept_and_shown_again(gp, world):
    answer = gp.post(reverse("alerts:preferences"), WISHES | {"phone": "06 94 12 34 56"})
    assert answer["Location"] == reverse("alerts:preferences")
    setting = kept(AlertSetting)
    assert setting.owner == world.roles["gp"].key
    assert setting.phone == "0694123456"
    assert setting.channels["note"] == ["mail"]
    # What follows our defaults is not frozen.
    assert "urgent_note" not in setting.channels
    assert setting.for_structure is False
    page = gp.get(reverse("alerts:preferences")).content.decode()
    assert 'name="kind_note" value="mail" checked' in page
    assert 'value="21:00"' in page
    assert "ce qui serait parti" in page


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"phone": "12"}, "dix chiffres"),
        ({"phone": "\u202e0694"}, "dix chiffres"),
        ({"quiet_from": "25:00"}, "heure valide"),
        ({"kind_note": ["pigeon"]}, "pigeon"),
        ({"phone": "0" * 5000}, "20 caractères"),
    ],
)
def test_wishes_that_cannot_be_are_said_and_nothing_is_kept(gp, changed, said):
    answer = gp.post(reverse("alerts:preferences"), WISHES | changed)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    with row_security.acting_as(HOUSE):
        assert not AlertSetting.objects.exists()


def test_a_browser_is_added_by_its_address(gp):
    where = reverse("alerts:add_device")
    sent = {"endpoint": ENDPOINT, "label": "<b>Firefox</b>", **browser_keys()}
    assert gp.post(where, sent).status_code == 201
    page = gp.get(reverse("alerts:preferences")).content.decode()
    assert "&lt;b&gt;Firefox" in page
    for bad in ({}, sent | {"endpoint": "https://evil.example/"}, sent | {"p256dh": "x"}):
        answer = gp.post(where, bad)
        assert answer.status_code == 422
        assert answer.json()["message"]


def test_one_alert_tells_its_steps_and_is_answered_for(gp, world, urgent):
    care_team = world.circle("nurse", "physio")
    watch = urgent("gp", patient_id=care_team.patient_id)
    watch.climb(minutes=20)
    where = reverse("alerts:detail", args=[watch.of("gp").pk])
    page = gp.get(where).content.decode()
    assert "Marc Tianon" in page
    assert "Sans lecture : transmise à" in page
    assert watch.of("gp").read_at is None
    taken = gp.post(reverse("alerts:take", args=[watch.of("gp").pk]), follow=True)
    assert "vous vous en occupez" in taken.content.decode()
    assert "Je ne peux plus" in taken.content.decode()
    listed = gp.get(reverse("alerts:list") + "?vue=toutes").content.decode()
    assert "Yann Le Bihan s’en occupe" in listed
    given_back = gp.post(reverse("alerts:release", args=[watch.of("gp").pk]), follow=True)
    assert "Je m’en occupe" in given_back.content.decode()


def test_whoever_may_not_see_the_person_is_given_a_number_to_call(coordinator, world, urgent):
    world.roles["nurse"].phone = "0694111213"
    world.roles["nurse"].save()
    care_team = world.circle("nurse")
    watch = urgent("coordinator", patient_id=care_team.patient_id)
    page = coordinator.get(
        reverse("alerts:detail", args=[watch.of("coordinator").pk])
    ).content.decode()
    assert "Montgénie" not in page
    assert "Inès Robeiri" in page
    assert "06 94 11 12 13".replace(" ", "\N{NO-BREAK SPACE}") in page or "94" in page


def test_choosing_for_a_person(gp, world, urgent):
    care_team = world.circle("nurse")
    watch = urgent("gp", patient_id=care_team.patient_id)
    where = reverse("alerts:person", args=[watch.of("gp").pk])
    gp.post(where, {"choice": "urgent"})
    assert kept(AlertPersonRule).choice == "urgent"
    gp.post(where, {"choice": "x"})
    assert kept(AlertPersonRule).choice == "urgent"
    assert "Montgénie" in gp.get(reverse("alerts:preferences")).content.decode()


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ("", 3),
        ("?urgentes=1", 1),
        ("?genre=note", 2),
        ("?genre=x", 3),
        ("?genre=note&urgentes=1", 0),
    ],
)
def test_filters(gp, urgent, asked, count):
    urgent("gp")
    for _ in range(2):
        urgent("gp", kind=AlertKind.NOTE, is_urgent=False)
    page = gp.get(reverse("alerts:list") + asked).content.decode()
    assert page.count('class="row-title"') == count
    if not count:
        assert "Enlever les filtres" in page


@pytest.mark.parametrize("count", [1, 20])
def test_pages_cost_the_same_whatever_happened(
    gp, world, urgent, count, django_assert_max_num_queries
):
    care_team = world.circle("nurse", "physio")
    for _ in range(count):
        watch = urgent("gp", patient_id=care_team.patient_id)
        watch.dispatch()
    # The savepoint of the test's transaction counts for two.
    for where, most in (
        (reverse("alerts:list"), 5),
        (reverse("alerts:detail", args=[watch.of("gp").pk]), 8),
        (reverse("alerts:preferences"), 7),
    ):
        with django_assert_max_num_queries(most + 2):
            gp.get(where)


def test_the_rota_is_planned_and_cancelled(coordinator, world):
    where = reverse("alerts:duty")
    assert "Personne n’est d’astreinte maintenant" in coordinator.get(where).content.decode()
    shift = {
        "gesture": str(uuid.uuid4()),
        "role": world.roles["coordinator"].pk,
        "starts_at": "2026-11-22T08:00",
        "ends_at": "2026-11-23T08:00",
    }
    for _ in range(2):
        assert coordinator.post(where, shift).status_code == 302
    planned = kept(OnCallShift)
    # Eight in the morning in Cayenne.
    assert planned.starts_at == world.now - timedelta(hours=1)
    assert "En cours" in coordinator.get(where).content.decode()
    refused = coordinator.post(
        where, shift | {"gesture": str(uuid.uuid4()), "ends_at": "2026-11-22T07:00"}
    )
    assert refused.status_code == 422
    assert "La fin doit suivre le début" in refused.content.decode()
    coordinator.post(reverse("alerts:cancel_shift", args=[planned.pk]))
    assert kept(OnCallShift).cancelled_at is not None


def test_another_team_s_shift_does_not_exist(sign_in, world):
    shift = operations.add_shift(
        actor=world.actor("coordinator"),
        now=world.now,
        role_id=world.roles["coordinator"].pk,
        starts_at=world.now,
        ends_at=world.now + timedelta(hours=8),
        gesture=uuid.uuid4(),
    )
    gp = sign_in(world.accounts["gp"], role=world.roles["gp"])
    assert gp.post(reverse("alerts:cancel_shift", args=[shift.pk])).status_code == 403
    assert gp.get(reverse("alerts:duty")).status_code == 403


def test_the_worker_of_the_site_is_served_at_the_root(client):
    answer = client.get("/sw.js")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/javascript")
    assert answer["Cache-Control"] == "no-cache"
