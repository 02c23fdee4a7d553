"""One question, one query: the record page, home, the person's own page."""

from datetime import date

import pytest

from carbet.coordination.care_plans import operations, queries
from carbet.coordination.care_plans.tests import factories
from carbet.core import grants, row_security
from carbet.core.actor import PERSON, Actor, Level, account_key

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("needs", [1, 12])
def test_the_summary_takes_one_query(world, needs, django_assert_num_queries):
    desk = factories.begin(world)
    desk.fill(needs)
    with row_security.acting_as(world.actor("nurse"), now=world.now):
        with django_assert_num_queries(1):
            found = queries.summary(patient_id=desk.patient_id)
    assert (len(found.needs), found.actions_open, found.goals_total) == (needs, 2 * needs, needs)


def test_the_summary_says_what_is_late(world):
    desk = factories.begin(world)
    desk.add(need="Bouger", goal="Marcher", action="Rampe", due_on=date(2026, 11, 21))
    with row_security.acting_as(world.actor("nurse"), now=world.now):
        found = queries.summary(patient_id=desk.patient_id)
    assert [action.text for action in found.actions_late] == ["Rampe"]


def test_a_stranger_reads_no_plan(world):
    desk = factories.begin(world)
    with row_security.acting_as(world.actor("other_gp"), now=world.now):
        assert queries.summary(patient_id=desk.patient_id) is None
        assert queries.versions(patient_id=desk.patient_id) == []


def test_only_the_doctor_asked_has_it_to_approve(world):
    desk = factories.begin(world)
    desk.fill(1)
    desk.propose()
    waiting = {}
    for key in ("gp", "secretary", "nurse"):
        with row_security.acting_as(world.actor(key), now=world.now):
            waiting[key] = len(queries.awaiting_approval(actor=world.actor(key)))
    assert waiting == {"gp": 1, "secretary": 0, "nurse": 0}


def test_the_person_reads_the_approved_version_only(world):
    desk = factories.begin(world)
    desk.fill(1)
    claire = world.accounts["claire"]
    person = Actor(kind=PERSON, account_id=claire.pk, grantees=(account_key(claire.pk),))
    with row_security.acting_as(world.actor("gp"), now=world.now, operation="test"):
        grants.grant(
            account_key(claire.pk),
            patient_id=desk.patient_id,
            level=Level.READ,
            source="person",
            now=world.now,
        )
    with row_security.acting_as(person, now=world.now):
        assert queries.approved_version(patient_id=desk.patient_id) is None
    desk.propose()
    desk.approve()
    desk.add(need="Pas encore approuvé")
    with row_security.acting_as(person, now=world.now):
        version = queries.approved_version(patient_id=desk.patient_id)
    assert [need.text for need in version.content.needs] == ["Besoin 0"]


def test_history_says_what_changed_after_any_revision(world):
    desk = factories.begin(world)
    entry = desk.add(need="Bouger", goal="Marcher", action="Kiné")
    desk.add(need="Manger")
    desk.do(
        operations.change_part, kind="need", part_id=entry.need_id, text="Marcher", domain="home"
    )
    desk.do(operations.remove_part, kind="action", part_id=entry.action_id)
    plan = desk.plan()
    with row_security.acting_as(world.actor("gp"), now=world.now):
        counts = [len(queries.changes_since(plan, revision=number)) for number in range(1, 6)]
    # From the empty plan: two needs added, whatever happened in between.
    assert counts == [2, 3, 2, 1, 0]
    assert plan.revision == 5
