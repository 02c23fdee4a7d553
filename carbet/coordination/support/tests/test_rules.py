"""Delays of requests, in a table that a coordinator can read."""

from datetime import UTC, datetime, timedelta

import pytest

from carbet.coordination.support import rules
from carbet.coordination.support.choices import RequestStatus, Urgency

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("urgency", "hours", "late"),
    [
        (Urgency.ASAP, 48, False),
        (Urgency.ASAP, 49, True),
        (Urgency.URGENT, 7 * 24, False),
        (Urgency.URGENT, 7 * 24 + 1, True),
        (Urgency.ROUTINE, 30 * 24, False),
        (Urgency.ROUTINE, 30 * 24 + 1, True),
    ],
)
def test_a_request_is_late_after_what_its_urgency_promises(urgency, hours, late):
    submitted_at = NOW - timedelta(hours=hours)
    assert rules.is_late(urgency=urgency, submitted_at=submitted_at, now=NOW) is late


def test_every_urgency_has_a_delay_and_a_rank_in_the_same_order():
    assert set(rules.DELAYS) == set(rules.RANKS) == set(Urgency)
    by_rank = sorted(Urgency, key=lambda urgency: rules.RANKS[urgency])
    assert by_rank == sorted(Urgency, key=lambda urgency: rules.DELAYS[urgency])


@pytest.mark.parametrize(
    ("duration", "said"),
    [
        (timedelta(seconds=20), "moins d’une minute"),
        (timedelta(minutes=12), "12 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=47, minutes=59), "47 h"),
        (timedelta(hours=48), "2 jours"),
        (timedelta(days=30), "30 jours"),
        (timedelta(minutes=-5), "moins d’une minute"),
    ],
)
def test_a_duration_is_said_in_its_largest_unit(duration, said):
    assert rules.span(duration) == said


def test_only_a_submitted_request_waits():
    assert [status for status in RequestStatus if rules.waits(status)] == [RequestStatus.SUBMITTED]
