"""A grant is given once, then only ends: what PostgreSQL refuses, whatever the code above it."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection

from carbet.core import grants, row_security
from carbet.core.actor import ALL_DATA, DataCategory, Level, internal
from carbet.core.models import AccessGrant

pytestmark = pytest.mark.django_db

# No role of the world bears this number, whatever was made before.
NOBODY = "role:999999999"


def attempt(world, care_team, change, *given):
    actor = world.actor("nurse")
    with (
        row_security.acting_as(actor, now=world.now, operation="test.raise"),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            f"UPDATE core_accessgrant SET {change} WHERE patient_id = %s AND grantee = %s",
            [*given, care_team.patient_id, world.roles["nurse"].key],
        )
        return cursor.rowcount


@pytest.mark.parametrize(
    "change", ["level = 40", "grantee = 'role:1'", "patient_id = 1", "valid_from = now()"]
)
def test_nobody_changes_what_a_grant_opens(world, change):
    care_team = world.circle("nurse")
    with pytest.raises(DatabaseError, match="permission denied"):
        attempt(world, care_team, change)


@pytest.mark.parametrize("days", [1, 900, None])
def test_nobody_makes_a_grant_last(world, days):
    care_team = world.circle("nurse")
    until = None if days is None else world.now + timedelta(days=days)
    with pytest.raises(DatabaseError, match="row-level security"):
        attempt(world, care_team, "valid_until = %s", until)


def test_one_gives_one_s_own_grant_back(world):
    care_team = world.circle("nurse")
    assert attempt(world, care_team, "valid_until = %s", world.later(minutes=1)) == 1


def test_a_grant_that_had_not_begun_ends_where_it_began(world):
    care_team = world.circle("nurse")
    start = world.now + timedelta(days=3)
    with row_security.acting_as(world.actor("gp"), now=world.now, operation="test.plan"):
        grants.grant(
            NOBODY,
            patient_id=care_team.patient_id,
            level=Level.READ,
            source="participant",
            now=world.now,
            valid_from=start,
        )
        ended = grants.end(
            patient_id=care_team.patient_id, source="participant", grantee=NOBODY, now=world.now
        )
    assert ended == 1
    with row_security.acting_as(internal("test")):
        grant = AccessGrant.objects.get(grantee=NOBODY)
    assert (grant.valid_from, grant.valid_until) == (start, start)


@pytest.mark.parametrize(
    ("held", "given", "allowed"),
    [
        (ALL_DATA, ALL_DATA, True),
        (DataCategory.SOCIAL, DataCategory.SOCIAL, True),
        (DataCategory.SOCIAL, DataCategory.MEDICAL, False),
        (DataCategory.SOCIAL, ALL_DATA, False),
    ],
)
def test_who_manages_opens_only_what_is_open_to_them(world, held, given, allowed):
    care_team = world.circle()
    with row_security.acting_as(internal("test"), now=world.now, operation="test.manage"):
        grants.grant(
            world.roles["social_worker"].key,
            patient_id=care_team.patient_id,
            level=Level.MANAGE,
            categories=held,
            source="participant",
            now=world.now,
        )

    def open_to_a_colleague():
        actor = world.actor("social_worker")
        with row_security.acting_as(actor, now=world.now, operation="test.grant"):
            grants.grant(
                "role:1",
                patient_id=care_team.patient_id,
                level=Level.READ,
                categories=given,
                source="participant",
                now=world.now,
            )

    if allowed:
        open_to_a_colleague()
    else:
        with pytest.raises(DatabaseError, match="row-level security"):
            open_to_a_colleague()
