"""Alerts are seen by their recipients only, marked as read once, and told to open screens."""

from datetime import timedelta

import pytest
from django.db import DatabaseError

from carbet.coordination.alerts import operations, queries
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.alerts.models import Alert
from carbet.core import row_security
from carbet.core.actor import internal
from carbet.core.models import AuditEvent, LiveEvent
from carbet.core.operation import operation

pytestmark = pytest.mark.django_db


@operation("test.alert", action="E")
def raise_some(trace, *, actor, now, **fields):
    operations.raise_alert(actor=actor, now=now, **fields)
    trace.about(entity="test")


@pytest.fixture
def alert(world):
    """Return a function that raises an alert by the nurse, to the doctor unless said."""

    def alert(*to, by="nurse", kind=AlertKind.NOTE, patient_id=None, **fields):
        keys = [world.roles[key].key if key in world.roles else key for key in to or ("gp",)]
        raise_some(
            actor=world.actor(by),
            now=world.now,
            recipients=keys,
            kind=kind,
            patient_id=patient_id,
            **fields,
        )

    return alert


def seen(world, key, **asked):
    actor = world.actor(key)
    with row_security.acting_as(actor, now=world.now):
        return queries.alerts_for(actor=actor, **asked)


def unread(world, key):
    actor = world.actor(key)
    with row_security.acting_as(actor, now=world.now):
        return queries.unread_count(actor=actor)


def test_only_the_recipient_and_who_acts_for_them_see_it(world, alert):
    alert("gp")
    assert {key: unread(world, key) for key in ("gp", "secretary", "nurse", "coordinator")} == {
        "gp": 1,
        "secretary": 1,
        "nurse": 0,
        "coordinator": 0,
    }


def test_nobody_is_alerted_of_what_they_did(world, alert):
    alert("gp", by="gp")
    assert unread(world, "gp") == 0


def test_a_record_that_closed_is_not_named(world, alert):
    care_team = world.circle("physio")
    alert("physio", by="gp", patient_id=care_team.patient_id)
    alert("other_gp", by="gp", patient_id=care_team.patient_id)
    [opened] = [a for a in seen(world, "physio").alerts if a.kind == AlertKind.NOTE]
    [closed] = seen(world, "other_gp").alerts
    assert opened.patient is not None
    assert closed.patient is None
    assert closed.patient_id == care_team.patient_id


def test_reading_marks_tells_and_traces(world, alert):
    alert("gp")
    [one] = seen(world, "gp").alerts
    later = world.later(minutes=5)
    count = operations.mark_read(actor=world.actor("gp"), now=later, alert_ids=[one.pk])
    assert count == 1
    with row_security.acting_as(internal("test")):
        one.refresh_from_db()
        assert (one.read_at, one.read_by) == (later, world.actor("gp").display_name)
        told = LiveEvent.objects.filter(recorded_at=later).values_list("recipient", "kind")
        assert list(told) == [(world.roles["gp"].key, "alert")]
        assert AuditEvent.objects.get(operation="alert.read").entity == "Alert x1"
    assert operations.mark_read(actor=world.actor("gp"), now=later, alert_ids=[one.pk]) == 0


def test_nobody_marks_another_s_alert(world, alert):
    alert("gp")
    [one] = seen(world, "gp").alerts
    assert operations.mark_read(actor=world.actor("nurse"), now=world.now, alert_ids=[one.pk]) == 0
    with row_security.acting_as(world.actor("nurse"), now=world.now, operation="test"):
        assert Alert.objects.update(read_at=world.now) == 0
    assert unread(world, "gp") == 1


def test_an_alert_is_never_deleted(world, alert):
    alert("gp")
    with pytest.raises(DatabaseError), row_security.acting_as(internal("t"), operation="test"):
        Alert.objects.all().delete()


def test_sweeping_leaves_the_urgent_ones(world, alert):
    alert("gp")
    alert("gp", kind=AlertKind.URGENT_NOTE, urgent=True)
    assert operations.mark_all_read(actor=world.actor("gp"), now=world.now) == 1
    [left] = seen(world, "gp", unread_only=True).alerts
    assert left.urgent


def test_pages_follow_each_other_without_loss_nor_repeat(world, alert):
    for number in range(60):
        if number % 3:
            world.now += timedelta(seconds=1)  # several share a moment
        to = "gp" if number % 2 else f"org:{world.places['office'].pk}"
        alert(to, target=f"notebook:{number}")
    found, before = [], None
    while True:
        page = seen(world, "gp", before=before)
        found += [(a.raised_at, a.pk) for a in page.alerts]
        before = page.next_before
        if before is None:
            break
        assert len(page.alerts) == queries.PAGE
    assert len(set(found)) == 60
    assert found == sorted(found, reverse=True)


def test_told_twice_is_one_alert_and_one_reading(world, alert):
    office = f"org:{world.places['office'].pk}"
    alert("gp", office, kind=AlertKind.URGENT_NOTE, urgent=True)
    assert unread(world, "gp") == 1
    [one] = seen(world, "gp").alerts
    assert one.recipient == world.roles["gp"].key
    assert operations.mark_read(actor=world.actor("gp"), now=world.now, alert_ids=[one.pk]) == 2
    assert unread(world, "gp") == 0
    assert seen(world, "gp", unread_only=True).alerts == []
