"""What is plausible, how numbers are written, what is new: tables that a carer can read."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from carbet.coordination.notebook import rules
from carbet.coordination.notebook.choices import MeasureKind

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KINDS = list(MeasureKind)


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("68,2", "68.2"),
        ("68.2", "68.2"),
        (" 37,5 ", "37.5"),
        ("0", "0"),
        ("140", "140"),
        ("+3", "3"),
        ("-2", "-2"),
    ],
)
def test_numbers_are_read_with_a_comma_or_a_point(typed, number):
    assert rules.read_number(typed) == Decimal(number)


@pytest.mark.parametrize(
    "typed", ["", "abc", "1,2,3", "12 kg", "14/8", "1e3", "NaN", "Infinity", "٣٧", "1_000", ",5"]
)
def test_what_is_not_a_plain_number_is_refused(typed):
    with pytest.raises(ValueError, match="not a number"):
        rules.read_number(typed)


@given(st.text(max_size=30))
def test_reading_gives_a_finite_number_or_refuses(text):
    try:
        number = rules.read_number(text)
    except ValueError:
        return
    assert number.is_finite()


@given(st.decimals(min_value=-9999, max_value=9999, places=2))
def test_what_is_written_is_read_back(number):
    assert rules.read_number(rules.write_number(number)) == number


@pytest.mark.parametrize(
    ("number", "written"),
    [("68.20", "68,2"), ("140.00", "140"), ("100", "100"), ("0.10", "0,1"), ("-0.5", "-0,5")],
)
def test_numbers_are_written_without_idle_zeros(number, written):
    assert rules.write_number(Decimal(number)) == written


@pytest.mark.parametrize(
    ("kind", "values", "refused"),
    [
        (MeasureKind.BLOOD_PRESSURE, ("142", "86"), set()),
        (MeasureKind.BLOOD_PRESSURE, ("86", "142"), {1}),
        (MeasureKind.BLOOD_PRESSURE, ("120", "120"), {1}),
        (MeasureKind.BLOOD_PRESSURE, ("14", "8"), {0, 1}),
        (MeasureKind.BLOOD_PRESSURE, ("281", "80"), {0}),
        (MeasureKind.BLOOD_PRESSURE, ("142", None), {1}),
        (MeasureKind.BLOOD_PRESSURE, (None, "86"), {0}),
        (MeasureKind.BLOOD_PRESSURE, ("142.5", "86"), {0}),
        (MeasureKind.HEART_RATE, ("72",), set()),
        (MeasureKind.HEART_RATE, ("300",), {0}),
        (MeasureKind.TEMPERATURE, ("37.5",), set()),
        (MeasureKind.TEMPERATURE, ("375",), {0}),
        (MeasureKind.TEMPERATURE, ("37.55",), {0}),
        (MeasureKind.OXYGEN, ("100",), set()),
        (MeasureKind.OXYGEN, ("101",), {0}),
        (MeasureKind.GLUCOSE, ("1.05",), set()),
        (MeasureKind.GLUCOSE, ("105",), {0}),
        (MeasureKind.WEIGHT, ("3.25",), set()),
        (MeasureKind.WEIGHT, ("0",), {0}),
        (MeasureKind.PAIN, ("0",), set()),
        (MeasureKind.PAIN, ("10",), set()),
        (MeasureKind.PAIN, ("11",), {0}),
        (MeasureKind.PAIN, ("-1",), {0}),
    ],
)
def test_plausible_values(kind, values, refused):
    given = tuple(Decimal(value) if value else None for value in values)
    assert set(rules.refusals(kind, given)) == refused


def test_a_pressure_in_centimetres_is_told_how_to_write_it():
    sentences = rules.refusals(MeasureKind.BLOOD_PRESSURE, (Decimal(14), Decimal(8)))
    assert sentences[0].endswith("14 en cmHg s’écrit 140.")
    assert sentences[1].endswith("8 en cmHg s’écrit 80.")


@given(st.sampled_from(KINDS), st.decimals(min_value=-1000, max_value=1000, places=2))
def test_a_value_is_accepted_exactly_within_its_bounds(kind, value):
    scale = rules.SCALES[kind][0]
    assume(value == round(value, scale.decimals))
    within = scale.least <= value <= scale.most
    assert (rules.implausible(scale, value) == "") is within
    if not within:
        assert scale.range_text in rules.implausible(scale, value)


@given(st.integers(50, 280), st.integers(20, 180))
def test_a_pressure_is_accepted_when_the_systolic_is_the_higher(systolic, diastolic):
    refused = rules.refusals(MeasureKind.BLOOD_PRESSURE, (Decimal(systolic), Decimal(diastolic)))
    assert (refused == {}) is (systolic > diastolic)


def test_every_kind_has_its_unit_and_fits_its_column():
    assert set(rules.SCALES) == set(KINDS)
    for scales in rules.SCALES.values():
        for scale in scales:
            assert scale.unit_code
            assert scale.least < scale.most < 100_000
            assert scale.decimals <= 2


@pytest.mark.parametrize(
    ("minutes", "too_late"), [(-600, False), (0, False), (10, False), (11, True)]
)
def test_a_moment_may_pass_the_clock_by_ten_minutes(minutes, too_late):
    assert rules.is_too_late(NOW + timedelta(minutes=minutes), now=NOW) is too_late


@pytest.mark.parametrize(
    ("recorded", "corrected", "since", "own", "new"),
    [
        (1, None, 0, False, True),
        (0, None, 1, False, False),
        (0, 2, 1, False, True),
        (1, None, None, False, False),
        (1, None, 0, True, False),
        (1, None, 1, False, False),
    ],
)
def test_what_is_new(recorded, corrected, since, own, new):
    def at(hours):
        return None if hours is None else NOW + timedelta(hours=hours)

    assert rules.is_new(at(recorded), at(corrected), since=at(since), own=own) is new
