"""The order of each person is kept: what is stopped holds back what follows, and nobody else."""

import pytest

from carbet.core.operation import UnableTo, UnableToAct
from carbet.interop.hospital_feed import operations
from carbet.interop.hospital_feed.models import HospitalMessage
from carbet.interop.hospital_feed.operations import processing
from carbet.interop.hospital_feed.rules import header as headers
from carbet.interop.hospital_feed.tests.messages import adt

pytestmark = pytest.mark.django_db


def statuses(feed, taken):
    return [feed.row(each.number).status for each in taken]


def test_a_stopped_message_holds_back_those_of_the_same_person_only(feed):
    taken = feed.take(
        adt("A01", control="1", action="INSRT"),
        adt("A03", control="2", movement="M2"),
        adt("A01", control="3", ins="", number="777"),
        adt("A02", control="4", movement="M3"),
    )
    feed.work()
    assert statuses(feed, taken) == ["dead", "blocked", "held", "blocked"]
    assert feed.row(taken[1].number).behind_id == taken[0].number


def test_abandoning_lets_those_behind_go_on(feed):
    taken = feed.take(
        adt("A01", control="1", action="INSRT"),
        adt("A01", control="2", movement="M2"),
        adt("A03", control="3", movement="M3", at="20261122090000"),
    )
    feed.work()
    operations.abandon(
        actor=feed.world.actor("operator"),
        now=feed.world.now,
        message_id=taken[0].number,
        reason="renvoyé par l’hôpital",
    )
    feed.work()
    assert statuses(feed, taken) == ["abandoned", "done", "done"]
    assert "renvoyé" in feed.row(taken[0].number).reason


def test_what_waited_for_a_route_goes_in_order_once_it_is_open(feed):
    taken = feed.take(
        adt("A01", control="1", facility="CHOG"),
        adt("A03", control="2", movement="M2", at="20261122090000", facility="CHOG"),
    )
    feed.work()
    assert statuses(feed, taken) == ["dead", "blocked"]
    assert feed.row(taken[0].number).error_place == "MSH-4"
    operations.open_route(
        actor=feed.world.actor("operator"),
        now=feed.world.now,
        facility="CHOG",
        organization=feed.hospital,
    )
    feed.work()
    assert statuses(feed, taken) == ["done", "done"]


def test_what_fails_by_accident_is_tried_again_then_waits(feed, monkeypatch):
    def fails(task):
        raise RuntimeError("secret of a person")

    monkeypatch.setitem(processing._HANDLERS, "stay", fails)
    [taken] = feed.take(adt("A01", control="1"))
    for attempt in range(1, processing.MOST_ATTEMPTS + 1):
        feed.work()
        row = feed.row(taken.number)
        assert row.attempts == attempt
        assert "secret" not in row.reason
        feed.world.later(hours=2)
    assert row.status == "dead"
    monkeypatch.undo()
    operations.replay(
        actor=feed.world.actor("operator"), now=feed.world.now, message_id=taken.number
    )
    feed.work()
    assert statuses(feed, [taken]) == ["done"]


def test_an_error_leaves_nothing_half_done(feed, monkeypatch):
    monkeypatch.setattr(
        "carbet.interop.hospital_feed.operations.stays._tell",
        lambda *args, **kwargs: 1 / 0,
    )
    feed.send(adt("A01", control="1"))
    with feed.as_house():
        from carbet.interop.hospital_feed.models import Encounter, Movement

        assert Encounter.objects.count() == Movement.objects.count() == 0


def test_only_an_operator_mends(feed):
    [row] = feed.send(adt("A01", control="1", action="INSRT"))
    asked = {"actor": feed.world.actor("gp"), "now": feed.world.now, "message_id": row.pk}
    with pytest.raises(UnableToAct):
        operations.replay(**asked)
    with pytest.raises(UnableToAct):
        operations.abandon(**asked, reason="pour voir")


def test_what_is_settled_is_not_mended_again(feed):
    [row] = feed.send(adt("A01", control="1"))
    asked = {"actor": feed.world.actor("operator"), "now": feed.world.now, "message_id": row.pk}
    with pytest.raises(UnableTo, match="plus arrêté"):
        operations.replay(**asked)
    with pytest.raises(UnableTo, match="quelques mots"):
        operations.abandon(**asked, reason=" ")


def test_nobody_reads_messages_from_outside_the_house(feed):
    from carbet.core import row_security

    feed.send(adt("A01", control="1"))
    for actor in ("gp", "operator"):
        with row_security.acting_as(feed.world.actor(actor), now=feed.world.now):
            assert HospitalMessage.objects.count() == 0


def test_the_tilde_of_a_word_processor_separates_as_the_other_does(feed):
    typed = adt("A01", control="1")
    meant = typed.replace(b"~", "\u02dc".encode())
    assert meant != typed
    assert headers.order_keys(meant, facility="CHC") == headers.order_keys(typed, facility="CHC")
    taken = feed.take(meant)
    feed.work()
    assert statuses(feed, taken) == ["done"]
    # Anywhere else it is a letter like another.
    kept = adt("A02", control="2", movement="M2", unit="Unité \u02dc A")
    assert headers.text_of(kept, "UNICODE UTF-8") == kept.decode()
