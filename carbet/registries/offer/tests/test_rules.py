"""The filling indicator, as tables: seven flags, states, freshness, domains, quarters."""

from datetime import UTC, date, datetime, timedelta

import pytest

from carbet.registries.offer.choices import Domain, Filling, Flag
from carbet.registries.offer.rules import filling

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WHOLE = {
    "field": "01",
    "structure_category": "354",
    "category": "30",
    "activities": ["001"],
    "care_mode": "28",
    "publics": ["03"],
    "address_line": "Bourg",
    "commune": "97302",
    "postal_code": "97300",
    "contacts": ["0594395050"],
}
DONE, BEGUN, NOTHING = Filling.FINALISED, Filling.UNDER_WAY, Filling.TO_DO


def test_an_offer_that_says_everything_is_finalised():
    flags = filling.flags(filling.Offer(**WHOLE))
    assert list(flags) == list(Flag)
    assert set(flags.values()) == {True}
    assert filling.state_of_offer(flags) == DONE


@pytest.mark.parametrize(
    ("without", "flag"),
    [
        ({"field": ""}, Flag.FIELD),
        ({"category": ""}, Flag.CATEGORY),
        ({"activities": []}, Flag.ACTIVITY),
        ({"activities": [""]}, Flag.ACTIVITY),
        ({"care_mode": ""}, Flag.CARE_MODE),
        ({"publics": []}, Flag.PUBLIC),
        ({"address_line": ""}, Flag.ADDRESS),
        ({"commune": ""}, Flag.ADDRESS),
        ({"postal_code": ""}, Flag.ADDRESS),
        ({"contacts": ["", ""]}, Flag.CONTACT),
    ],
)
def test_each_flag_counts_alone(without, flag):
    offer = filling.Offer(**(WHOLE | without))
    assert filling.missing(offer) == [flag]
    assert filling.state_of_offer(filling.flags(offer)) == BEGUN


@pytest.mark.parametrize("structure", ["", "355", "500"])
def test_a_category_is_asked_of_care_and_help_at_home_only(structure):
    offer = filling.Offer(**(WHOLE | {"category": "", "structure_category": structure}))
    assert filling.flags(offer)[Flag.CATEGORY] is None
    assert filling.state_of_offer(filling.flags(offer)) == DONE


@pytest.mark.parametrize(("low", "high", "state"), [(0, 120, DONE), (60, None, BEGUN)])
def test_both_ages_say_who_is_cared_for(low, high, state):
    offer = filling.Offer(**(WHOLE | {"publics": [], "age_low": low, "age_high": high}))
    assert filling.state_of_offer(filling.flags(offer)) == state


def test_an_offer_that_says_nothing_is_to_do():
    for structure in ("", "354"):
        said = filling.flags(filling.Offer(structure_category=structure))
        assert filling.state_of_offer(said) == NOTHING


@pytest.mark.parametrize(
    ("offers", "state"),
    [
        ([], NOTHING),
        ([DONE], DONE),
        ([DONE, DONE], DONE),
        ([DONE, BEGUN], BEGUN),
        ([DONE, NOTHING], NOTHING),
        ([DONE, BEGUN, NOTHING], BEGUN),
        ([BEGUN, NOTHING], BEGUN),
        ([NOTHING, NOTHING], NOTHING),
    ],
)
def test_a_structure_is_what_its_offers_are(offers, state):
    assert filling.state_of_structure(offers) == state


@pytest.mark.parametrize(
    ("offers", "recent", "fresh"),
    [
        (0, 0, True),
        (1, 0, False),
        (1, 1, True),
        (7, 0, False),
        (7, 1, True),
        (8, 1, False),
        (8, 2, True),
        (9, 2, False),
        (9, 3, True),
        (20, 4, False),
        (20, 5, True),
    ],
)
def test_freshness_asks_one_offer_then_a_quarter_of_them(offers, recent, fresh):
    updated = [NOW - timedelta(days=364)] * recent
    updated += [NOW - timedelta(days=366)] * (offers - recent)
    assert filling.is_fresh(updated, now=NOW) is fresh


@pytest.mark.parametrize(
    ("category", "sector", "domain"),
    [
        ("604", "", Domain.COORDINATION),
        ("500", "", Domain.ELDERLY),
        ("183", "", Domain.DISABILITY),
        ("354", "", Domain.HOME),
        ("124", "", Domain.CITY),
        ("355", "", Domain.HEALTH),
        ("", "SA07", Domain.CITY),
        ("999", "SA01", Domain.OTHER),
    ],
)
def test_a_category_has_one_domain(category, sector, domain):
    assert filling.domain(category, sector) == domain


@pytest.mark.parametrize(
    ("day", "first", "name"),
    [
        (date(2026, 1, 1), date(2026, 1, 1), "T1 2026"),
        (date(2026, 3, 31), date(2026, 1, 1), "T1 2026"),
        (date(2026, 11, 22), date(2026, 10, 1), "T4 2026"),
    ],
)
def test_quarters(day, first, name):
    assert filling.quarter_of(day) == first
    assert filling.name_of_quarter(first) == name
