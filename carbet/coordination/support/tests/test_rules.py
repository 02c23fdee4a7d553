"""Delays of requests, in a table that a coordinator can read."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbet.coordination.support import rules
from carbet.coordination.support.choices import Complexity, RequestStatus, Urgency

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
    due = rules.due_at(urgency=urgency, submitted_at=NOW - timedelta(hours=hours))
    assert (due < NOW) is late


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


def test_a_request_waits_until_it_is_answered_or_withdrawn():
    assert [status for status in RequestStatus if rules.waits(status)] == [
        RequestStatus.SUBMITTED,
        RequestStatus.INCOMPLETE,
    ]


@pytest.mark.parametrize(
    ("asked_after", "given_after", "moved_by"),
    [(1, 3, 2), (1, 1, 0), (3, 1, 0), (0, 30, 30)],
)
def test_the_delay_stops_while_the_requester_completes(asked_after, given_after, moved_by):
    due = NOW + timedelta(days=7)
    moved = rules.moved_on(
        due,
        asked_at=NOW + timedelta(days=asked_after),
        given_at=NOW + timedelta(days=given_after),
    )
    assert moved == due + timedelta(days=moved_by)


@pytest.mark.parametrize(
    ("factors", "score", "level"),
    [
        ([], 0, Complexity.SIMPLE),
        (["age", "language"], 2, Complexity.SIMPLE),
        (["chronic", "alone"], 4, Complexity.SIMPLE),
        (["chronic", "alone", "age"], 5, Complexity.COMPLEX),
        (["danger", "mental", "caregiver", "rights"], 9, Complexity.COMPLEX),
        (["danger", "mental", "caregiver", "rights", "age"], 10, Complexity.VERY_COMPLEX),
        ([factor.code for factor in rules.FACTORS], 28, Complexity.VERY_COMPLEX),
    ],
)
def test_the_score_is_the_sum_of_what_explains_it(factors, score, level):
    weight = rules.complexity(factors)
    assert (weight.score, weight.level) == (score, level)
    assert sum(factor.weight for factor in weight.factors) == score


def test_an_unknown_factor_is_refused():
    with pytest.raises(ValueError, match="not a factor"):
        rules.complexity(["age", "wealth"])


@given(st.sets(st.sampled_from(sorted(rules.BY_CODE))), st.sampled_from(sorted(rules.BY_CODE)))
def test_one_more_factor_never_makes_a_situation_simpler(factors, more):
    order = list(Complexity)
    before, after = rules.complexity(factors), rules.complexity({*factors, more})
    assert after.score >= before.score
    assert order.index(after.level) >= order.index(before.level)


@pytest.mark.parametrize(
    ("born", "reach", "interpreter", "known"),
    [
        (date(1951, 11, 22), ["road"], False, ["age"]),
        (date(1951, 11, 23), ["road"], False, []),
        (date(1990, 1, 1), ["river", "air"], True, ["remote", "language"]),
        (date(1990, 1, 1), ["road", "river"], False, []),
        (date(1990, 1, 1), [], False, []),
    ],
)
def test_the_identity_alone_shows_some_factors(born, reach, interpreter, known):
    found = rules.known_factors(
        birth_date=born, on=NOW.date(), reach=reach, needs_interpreter=interpreter
    )
    assert found == known


@pytest.mark.parametrize(("days", "may"), [(0, True), (364, True), (365, False), (800, False)])
def test_a_case_opens_again_within_a_year(days, may):
    assert rules.may_reopen(closed_at=NOW - timedelta(days=days), now=NOW) is may
