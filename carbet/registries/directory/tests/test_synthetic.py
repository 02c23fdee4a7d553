"""Invented professionals and structures are valid, marked, reachable by nobody, and repeatable."""

import itertools

import pytest

from carbet.core import identifiers
from carbet.registries.directory import synthetic
from carbet.registries.directory.choices import Category, PracticeMode, Purpose


@pytest.fixture(scope="module")
def structures():
    return list(synthetic.organizations(3, 200))


@pytest.fixture(scope="module")
def people(structures):
    return list(synthetic.practitioners(3, 1000, structures))


def test_the_same_seed_gives_the_same_directory(structures, people):
    assert list(synthetic.organizations(3, 200)) == structures
    assert list(synthetic.practitioners(3, 1000, structures)) == people
    assert list(synthetic.practitioners(4, 1000, structures)) != people


def test_fewer_are_the_first_of_more(structures, people):
    assert list(synthetic.practitioners(3, 50, structures)) == people[:50]
    assert list(synthetic.organizations(3, 20)) == structures[:20]


def test_structures_are_marked_and_of_a_known_kind(structures):
    assert all(each.synthetic for each in structures)
    assert {each.purpose for each in structures} <= set(Purpose.values)
    assert len({each.key for each in structures}) == len(structures)
    assert len({each.secure_email for each in structures}) == len(structures)


def test_every_kind_of_structure_exists_in_a_hundred():
    labels = {each.category_label for each in synthetic.organizations(1, 100)}
    assert labels == {
        "Cabinet médical", "Cabinet infirmier", "Cabinet de kinésithérapie", "Cabinet paramédical",
        "Cabinet dentaire", "Pharmacie", "SSIAD", "Aide à domicile", "Service social",
    }  # fmt: skip


def test_professionals_are_marked_and_have_one_number_each(people):
    numbers = [each.rpps or each.identifier for each in people]
    assert len(set(numbers)) == len(numbers)
    assert all(identifiers.is_synthetic_rpps(each.rpps) for each in people if each.rpps)
    assert all(each.synthetic for each in people)
    assert {each.profession for each in people if each.rpps} >= {"10", "60", "70", "21", "50"}


def test_professionals_work_somewhere_with_a_known_profession(people, structures):
    establishments = {row["key"] for row in synthetic.facts("establishments")["establishments"]}
    for each in people:
        assert (each.organization is None) != (each.site is None)
        assert each.site is None or each.site in establishments
        assert each.organization is None or each.organization < len(structures)
        assert each.profession in synthetic.professions()
        assert each.category in Category.values
        assert each.mode in PracticeMode.values
        assert not each.specialty or each.specialty_label


def test_nobody_can_be_reached_by_mistake(people, structures):
    for each in itertools.chain(people, structures):
        assert each.secure_email.endswith(".mssante.example")
        assert each.phone.startswith("053649")
        assert len(each.phone) == 10


def test_professionals_need_structures():
    with pytest.raises(ValueError, match="structures"):
        next(synthetic.practitioners(1, 1, []))


def test_the_story_has_its_people_and_places():
    structures = {each.key for each in synthetic.STORY_ORGANIZATIONS}
    structures |= {row["key"] for row in synthetic.facts("establishments")["establishments"]}
    people = {each.key: each for each in synthetic.STORY_PRACTITIONERS}
    assert len({each.serial for each in people.values()}) == len(people)
    assert len({each.email for each in people.values()}) == len(people)
    for each in people.values():
        assert each.organization in structures
        assert each.serial < synthetic.FIRST_SERIAL
        assert each.profession in synthetic.professions()
        assert not each.specialty or each.specialty in synthetic.specialties()
        assert each.rpps is None or identifiers.is_synthetic_rpps(each.rpps)
        assert bool(each.rpps) != bool(each.identifier)
        assert each.email.endswith("@carbet.example")
    assert people["secretary"].delegates_for == "gp"
    assert people["coordinator"].organization == "dac-guyane"


def test_a_centre_injects_botulinum_toxin_for_the_story():
    services = synthetic.facts("services")["services"]
    found = [row for row in services if "toxine botulique" in row["name"]]
    assert found
    assert all(row["synthetic"] for row in found)
