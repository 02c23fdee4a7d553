"""An urgent alert climbs until somebody reads it: the circle, then the team on duty."""

import uuid
from datetime import timedelta

import pytest

from carbet.coordination.alerts import operations
from carbet.coordination.alerts.choices import AlertKind, Closure, StepKind
from carbet.coordination.alerts.models import AlertStep, Escalation, OnCallShift
from carbet.coordination.alerts.queries import duty
from carbet.core import grants, row_security
from carbet.core.actor import Level
from carbet.core.models import AuditEvent

from .conftest import HOUSE

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def delays(settings):
    settings.ESCALATION_MINUTES = (15, 20)


@pytest.fixture
def on_duty(world):
    """Put the coordinator on duty for a day."""
    return operations.add_shift(
        actor=world.actor("coordinator"),
        now=world.now,
        role_id=world.roles["coordinator"].pk,
        starts_at=world.now,
        ends_at=world.now + timedelta(days=1),
        gesture=uuid.uuid4(),
    )


def steps(watch):
    return [(step.kind, step.who) for step in watch.kept(AlertStep)]


def test_nobody_reads_then_the_circle_then_the_team_on_duty(world, urgent, on_duty):
    care_team = world.circle("nurse", "physio")
    watch = urgent("gp", patient_id=care_team.patient_id)
    assert watch.climb(minutes=14) == []
    # The author is not told of what she wrote: the physiotherapist comes next.
    assert watch.climb(minutes=1) == [world.roles["physio"].key]
    assert watch.climb(minutes=19) == []
    assert watch.climb(minutes=1) == [world.roles["coordinator"].key]
    assert watch.escalation.next_at is None
    assert watch.climb(days=1) == []
    assert [kind for kind, _ in steps(watch)] == [
        StepKind.RAISED,
        StepKind.ESCALATED,
        StepKind.ESCALATED,
    ]
    assert "Marc Tianon" in steps(watch)[1][1]
    assert "Arya Sampaio" in steps(watch)[2][1]
    with row_security.acting_as(HOUSE):
        climbed = AuditEvent.objects.filter(
            operation="alert.escalate", patient_id=care_team.patient_id
        )
        assert climbed.count() == 2


@pytest.mark.parametrize("reader", ["gp", "physio"])
def test_whoever_reads_stops_it(world, urgent, reader):
    care_team = world.circle("nurse", "physio")
    watch = urgent("gp", "physio", patient_id=care_team.patient_id)
    operations.mark_read(actor=world.actor(reader), now=world.now, alert_ids=[watch.of(reader).pk])
    assert watch.escalation.closure == Closure.READ
    assert watch.climb(minutes=60) == []
    assert steps(watch)[-1][0] == StepKind.READ


def test_answering_for_it_stops_it_and_giving_it_back_starts_again(world, urgent):
    care_team = world.circle("nurse", "physio")
    watch = urgent("gp", "physio", patient_id=care_team.patient_id)
    gp, physio = world.actor("gp"), world.actor("physio")
    operations.take(actor=gp, now=world.now, alert=watch.of("gp"))
    assert watch.climb(minutes=60) == []
    with pytest.raises(operations.UnableToTakeAlert, match="Yann Le Bihan s’en occupe"):
        operations.take(actor=physio, now=world.now, alert=watch.of("physio"))
    with pytest.raises(operations.UnableToTakeAlert):
        operations.release(actor=physio, now=world.now, alert=watch.of("physio"))
    operations.release(actor=gp, now=world.now, alert=watch.of("gp"))
    assert watch.climb(minutes=15) != []
    kinds = [kind for kind, _ in steps(watch)]
    assert kinds[1:3] == [StepKind.TAKEN, StepKind.RELEASED]


def test_answering_twice_is_once(world, urgent):
    watch = urgent("gp")
    for _ in range(2):
        operations.take(actor=world.actor("gp"), now=world.now, alert=watch.of("gp"))
    assert [kind for kind, _ in steps(watch)].count(StepKind.TAKEN) == 1


def test_a_job_that_comes_twice_climbs_once(world, urgent):
    care_team = world.circle("nurse", "physio", "home_help")
    watch = urgent("gp", patient_id=care_team.patient_id)
    first = watch.climb(minutes=15)
    assert first
    assert watch.climb() == []
    assert watch.told(step=1) == first


def test_an_ordinary_alert_does_not_climb(urgent, world):
    watch = urgent("gp", kind=AlertKind.NOTE, is_urgent=False)
    assert watch.kept(Escalation) == []
    assert watch.climb(days=1) == []


def test_without_anybody_on_duty_the_whole_team_is_told(world, urgent):
    watch = urgent("gp", kind=AlertKind.SUPPORT_REQUEST)
    assert watch.climb(minutes=15) == [f"org:{world.places['dac'].pk}"]


def test_with_nobody_left_it_says_so(world, urgent):
    watch = urgent(f"org:{world.places['dac'].pk}", kind=AlertKind.SUPPORT_REQUEST)
    assert watch.climb(minutes=15) == []
    assert watch.escalation.closure == Closure.NOBODY
    assert steps(watch)[-1][0] == StepKind.NOBODY


def test_a_step_without_anybody_new_gives_way_to_the_next(world, urgent, on_duty):
    watch = urgent("gp", patient_id=world.register().pk)
    assert watch.climb(minutes=15) == [world.roles["coordinator"].key]


def test_the_team_in_charge_is_asked_rather_than_every_team(world, on_duty):
    patient = world.register()
    with row_security.acting_as(HOUSE, now=world.now, operation="test"):
        assert duty.keys_on_duty(patient_id=patient.pk, now=world.now) == [
            world.roles["coordinator"].key
        ]
        OnCallShift.objects.update(cancelled_at=world.now)
        grants.grant(
            f"org:{world.places['dac'].pk}",
            patient_id=patient.pk,
            level=Level.READ,
            source="support_case",
            now=world.now,
        )
        found = duty.keys_on_duty(patient_id=patient.pk, now=world.now)
    assert found == [f"org:{world.places['dac'].pk}"]


def test_who_was_not_told_sees_nothing_of_it(world, urgent):
    watch = urgent("gp")
    with row_security.acting_as(world.actor("physio"), now=world.now, operation="test"):
        assert not Escalation.objects.exists()
        assert not AlertStep.objects.exists()
        assert Escalation.objects.update(closed_at=world.now) == 0
    assert watch.escalation.closed_at is None


@pytest.mark.parametrize(
    ("role", "starts", "ends", "field"),
    [
        ("gp", 0, 8, "role"),
        ("coordinator", 8, 8, "ends_at"),
        ("coordinator", 8, 0, "ends_at"),
        ("coordinator", 0, 24 * 8, "ends_at"),
        ("coordinator", -48, -24, "ends_at"),
        ("coordinator", 24 * 400, 24 * 401, "starts_at"),
        ("coordinator", 1, 3, "role"),
    ],
)
def test_a_shift_that_cannot_be(world, on_duty, role, starts, ends, field):
    with pytest.raises(operations.UnableToPlanDuty) as refusal:
        operations.add_shift(
            actor=world.actor("coordinator"),
            now=world.now,
            role_id=world.roles[role].pk,
            starts_at=world.now + timedelta(hours=starts),
            ends_at=world.now + timedelta(hours=ends),
            gesture=uuid.uuid4(),
        )
    assert refusal.value.field == field
    assert OnCallShift.objects.count() == 1
