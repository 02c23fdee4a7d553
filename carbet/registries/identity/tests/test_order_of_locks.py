"""Whoever changes a record waits for whoever moves identities before the row, never after."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from carbet.registries.identity.presenters import reasons
from carbet.registries.matching.rules import Traits, explain
from carbet.registries.patients import operations as patients
from tests.world import NOW

pytestmark = pytest.mark.django_db


def test_the_locks_of_moves_come_before_the_row(world):
    patient = world.register()
    with CaptureQueriesContext(connection) as captured:
        patients.update_patient(
            actor=world.actor("gp"),
            now=NOW,
            patient=patient,
            version=patient.version,
            changes={"birth_place_name": "Saül"},
        )
    said = [query["sql"] for query in captured]
    moves = next(rank for rank, sql in enumerate(said) if "pg_advisory_xact_lock(97301)" in sql)
    row = next(rank for rank, sql in enumerate(said) if "FOR UPDATE" in sql)
    assert moves < row
    assert not [sql for sql in said if "hashtextextended" in sql]


def test_the_ins_that_nobody_has_is_absent_on_both_sides():
    one = Traits(birth_family="Régis", birth_given=("Claire",))
    numbered = Traits(birth_family="Régis", birth_given=("Claire",), ins="260058815400233")
    told = [field.words for field in explain(one, one).fields]
    assert "INS absent des deux côtés" in told
    assert "INS absent d’un côté" in [field.words for field in explain(one, numbered).fields]


def test_a_weight_bears_a_true_minus():
    told = reasons([["name", "", -3.25, "a"], ["born", "", 2.5, "b"], ["ins", "", 0, "c"]])
    assert [each.figure for each in told] == ["−3,2", "+2,5", "0,0"]


def test_what_is_no_trait_waits_for_nobody(world):
    patient = world.register()
    with CaptureQueriesContext(connection) as captured:
        patients.update_patient(
            actor=world.actor("gp"),
            now=world.now,
            patient=patient,
            version=patient.version,
            changes={"language": "srn", "needs_interpreter": True},
        )
    assert not [each for each in captured if "pg_advisory_xact_lock(97301)" in each["sql"]]
