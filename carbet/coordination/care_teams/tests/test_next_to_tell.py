"""Whom the circle gives to tell next, when nobody reads an urgent alert."""

import pytest

from carbet.coordination.alerts.operations import seeking_next
from carbet.coordination.care_teams import operations
from carbet.coordination.care_teams.models import CareTeamParticipant
from carbet.core import row_security
from carbet.core.actor import internal

pytestmark = pytest.mark.django_db
HOUSE = internal("test")


def told_in_order(world, patient_id):
    """Return the keys that the circle gives, one after the other, until it has none left."""
    told: list[str] = []
    with row_security.acting_as(HOUSE, now=world.now):
        while True:
            [(_, keys)] = seeking_next.send(
                sender=None, patient_id=patient_id, told=set(told), now=world.now
            )
            if not keys:
                return told
            told += keys


def test_the_members_come_first_then_their_structures(world):
    care_team = world.circle("nurse", "physio")
    order = told_in_order(world, care_team.patient_id)
    roles, places = world.roles, world.places
    assert order[:3] == [roles["gp"].key, roles["nurse"].key, roles["physio"].key]
    assert order[3:] == [f"org:{places['office'].pk}", f"org:{places['nursing'].pk}"]


def test_who_left_the_circle_or_the_job_is_not_told(world):
    care_team = world.circle("nurse", "physio")
    with row_security.acting_as(HOUSE, now=world.now):
        stay = CareTeamParticipant.objects.get(practitioner_role=world.roles["physio"])
    stay.care_team = care_team
    operations.end_participation(
        actor=world.actor("gp"), now=world.later(minutes=1), participant=stay
    )
    world.roles["nurse"].ended_at = world.now
    world.roles["nurse"].save()
    assert told_in_order(world, care_team.patient_id) == [
        world.roles["gp"].key,
        f"org:{world.places['office'].pk}",
    ]


def test_without_a_circle_nobody_is_told(world):
    assert told_in_order(world, world.register().pk) == []
