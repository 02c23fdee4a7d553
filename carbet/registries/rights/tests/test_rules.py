"""How long rights last, who may delegate to whom, whose name is whose: tables to read."""

from datetime import UTC, datetime, timedelta

import pytest

from carbet.registries.directory.choices import Category
from carbet.registries.rights import rules
from carbet.registries.rights.choices import MONTHS

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize("months", dict(MONTHS))
def test_a_right_never_lasts_more_than_a_year(months):
    assert NOW < rules.end_after(months, now=NOW) <= NOW + rules.LONGEST


@pytest.mark.parametrize(
    ("days", "to_review"), [(-1, False), (0, False), (1, True), (30, True), (31, False)]
)
def test_a_right_is_looked_at_again_within_its_last_month(days, to_review):
    assert rules.is_to_review(NOW + timedelta(days=days), now=NOW) is to_review


@pytest.mark.parametrize(
    ("who", "to", "may"),
    [
        (Category.MEDICAL, Category.ADMINISTRATIVE, True),
        (Category.PARAMEDICAL, Category.ADMINISTRATIVE, True),
        (Category.SOCIAL, Category.ADMINISTRATIVE, True),
        (Category.MEDICAL, Category.PARAMEDICAL, False),
        (Category.MEDICAL, Category.MEDICAL, False),
        (Category.ADMINISTRATIVE, Category.ADMINISTRATIVE, False),
    ],
)
def test_whoever_cares_delegates_to_whoever_keeps_the_office(who, to, may):
    assert rules.may_delegate(category=who, delegate_category=to) is may


@pytest.mark.parametrize(
    ("typed", "known", "same"),
    [
        (("Le Bihan", "Yann"), ("LE BIHAN", "YANN"), True),
        (("Adelaïde", "Solange"), ("Adélaïde", "Solange Marie"), True),
        (("Robeiri-Ho", "Inès"), ("Robeiri", "Ines"), True),
        (("Robeiri", "Inès"), ("Robeiri", "Marc"), False),
        (("Ho", "Inès"), ("Robeiri", "Inès"), False),
        (("", ""), ("Robeiri", "Inès"), False),
    ],
)
def test_a_number_goes_with_a_name(typed, known, same):
    assert rules.same_person(*typed, other_family=known[0], other_given=known[1]) is same


@pytest.mark.parametrize("text", ["=1+1", "+33", "-1", "@SUM", "\tx"])
def test_no_spreadsheet_takes_a_name_for_a_formula(text):
    assert rules.cell(text) == f"'{text}"
    assert rules.cell("Le Bihan") == "Le Bihan"
