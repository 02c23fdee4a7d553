"""When one acts for another: between two moments, while the other's own right is open."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from carbet.core import clock
from carbet.registries.directory.access import actor_of_role
from carbet.registries.directory.models import Delegation, Right
from carbet.registries.directory.models.rights import holding_delegations
from carbet.registries.rights import operations

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def world_s_clock(world, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: world.now)


@pytest.fixture
def acts(world, sign_in):
    """Return whether the secretary acts for the doctor: by the page, as a job, by the query."""
    record = reverse("charts:detail", args=[world.circle().patient_id])

    def acts():
        page = sign_in(world.accounts["secretary"]).get(record).status_code == 200
        job = actor_of_role(world.roles["secretary"].pk, now=world.now)
        said = {
            page,
            world.roles["gp"].key in job.grantees,
            world.roles["gp"].pk in job.delegated_role_ids,
            holding_delegations(world.now).filter(delegate=world.roles["secretary"]).exists(),
        }
        assert len(said) == 1, "the doors disagree"
        return page

    return acts


def delegation(**moments):
    Delegation.objects.update(**moments)


def right(world, **moments):
    Right.objects.filter(practitioner_role=world.roles["gp"]).update(**moments)


def change(row, **columns):
    type(row).objects.filter(pk=row.pk).update(**columns)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda world: delegation(started_at=world.now + DAY),
        lambda world: delegation(started_at=world.now - 2 * DAY, ended_at=world.now),
        lambda world: right(world, ended_at=world.now),
        lambda world: right(world, started_at=world.now + DAY),
        lambda world: change(world.roles["gp"], ended_at=world.now),
        lambda world: change(world.roles["gp"].practitioner, active=False),
        lambda world: change(world.roles["gp"].organization, active=False),
    ],
    ids=["not begun", "ended", "right ended", "right not begun", "gone", "departed", "closed"],
)
def test_a_delegation_holds_from_its_start_to_its_end_while_its_giver_may_work(world, acts, spoil):
    assert acts()
    spoil(world)
    # The secretary of a closed office enters nothing at all: only the doctor is asked about here.
    change(world.roles["secretary"], organization_id=world.places["nursing"].pk)
    assert not acts()


def test_it_begins_and_ends_at_its_very_moments(world, acts):
    delegation(started_at=world.now + DAY, ended_at=world.now + 2 * DAY)
    assert not acts()
    world.later(days=1)
    assert acts()
    world.later(hours=23, minutes=59)
    assert acts()
    world.later(minutes=1)
    assert not acts()


@pytest.mark.parametrize("by", ["gp", "secretary", "operator"])
def test_it_is_taken_back_the_same_minute(world, acts, by):
    assert acts()
    operations.end_delegation(
        actor=world.actor(by), now=world.later(seconds=1), delegation=Delegation.objects.get()
    )
    assert not acts()


def test_one_that_has_not_begun_is_taken_back_too(world, acts):
    delegation(started_at=world.now + DAY)
    operations.end_delegation(
        actor=world.actor("gp"), now=world.now, delegation=Delegation.objects.get()
    )
    world.later(days=3)
    assert not acts()


def test_a_right_given_again_opens_it_again_until_its_end(world, acts):
    right(world, ended_at=world.now)
    assert not acts()
    right(world, ended_at=world.now + DAY)
    assert acts()


def test_none_is_kept_without_an_end_nor_before_its_start(world):
    for moments in ({"ended_at": None}, {"ended_at": world.now - DAY}):
        with pytest.raises(IntegrityError), transaction.atomic():
            delegation(**moments)


def test_who_acts_for_somebody_whose_right_is_closed_reads_that_it_has_no_effect(world, sign_in):
    page = reverse("rights:mine")
    assert "sans effet" not in sign_in(world.accounts["secretary"]).get(page).content.decode()
    right(world, ended_at=world.now)
    assert "sans effet" in sign_in(world.accounts["secretary"]).get(page).content.decode()
