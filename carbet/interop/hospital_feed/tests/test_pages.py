"""Pages of the feed: an operator mends without seeing anybody; carers see the stays."""

import uuid

import pytest
from django.urls import reverse

from carbet.core import clock
from carbet.interop.hospital_feed.models import FeedRoute
from carbet.interop.hospital_feed.tests.messages import adt

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(feed, sign_in):
    return sign_in(feed.world.accounts["operator"], role=feed.world.roles["operator"])


def test_the_tray_shows_what_is_wrong_and_nobody_s_name(feed, operator):
    [row] = feed.send(adt("A01", control="1", action="INSRT"))
    feed.send(adt("A03", control="2", movement="M2"))
    for address in (
        reverse("hospital_feed:tray"),
        reverse("hospital_feed:message", args=[row.pk]),
        reverse("hospital_feed:abandon", args=[row.pk]),
        reverse("hospital_feed:home"),
    ):
        page = operator.get(address).content.decode()
        for name in ("REGIS", "Régis", "CLAIRE", "Claire", "000451", "19510314"):
            assert name not in page, address
    page = operator.get(reverse("hospital_feed:tray")).content.decode()
    assert "ZBE-4 : INSERT, UPDATE ou CANCEL attendu." in page
    assert "1\xa0message attend derrière lui" in page


def test_a_message_is_replayed_or_abandoned_with_a_reason(feed, operator):
    [row] = feed.send(adt("A01", control="1", action="INSRT"))
    address = reverse("hospital_feed:abandon", args=[row.pk])
    for reason in ("", "  ", "x" * 251, "\x00\x00\x00\x00\x00\x00"):
        answer = operator.post(address, {"reason": reason})
        assert answer.status_code == 422, reason
        assert "id_reason_error" in answer.content.decode()
    assert feed.row(row.pk).status == "dead"
    assert operator.post(reverse("hospital_feed:replay", args=[row.pk])).status_code == 302
    feed.world.now = clock.now()
    feed.work()
    assert feed.row(row.pk).status == "dead"
    assert operator.post(address, {"reason": "renvoyé par l’hôpital"}).status_code == 302
    assert feed.row(row.pk).status == "abandoned"
    # Somebody else came first: said, never an error.
    answer = operator.post(reverse("hospital_feed:replay", args=[row.pk]), follow=True)
    assert "quelqu’un s’en est déjà occupé" in answer.content.decode()


# What is typed, and where the message stands.
WRONG_ROUTES = [
    ({"facility": ""}, "facility"),
    ({"facility": "x" * 101}, "facility"),
    ({"facility": "A\x00B"}, "facility"),
    ({"facility": "CHC"}, "facility"),
    ({"finess": "000000000"}, "finess"),
    ({"finess": "x" * 20_000}, "finess"),
]


@pytest.mark.parametrize(("changes", "field"), WRONG_ROUTES)
def test_a_wrong_route_is_said_at_its_field(feed, operator, changes, field):
    said = {"facility": "CHOG", "finess": "970300026", "gesture": str(uuid.uuid4())} | changes
    answer = operator.post(reverse("hospital_feed:routes"), said)
    assert answer.status_code == 422
    assert f"id_{field}_error" in answer.content.decode()
    assert FeedRoute.objects.count() == 1


def test_a_route_is_opened_once_and_closed(feed, operator):
    address = reverse("hospital_feed:routes")
    said = {"facility": "CHOG", "finess": "970300026", "gesture": str(uuid.uuid4())}
    for _ in range(2):
        assert operator.post(address, said).status_code == 302
    route = FeedRoute.objects.get(facility="CHOG")
    assert operator.post(reverse("hospital_feed:close_route", args=[route.pk])).status_code == 302
    route.refresh_from_db()
    assert not route.active


def test_carers_see_the_stays_and_what_was_taken_back(feed, sign_in):
    feed.send(
        adt("A01", control="1"),
        adt("A03", control="2", movement="M2", at="20261122090000"),
        adt("A13", control="3", movement="M2", action="CANCEL", origin="A03"),
    )
    client = sign_in(feed.world.accounts["nurse"], role=feed.world.roles["nurse"])
    page = client.get(reverse("hospital_feed:of_patient", args=[feed.patient.pk])).content.decode()
    assert "Hôpital du Larivot" in page
    assert "En cours" in page
    assert "<s>Sortie</s>" in page


@pytest.mark.parametrize("name", ["home", "tray", "routes"])
def test_pages_cost_the_same_however_many(feed, operator, name, django_assert_max_num_queries):
    address = reverse(f"hospital_feed:{name}")
    for count in (1, 30):
        feed.send(
            *(
                adt(
                    "A01",
                    control=f"{count}-{rank}",
                    action="INSRT",
                    ins="",
                    number=f"9{count}{rank}",
                )
                for rank in range(count)
            )
        )
        # Entering and leaving as the house, its savepoint and the test's, count for six.
        with django_assert_max_num_queries(6 + 5):
            assert operator.get(address).status_code == 200
    if name == "tray":
        assert b"avant=" in operator.get(address).content


def test_a_patient_s_page_costs_the_same_however_many(feed, sign_in, django_assert_max_num_queries):
    client = sign_in(feed.world.accounts["nurse"], role=feed.world.roles["nurse"])
    address = reverse("hospital_feed:of_patient", args=[feed.patient.pk])
    for count in (1, 10):
        feed.send(
            *(adt("A01", control=f"{count}-{rank}", stay=f"{count}{rank}") for rank in range(count))
        )
        # The test's own savepoint counts for two.
        with django_assert_max_num_queries(8 + 2):
            assert client.get(address).status_code == 200
