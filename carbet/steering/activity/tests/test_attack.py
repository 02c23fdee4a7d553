"""The reader of the agency adds up everything that she may read: no number under five comes out."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbet.steering.activity import rules
from carbet.steering.activity.tests.attack import Case, pinned, published

TODAY = date(2026, 11, 22)
MONTHS = [date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1)]
LAST = len(MONTHS) - 1


@st.composite
def many_cases(draw):
    """Draw some hundred cases, in groups: a few large ones, and single persons apart."""
    found = []
    for _ in range(draw(st.integers(1, 9))):
        asked = draw(st.integers(0, LAST))
        decision = draw(st.sampled_from(["accepted", "accepted", "redirected", "withdrawn", ""]))
        opened = draw(st.integers(asked, LAST)) if decision == "accepted" else None
        closes = opened is not None and draw(st.booleans())
        answered = draw(st.integers(asked, LAST)) if decision else None
        case = Case(
            asked=asked,
            answered=opened if opened is not None else answered,
            decision=decision,
            opened=opened,
            closed=draw(st.integers(opened, LAST)) if closes else None,
            commune=draw(st.integers(1, 5)),
            born=draw(st.sampled_from([1930, 1950, 1990, 2015])),
            weight=draw(st.sampled_from(["simple", "complex", "very"])),
            team=draw(st.integers(1, 2)),
            reason=draw(st.sampled_from(["home", "rights", "isolation"])),
            outcome=draw(st.sampled_from(["met", "moved"])),
            days=draw(st.integers(0, 40)),
            due=draw(st.sampled_from([-9, 3, 40])),
        )
        found += [case] * draw(st.one_of(st.integers(1, 6), st.integers(5, 30)))
    return found


@settings(max_examples=250, deadline=None)
@given(many_cases())
def test_bounds_find_no_number_under_five_over_all_pages_and_three_months(cases):
    made = published(cases, MONTHS, TODAY)
    assert pinned(made, MONTHS) == {}
    # A median says how many stand on each side of it: only beside numbers that are all told.
    for _, tables, _ in made.values():
        assert not [table for table in tables if table.withholds and table.median is not None]


def small_ones_only(tables, stats, *, answered):
    """Suppress as one would at first: what is small, nothing else."""
    told = [
        replace(
            table,
            rows=tuple(
                replace(row, count=None) if rules.is_small(row.count or 0) else row
                for row in table.rows
            ),
            total=None if rules.is_small(table.total or 0) else table.total,
        )
        for table in tables
    ]
    kept = {key: None if rules.is_small(count or 0) else count for key, count in stats.items()}
    return told, kept


def opened(many, at=0, closed=None, **traits):
    return [Case(at, at, "accepted", at, closed, **traits)] * many


# What a reader could do to a suppression of small cells alone; the attack must find each.
HOLES = {
    "the total less the others": (
        [*opened(12, commune=1), *opened(8, commune=2), *opened(3, commune=3)],
        ("communes", MONTHS[2], "97303"),
        3,
    ),
    "what is open now less what was open before": (
        [*opened(20), *opened(8, at=1), *opened(2, closed=1)],
        ("closed", MONTHS[1]),
        2,
    ),
    "a stock from the one before": (
        [*opened(7, closed=1), *opened(3)],
        ("stock", MONTHS[1]),
        3,
    ),
    "what waits less all that was asked and answered": (
        [*opened(19), *[Case(1, 2, "accepted", 2, None)] * 3, *opened(11, at=2)],
        ("requested", MONTHS[1]),
        3,
    ),
}


@pytest.mark.parametrize("hole", HOLES)
def test_the_attack_finds_what_hiding_small_cells_alone_gives_away(hole):
    cases, cell, count = HOLES[hole]
    naive = published(cases, MONTHS, TODAY, suppress=small_ones_only)
    assert pinned(naive, MONTHS).get(cell) == count
    assert pinned(published(cases, MONTHS, TODAY), MONTHS) == {}


def test_what_is_large_is_still_told():
    cases = [*opened(30, commune=1), *opened(20, commune=2), *opened(15, at=1), *opened(12, at=2)]
    _, tables, stats = published(cases, MONTHS, TODAY)[MONTHS[2]]
    assert stats == {
        "caseload": 77, "requested": 12, "opened": 12, "closed": 0, "waiting": 0, "late": 0,
        "overdue": 0,
    }  # fmt: skip
    assert not [table.definition.key for table in tables if table.withholds]
