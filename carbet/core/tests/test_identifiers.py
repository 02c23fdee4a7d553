"""The keys of national identifiers hold on published examples, break on any changed digit."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbet.core import identifiers

PLACES = st.sampled_from(["97302", "97307", "75112", "2A004", "2B033", "99416", "99410", "13055"])


@pytest.mark.parametrize("number", ["279035121518989", "269054958815780", "2 79 03 51215 189 89"])
def test_published_ins_examples_are_well_formed(number):
    assert identifiers.is_ins(number)


def test_the_ins_of_the_core_profile_example_has_a_wrong_key():
    assert not identifiers.is_ins("123456789012244")
    assert identifiers.ins_key("1234567890122") == "12"


def test_an_ins_reads_apart():
    ins = identifiers.parse_ins("279035121518989")
    assert (ins.gender, ins.year_of_century, ins.month) == ("female", 79, 3)
    assert (ins.birth_place, ins.order, ins.key) == ("51215", 189, "89")
    assert ins.number == "279035121518989"


def test_an_unknown_birth_month_reads_as_none():
    number = identifiers.make_ins(gender="male", year=1948, month=31, birth_place="99437", order=7)
    assert identifiers.parse_ins(number).month is None


def test_corsica_counts_as_19_and_18():
    assert identifiers.ins_key("155012A004123") == f"{97 - 1550119004123 % 97:02d}"
    assert identifiers.ins_key("155012B004123") == f"{97 - 1550118004123 % 97:02d}"


@pytest.mark.parametrize(
    "text",
    ["", "27903512151898", "2790351215189899", "27903512151898A", "579035121518989",
     "2A9035121518989",
     "279035121518900", "٢79035121518989", "155013A00412345"],
)  # fmt: skip
def test_malformed_ins_are_refused(text):
    assert not identifiers.is_ins(text)


@given(
    st.sampled_from(["male", "female"]),
    st.integers(1900, 2030),
    st.integers(1, 12),
    PLACES,
    st.integers(1, 999),
)
def test_a_made_ins_reads_back(gender, year, month, place, order):
    number = identifiers.make_ins(
        gender=gender, year=year, month=month, birth_place=place, order=order
    )
    ins = identifiers.parse_ins(number)
    assert (ins.gender, ins.year_of_century, ins.month) == (gender, year % 100, month)
    assert (ins.birth_place, ins.order) == (place, order)


@given(st.integers(0, 14), st.integers(1, 9))
def test_one_changed_digit_breaks_an_ins(rank, shift):
    number = "279035121518989"
    changed = number[:rank] + str((int(number[rank]) + shift) % 10) + number[rank + 1 :]
    assert not identifiers.is_ins(changed)


def test_published_rpps_and_idnps():
    assert identifiers.is_rpps("01234567897")
    assert identifiers.rpps_from_idnps("801234567897") == "01234567897"
    assert identifiers.idnps_from_rpps("01234567897") == "801234567897"


@pytest.mark.parametrize(
    "idnps", ["", "01234567897", "001234567897", "801234567898", "8٠1234567897"]
)
def test_an_idnps_without_a_valid_rpps_is_refused(idnps):
    with pytest.raises(ValueError):
        identifiers.rpps_from_idnps(idnps)


def test_an_invalid_rpps_makes_no_idnps():
    with pytest.raises(ValueError):
        identifiers.idnps_from_rpps("01234567890")


@given(st.integers(0, 9_999_999))
def test_made_rpps_are_valid_synthetic_and_distinct(number):
    rpps = identifiers.make_rpps(number)
    assert identifiers.is_rpps(rpps)
    assert identifiers.is_synthetic_rpps(rpps)
    assert rpps != identifiers.make_rpps((number + 1) % 10_000_000)


@pytest.mark.parametrize("number", [-1, 10_000_000])
def test_a_serial_number_must_fit(number):
    with pytest.raises(ValueError):
        identifiers.make_rpps(number)


def test_a_real_range_is_not_synthetic():
    assert not identifiers.is_synthetic_rpps(identifiers.make_rpps(3412345, prefix="100"))


@given(st.integers(0, 10), st.integers(1, 9))
def test_one_changed_digit_breaks_an_rpps(rank, shift):
    rpps = "01234567897"
    changed = rpps[:rank] + str((int(rpps[rank]) + shift) % 10) + rpps[rank + 1 :]
    assert not identifiers.is_rpps(changed)


@pytest.mark.parametrize(
    "number", ["970300026", "970302022", "970300083", "970305629", "2A0000014", "2B0000020"]
)
def test_published_finess_are_well_formed(number):
    assert identifiers.is_finess(number)


@pytest.mark.parametrize("number", ["970300027", "97030002", "A70300026", "", "97030002٦"])
def test_malformed_finess_are_refused(number):
    assert not identifiers.is_finess(number)


@given(st.integers(1, 2**63 - 1))
def test_a_short_number_reads_back_in_any_case(number):
    text = identifiers.short_id(number)
    assert identifiers.from_short_id(text) == number
    assert identifiers.from_short_id(text.lower()) == number
    assert not set(text) & set("ILOU")


@pytest.mark.parametrize(
    "text",
    ["", "0", "01", " 1", "1 ", "1=", "I", "l", "O", "u", "-1", "1.0", "١", "ſ", "\u212a",
     "8000000000000", "ZZZZZZZZZZZZZ", "1" * 40],
)  # fmt: skip
def test_anything_but_the_canonical_form_is_refused(text):
    with pytest.raises(ValueError):
        identifiers.from_short_id(text)


@pytest.mark.parametrize("number", [0, -5, 2**63])
def test_only_row_numbers_have_a_short_form(number):
    with pytest.raises(ValueError):
        identifiers.short_id(number)


@given(st.text(max_size=15))
def test_no_text_makes_the_checks_fail_otherwise_than_by_saying_no(text):
    assert identifiers.is_ins(text) in (True, False)
    assert identifiers.is_rpps(text) in (True, False)
    assert identifiers.is_finess(text) in (True, False)
    with contextlib.suppress(ValueError):
        assert identifiers.short_id(identifiers.from_short_id(text)) == text.upper()
