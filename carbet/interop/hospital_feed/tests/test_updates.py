"""Whose numbers are crossed otherwise (ITI-10): told in order to whoever asks, as it then is."""

from contextlib import ExitStack

import pytest
from django.urls import reverse

from carbet.connectors.tests.test_mllp import serving
from carbet.core import clock, row_security, tasks
from carbet.core.actor import internal
from carbet.core.models import AuditEvent, OutboxMessage
from carbet.interop.hospital_feed import access, operations
from carbet.interop.hospital_feed import tasks as feed_tasks
from carbet.interop.hospital_feed.rules import header as headers
from carbet.interop.hospital_feed.rules import reading
from carbet.interop.hospital_feed.rules.persons import numbers_of
from carbet.interop.hospital_feed.tests.test_asking import her, opened
from carbet.interop.hospital_feed.tests.test_identities import told
from carbet.registries.identity import operations as identity
from carbet.registries.identity.models import LocalIdentity, Reconciliation

__all__ = ["her", "opened"]

pytestmark = pytest.mark.django_db
CELL = internal("cellule")
OTHER = {"family": "KWASI", "given": "JOHANES", "birth": "19881102", "sex": "M", "ins": ""}


@pytest.fixture
def heard():
    """Return what the establishment hears, and what it answers: a code, or nothing."""
    return {"messages": [], "answer": "AA"}


@pytest.fixture
def subscribed(feed, heard):
    """Return the feed, its hospital asking to be told at a true MLLP server."""

    async def keep(arrivals):
        heard["messages"] += [each.frame.data for each in arrivals]
        said = heard["answer"]
        code = said.pop(0) if isinstance(said, list) else said
        return [f"MSH|^~\\&|\rMSA|{code}|1\r".encode() for _ in arrivals]

    with serving(keep) as port:
        reroute(feed, updates_to=f"127.0.0.1:{port}")
        yield feed


def reroute(feed, **more):
    operator = feed.world.actor("operator")
    operations.close_route(actor=operator, now=feed.world.now, route_id=feed.route.pk)
    feed.route = operations.open_route(
        actor=operator,
        now=feed.world.now,
        facility="CHC",
        organization=feed.hospital,
        **more,
    )


def leave():
    """Tell what is to be told, as the worker does. Return the states of what left."""
    feed_tasks.tell_updates()
    with row_security.acting_as(access.HOUSE):
        waiting = OutboxMessage.objects.filter(topic="feed.update", status="pending")
        numbers = list(waiting.order_by("pk").values_list("pk", flat=True))
    for number in numbers:
        tasks.deliver(message_id=number)
    return states()


def states():
    with row_security.acting_as(access.HOUSE):
        rows = OutboxMessage.objects.filter(topic="feed.update").order_by("pk")
        return list(rows.values_list("status", flat=True))


def crossed(heard):
    """Return the numbers of each notification, and forget them."""
    found = []
    for data in heard["messages"]:
        said = headers.read(data, production=False)
        assert (said.fault, said.type, said.event) == (None, "ADT", "A31")
        message = reading.parse(data.decode())
        pid = message.required("PID")
        assert pid.field(5) == "~^^^^^^S"
        found.append(sorted(number.value for number in numbers_of(pid, 3)))
    heard["messages"].clear()
    return found


def two(feed):
    feed.send(
        told("A28", control="1", number="1", **OTHER),
        told("A28", control="2", number="2", **OTHER | {"given": "ODILON", "birth": "19700505"}),
    )


def test_linked_then_parted_both_numbers_are_told_each_time(subscribed, heard):
    two(subscribed)
    subscribed.send(told("A24", control="3", number="1", second="2", **OTHER))
    assert leave() == ["sent"]
    assert crossed(heard) == [["1", "2"], ["1", "2"]]
    subscribed.send(told("A37", control="4", number="1", second="2", **OTHER))
    assert leave() == ["sent", "sent"]
    assert crossed(heard) == [["1"], ["2"]]


def test_a_number_of_elsewhere_is_told_only_where_the_record_is_open(subscribed, heard):
    subscribed.send(told("A28", control="1", number="1", **OTHER))
    with subscribed.as_house():
        place = identity.open_domain(
            actor=CELL, now=subscribed.world.now, slug="chog", name="CHOG", oid="1.2.3.4"
        )
        [row] = LocalIdentity.objects.filter(number="1")
        domain = row.domain
    identity.link(
        actor=CELL, now=subscribed.world.now, domain=place, first="9",
        second_domain=domain, second="1",
    )  # fmt: skip
    # Neither name nor number of elsewhere: what it may know has not changed.
    assert leave() == ["sent"]
    assert crossed(heard) == []


