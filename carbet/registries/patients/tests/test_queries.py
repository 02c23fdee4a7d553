"""Searches find the same persons however many records the reader may enter."""

import json
from datetime import date

import pytest
from django.db import connection

from carbet.core import grants, names, row_security
from carbet.core.actor import ANONYMOUS_ACTOR, PERSON, PROFESSIONAL, Actor, Level, internal
from carbet.registries.patients import queries

pytestmark = pytest.mark.django_db

# From here on `patients_search` looks at the keys first, at the grants after.
MANY = 3001


@pytest.fixture
def enters_many(world):
    """Let the far nurse enter thousands of records of which these tests know nothing."""

    def enter(count=MANY):
        with row_security.acting_as(internal("test"), operation="test"):
            with connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO core_accessgrant (patient_id, grantee, level, source, valid_from)"
                    " SELECT 1000000 + n, %s, 20, 'test', %s FROM generate_series(1, %s) n",
                    [world.roles["far_nurse"].key, world.now, count],
                )

    return enter


def let_in(world, patient, *, until=None):
    with row_security.acting_as(internal("test"), operation="test"):
        grants.grant(
            world.roles["far_nurse"].key,
            patient_id=patient.pk,
            level=Level.READ,
            source="test",
            now=world.now,
            valid_until=until,
        )


def found(world, text):
    actor = world.actor("far_nurse")
    with row_security.acting_as(actor, now=world.now):
        return queries.search_patients(actor=actor, text=text, now=world.now)


@pytest.mark.parametrize("many", [False, True])
def test_a_search_finds_who_may_be_entered_and_nobody_else(world, enters_many, many):
    closed, ended, closest, close = (
        world.register(birth_family=family, birth_given=["Claire"], used_family="")
        for family in ("Régis", "Régis", "Régis", "Rejis")
    )
    let_in(world, ended, until=world.now)
    let_in(world, closest)
    let_in(world, close)
    if many:
        enters_many()
    persons = found(world, "Régis Claire")
    assert [person.pk for person in persons] == [closest.pk, close.pk]
    assert closed.pk not in {person.pk for person in persons}


def test_many_namesakes_out_of_reach_do_not_hide_the_one_within(world, enters_many):
    for _ in range(3):
        world.register(birth_family="Régis", birth_given=["Claire"], used_family="")
    mine = world.register(birth_family="Rejis", birth_given=["Claire"], used_family="")
    let_in(world, mine)
    enters_many()
    assert [person.pk for person in found(world, "Régis Claire")] == [mine.pk]


@pytest.mark.parametrize(
    ("who", "told"),
    [("far_nurse", 1), ("house", 1), ("nobody", 0), ("without role", 0), ("person", 0)],
)
def test_postgresql_searches_the_territory_for_who_works_and_nobody_else(world, who, told):
    world.register(birth_family="Régis", birth_given=["Claire"], birth_date=date(1951, 3, 12))
    others = {
        "house": internal("test"),
        "nobody": ANONYMOUS_ACTOR,
        "without role": Actor(kind=PROFESSIONAL, account_id=world.accounts["nurse"].pk),
        "person": Actor(kind=PERSON, grantees=(f"account:{world.accounts['claire'].pk}",)),
    }
    asked = json.dumps(names.query_keys("Régis Claire"))
    with row_security.acting_as(others.get(who) or world.actor(who), now=world.now):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM patients_search_traits(%s, %s)", [asked, date(1951, 3, 12)]
            )
            assert cursor.fetchone() == (told,)
