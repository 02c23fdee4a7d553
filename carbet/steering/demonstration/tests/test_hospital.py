"""What hospitals sent stands in the demonstration: once, through the room's own operations."""

from datetime import UTC, datetime

import pytest

from carbet.core import row_security
from carbet.interop.hospital_feed import access, queries
from carbet.interop.hospital_feed.models import Encounter, FeedRoute, HospitalMessage
from carbet.steering.demonstration import following, hospital, loading
from carbet.steering.demonstration.bulk import OWNER

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db(transaction=True, databases=["default", OWNER])


def test_a_newcomer_finds_messages_in_each_state_and_somebody_admitted():
    loading.load(persons_wanted=0, seed=973, now=NOW, say=lambda text: None)
    following.follow(now=NOW, opened=following.open_accounts(now=NOW))
    assert hospital.load(now=NOW) == 8
    assert hospital.load(now=NOW) == 0
    figures, flows = queries.flow(now=NOW)
    assert (figures.dead, figures.held, figures.blocked, figures.refused) == (1, 1, 1, 1)
    assert figures.median_seconds is not None
    assert {flow.facility for flow in flows} == {"CHC", "CHOG"}
    with row_security.acting_as(access.HOUSE, now=NOW):
        assert FeedRoute.objects.count() == 2
        assert sorted(Encounter.objects.values_list("status", flat=True)) == [
            "finished", "in-progress",
        ]  # fmt: skip
        [stopped] = HospitalMessage.objects.filter(status="dead")
    assert (stopped.error_place, stopped.event) == ("ZBE-4", "A02")