def test_what_it_may_know_is_told_and_the_reading_traced(subscribed, her, heard):
    assert set(leave()) == {"sent"}
    assert {"000451", "BL-9"} <= set(crossed(heard)[-1])
    with row_security.acting_as(access.HOUSE):
        read = AuditEvent.objects.filter(operation="feed.update", patient_id=her.pk)
        assert {event.outcome for event in read} == {AuditEvent.Outcome.SUCCESS}


def test_off_unless_its_route_says_where(feed, heard):
    two(feed)
    feed.send(told("A24", control="3", number="1", second="2", **OTHER))
    assert leave() == []


def test_only_what_is_decided_from_then_on(feed, heard):
    two(feed)
    feed.send(told("A24", control="3", number="1", second="2", **OTHER))
    with ExitStack() as stack:
        port = stack.enter_context(serving(lambda arrivals: None))
        reroute(feed, updates_to=f"127.0.0.1:{port}")
        assert leave() == []


def test_a_line_that_is_cut_is_tried_again_in_order(subscribed, heard):
    two(subscribed)
    heard["answer"] = "??"
    subscribed.send(told("A24", control="3", number="1", second="2", **OTHER))
    assert leave() == ["pending"]
    subscribed.send(told("A37", control="4", number="1", second="2", **OTHER))
    # The second waits for the first: nothing overtakes.
    assert leave() == ["pending"]
    crossed(heard)
    heard["answer"] = "AA"
    # Parted meanwhile: it may have taken what left without an answer, and is told what is true.
    assert leave() == ["sent"]
    assert crossed(heard) == [["1"], ["2"]]
    assert leave() == ["sent", "sent"]
    assert crossed(heard) == []


def test_sent_again_it_bears_the_same_number(subscribed, heard):
    two(subscribed)
    subscribed.send(told("A24", control="3", number="1", second="2", **OTHER))
    heard["answer"] = ["AA", "??", "AA", "AA"]
    assert leave() == ["pending"]
    assert leave() == ["sent"]
    numbers = [headers.read(data, production=False).control_id for data in heard["messages"]]
    assert numbers[:2] == numbers[2:]
    assert len(set(numbers)) == 2


def test_one_that_is_refused_does_not_keep_the_others(subscribed, heard):
    two(subscribed)
    subscribed.send(told("A24", control="3", number="1", second="2", **OTHER))
    heard["answer"] = ["AE", "AA"]
    assert leave() == ["failed"]
    assert len(heard["messages"]) == 2
    with row_security.acting_as(access.HOUSE):
        [row] = OutboxMessage.objects.filter(topic="feed.update")
    assert row.last_error == "refusé par l’établissement : 1 identités"
    # What follows is told all the same.
    heard["messages"].clear()
    heard["answer"] = "AA"
    subscribed.send(told("A37", control="4", number="1", second="2", **OTHER))
    assert leave()[-1] == "sent"
    assert crossed(heard) == [["1"], ["2"]]


def test_undone_it_is_told_again(subscribed, heard):
    two(subscribed)
    subscribed.send(told("A24", control="3", number="1", second="2", **OTHER))
    leave()
    crossed(heard)
    with subscribed.as_house():
        link = Reconciliation.objects.get(kind="link")
    identity.undo(actor=CELL, now=clock.now(), reconciliation_id=link.pk, reason="Deux hommes")
    assert leave() == ["sent", "sent"]
    assert crossed(heard) == [["1"], ["2"]]


def test_merged_only_the_number_in_use_is_told(subscribed, heard):
    subscribed.send(told("A28", control="1", number="1", **OTHER))
    subscribed.send(told("A40", control="2", number="1", merged="2", **OTHER))
    leave()
    assert crossed(heard) == []


def test_the_address_is_asked_of_the_operator_and_shown(feed, sign_in):
    client = sign_in(feed.world.accounts["operator"])
    page = client.get(reverse("hospital_feed:routes")).content.decode()
    assert "Adresse des identités croisées" in page
    answer = client.post(
        reverse("hospital_feed:routes"),
        {
            "facility": "KZ",
            "finess": feed.hospital.finess,
            "updates_to": "ailleurs",
            "gesture": "6f9619ff-8b86-d011-b42d-00c04fc964ff",
        },
    )
    assert answer.status_code == 422


def test_many_decisions_leave_a_few_at_a_time(subscribed, heard, monkeypatch):
    monkeypatch.setattr("carbet.interop.hospital_feed.operations.updates.MOST_DECISIONS", 1)
    two(subscribed)
    for rank in range(3):
        event = ("A24", "A37")[rank % 2]
        subscribed.send(told(event, control=f"x{rank}", number="1", second="2", **OTHER))
    while leave().count("sent") < 3:
        pass
    assert crossed(heard)[-2:] == [["1", "2"], ["1", "2"]]
