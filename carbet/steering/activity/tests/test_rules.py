"""Ages, delays, balance and small numbers: tables that a reader can check by hand."""

from collections import defaultdict
from datetime import date
from itertools import product

import pytest

from carbet.steering.activity import rules


@pytest.mark.parametrize(
    ("month", "many", "expected"),
    [
        (date(2026, 1, 1), -1, date(2025, 12, 1)),
        (date(2026, 12, 1), 1, date(2027, 1, 1)),
        (date(2026, 3, 1), -12, date(2025, 3, 1)),
        (date(2026, 3, 1), 0, date(2026, 3, 1)),
    ],
)
def test_months_are_counted_over_the_years(month, many, expected):
    assert rules.months_later(month, many) == expected


def test_a_year_ends_with_the_month_shown():
    months = rules.last_months(date(2026, 2, 1))
    assert (len(months), months[0], months[-1]) == (12, date(2025, 3, 1), date(2026, 2, 1))


@pytest.mark.parametrize(
    ("born", "label"),
    [
        (2026, "Moins de 18 ans"),
        (2009, "Moins de 18 ans"),
        (2008, "18 à 39 ans"),
        (1951, "75 à 84 ans"),
        (1952, "60 à 74 ans"),
        (1931, "95 ans et plus"),
        (1932, "85 à 94 ans"),
        (2030, "Moins de 18 ans"),
    ],
)
def test_an_age_is_the_one_reached_in_the_year(born, label):
    assert rules.age_band(born, year=2026) == label


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ({}, None),
        ({3: 1}, 3),
        ({1: 1, 9: 1}, 1),
        ({1: 1, 9: 2}, 9),
        ({0: 5, 30: 4}, 0),
        ({2: 2, 5: 1, 40: 3}, 5),
    ],
)
def test_the_median_covers_half_of_the_delays(days, expected):
    assert rules.median(days) == expected


def test_delays_fall_in_one_band_each():
    days = dict.fromkeys(range(100), 1)
    found = rules.banded(days)
    assert sum(found.values()) == 100
    assert found[0, 2] == 2
    assert found[60, None] == 40


@pytest.mark.parametrize(
    ("loads", "gaps"),
    [([], []), ([0, 0], [0, 0]), ([10, 10], [0, 0]), ([30, 10], [50, -50]), ([7], [0])],
)
def test_a_load_is_compared_to_the_mean(loads, gaps):
    assert rules.balance(loads) == gaps


# What the ARS may read of a table whose total it knows: « x » is not told.
@pytest.mark.parametrize(
    ("counts", "read"),
    [
        ((12, 8, 0), (12, 8, 0)),
        # One small cell would be the total less the others: the first of them goes with it.
        ((12, 3, 8), ("x", "x", 8)),
        ((0, 3, 12, 5), (0, "x", "x", 5)),
        # Two small cells that make 2 are 1 and 1: another goes with them.
        ((1, 1, 9, 20), ("x", "x", "x", 20)),
        ((4, 4, 9, 9), ("x", "x", "x", 9)),
        # 1 and 5 alone make 6, which no other pair of the kind does: a third goes.
        ((5, 1, 9, 9), ("x", "x", "x", 9)),
        # Nothing protects: not even what is nought is told.
        ((4, 1, 0), ("x", "x", "x")),
        ((5, 1, 0), ("x", "x", "x")),
        ((2, 0, 0), ("x", "x", "x")),
        ((0, 0), (0, 0)),
    ],
)
def test_a_small_number_is_not_told_nor_given_away_by_the_total(counts, read):
    assert published(counts, hidden="x") == read


def published(counts, hidden=None):
    withheld = rules.withheld(counts)
    return tuple(hidden if rank in withheld else count for rank, count in enumerate(counts))


@pytest.mark.parametrize(("cells", "most"), [(2, 30), (3, 14), (4, 8)])
def test_whoever_knows_the_rule_and_the_total_finds_no_withheld_number(cells, most):
    """Publish every table there is: none that is read the same has one value for a cell."""
    alike = defaultdict(list)
    for counts in product(range(most + 1), repeat=cells):
        if sum(counts) >= rules.LEAST_TOLD:
            alike[published(counts), sum(counts)].append(counts)
    checked = 0
    for (seen, total), tables in alike.items():
        # Beyond `most` tables are missing that would be read the same.
        if total > most:
            continue
        for rank, count in enumerate(seen):
            if count is None:
                assert len({table[rank] for table in tables}) > 1, (seen, total, tables)
                checked += 1
    assert checked > 50


# What came and went in a month (opened and closed, asked and answered): are both told?
@pytest.mark.parametrize(
    ("came", "went", "are_told"),
    [
        (0, 0, True),
        (12, 0, True),
        (12, 10, True),
        (12, 4, False),
        (3, 0, False),
        (12, 9, False),
        (9, 30, False),
    ],
)
def test_what_came_and_what_went_are_told_together_or_not_at_all(came, went, are_told):
    assert (rules.hushed([came], [went]) == frozenset()) is are_told


def test_whoever_knows_the_difference_and_a_least_finds_no_small_number_that_came_or_went():
    """Cuts of two months say that at least so many came: five numbers are left all the same."""
    for came, went in product(range(30), repeat=2):
        if not rules.hushed([came], [went]) or min(came, went) >= rules.LEAST_TOLD:
            continue
        for least in range(min(came, went) + 1):
            alike = {
                other
                for other in range(40)
                if other >= least
                and other + abs(came - went) >= 0
                and rules.hushed([other], [other + abs(came - went)])
            }
            assert min(came, went) in alike
            assert len(alike) >= 5, (came, went, least, alike)
