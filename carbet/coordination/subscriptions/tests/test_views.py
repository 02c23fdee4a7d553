"""The page that says which software is told of what about a person."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from carbet.coordination.alerts.models import Alert
from carbet.coordination.subscriptions.models import CommunicationRequest, Subscription
from carbet.core import row_security
from carbet.core.actor import internal, organization_key

pytestmark = pytest.mark.django_db
HOUSE = internal("test")


@pytest.fixture(autouse=True)
def clock(monkeypatch, world):
    monkeypatch.setattr("carbet.core.clock.now", lambda: world.now)


@pytest.fixture
def circle(world):
    return world.circle("nurse")


def subscribe(world, circle, count=1):
    with row_security.acting_as(HOUSE, now=world.now, operation="test"):
        for number in range(count):
            row = Subscription.objects.create(
                patient_id=circle.patient_id,
                organization=world.places["nursing"],
                event_type="SOR",
                channel="email",
                endpoint="pierre.durand@aphp.example",
                subscriber_name="Pierre Durand",
                start_at=world.now,
                subscribed_at=world.now,
                digest=str(number),
                created_at=world.now,
                updated_at=world.now,
            )
            CommunicationRequest.objects.create(
                patient_id=circle.patient_id,
                event_type="SOR",
                event_at=world.now,
                authored_on=world.now,
                requester_name="CH de Cayenne",
                source=f"test:{number}",
                recorded_at=world.now,
                updated_at=world.now,
            )
    return row


def test_the_empty_page_says_how_software_subscribes(world, circle, sign_in):
    nurse = sign_in(world.accounts["nurse"], role=world.roles["nurse"])
    page = nurse.get(reverse("subscriptions:of_patient", args=[circle.patient_id]))
    assert "Aucun logiciel abonné" in page.content.decode()


@pytest.mark.parametrize("count", [1, 30])
def test_the_page_costs_the_same_whatever_their_number(world, circle, sign_in, count):
    subscribe(world, circle, count)
    gp = sign_in(world.accounts["gp"], role=world.roles["gp"])
    with CaptureQueriesContext(connection) as captured:
        page = gp.get(reverse("subscriptions:of_patient", args=[circle.patient_id]))
    asked = [one["sql"] for one in captured if "SAVEPOINT" not in one["sql"]]
    assert len(asked) <= 8, asked
    text = page.content.decode()
    assert text.count("Pierre Durand</bdi>") == count
    assert "pierre.durand" not in text
    assert "…@aphp.example" in text


def test_who_manages_the_record_stops_one_and_its_structure_is_told(world, circle, sign_in):
    row = subscribe(world, circle)
    where = reverse("subscriptions:stop", args=[circle.patient_id, row.pk])
    nurse = sign_in(world.accounts["nurse"], role=world.roles["nurse"])
    assert nurse.post(where).status_code == 404
    gp = sign_in(world.accounts["gp"], role=world.roles["gp"])
    for _ in range(2):
        assert gp.post(where).status_code == 302
    with row_security.acting_as(HOUSE, now=world.now):
        row.refresh_from_db()
        told = Alert.objects.filter(kind="subscription")
        assert (row.status, row.stop_reason) == ("off", "arrêté par Yann Le Bihan")
        assert [each.recipient for each in told] == [organization_key(world.places["nursing"].pk)]


def test_the_subscription_of_another_person_is_not_stopped_from_here(world, circle, sign_in):
    row = subscribe(world, circle)
    other = world.circle(birth_family="Autre", used_family="")
    gp = sign_in(world.accounts["gp"], role=world.roles["gp"])
    assert (
        gp.post(reverse("subscriptions:stop", args=[other.patient_id, row.pk])).status_code == 404
    )
