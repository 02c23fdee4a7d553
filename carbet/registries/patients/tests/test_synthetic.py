"""Invented persons look like the territory, carry valid test numbers, are found when mistyped."""

import datetime
import random
import string
from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from carbet.core import identifiers, names
from carbet.registries.directory import synthetic as directory
from carbet.registries.patients import synthetic
from carbet.registries.patients.choices import DatePrecision, Gender, Language

SIZE = 20_000


@pytest.fixture(scope="module")
def people():
    return list(synthetic.persons(31, SIZE))


def test_the_same_seed_gives_the_same_people(people):
    assert list(synthetic.persons(31, 500)) == people[:500]
    assert list(synthetic.persons(32, 500)) != people[:500]
    assert [each.index for each in people] == list(range(SIZE))


def test_the_mix_is_the_territory_s(people):
    shares = {name: 100 * n / SIZE for name, n in Counter(p.community for p in people).items()}
    pools = directory.facts("synthetic_names")["communities"]
    assert sum(pool["share"] for pool in pools.values()) == 100
    for name, pool in pools.items():
        assert shares[name] == pytest.approx(pool["share"], abs=1.5)


def test_no_family_name_dominates(people):
    families = Counter(person.birth_family for person in people)
    assert families.most_common(1)[0][1] / SIZE < 0.007
    assert len(families) > 3000


def test_every_commune_is_inhabited_under_one_of_its_postal_codes(people):
    communes = {row["insee"]: row for row in directory.facts("communes")["communes"]}
    assert {person.commune for person in people} == set(communes)
    for person in people:
        assert person.postal_code in communes[person.commune]["postal_codes"]
        assert person.city == communes[person.commune]["name"]
        if "road" not in communes[person.commune]["reach"]:
            assert person.access_note


def test_about_six_in_ten_have_a_valid_test_ins(people):
    known = [person for person in people if person.ins]
    assert 0.55 < len(known) / SIZE < 0.68
    assert len({person.ins for person in known}) == len(known)
    for person in known:
        ins = identifiers.parse_ins(person.ins)
        assert ins.gender == person.gender
        assert ins.year_of_century == person.birth_date.year % 100
        assert ins.month == person.birth_date.month
        assert ins.birth_place == person.birth_place_code
        assert person.ins_recovered
    assert not any(person.ins_recovered for person in people if not person.ins)


def test_codes_belong_to_the_room_s(people):
    assert {person.gender for person in people} <= set(Gender.values)
    assert {person.birth_date_precision for person in people} == set(DatePrecision.values)
    assert {person.language for person in people} <= set(Language.values)
    assert {"fr", "gcr", "ht", "pt", "djk", "srn", "en", "es", "nl", "hmn"} <= {
        person.language for person in people
    }


def test_dates_are_plausible_and_say_their_precision(people):
    for person in people:
        assert 1920 < person.birth_date.year <= synthetic.LAST_BIRTH_YEAR
        if person.birth_date_precision == "year":
            assert (person.birth_date.month, person.birth_date.day) == (1, 1)
        if person.birth_date_precision == "month":
            assert person.birth_date.day == 1


def test_births_abroad_carry_the_country(people):
    countries = {person.birth_place_code for person in people if person.birth_place_code > "99"}
    assert countries == {
        "99416", "99437", "99410", "99428", "99216", "99241", "99408", "99999",
    }  # fmt: skip


def test_siblings_share_a_home_and_twins_a_day(people):
    homes = defaultdict(list)
    for person in people:
        homes[person.household].append(person)
    shared = [home for home in homes.values() if len(home) == 2]
    assert 0.15 < len(shared) / len(homes) < 0.21
    twins = [person for person in people if person.twin_of is not None]
    assert 0.012 < len(twins) / len(homes) < 0.02
    for one, other in shared:
        assert one.birth_family == other.birth_family
        assert one.address_line == other.address_line
        assert one.birth_given[0] != other.birth_given[0]
    for twin in twins:
        assert people[twin.twin_of].birth_date == twin.birth_date


def test_some_women_use_another_name_than_their_birth_name(people):
    using = [person for person in people if person.used_family]
    assert 0.05 < len(using) / SIZE < 0.25
    assert {person.gender for person in using} == {"female"}


def test_names_of_every_writing_are_met(people):
    families = " ".join(person.birth_family for person in people)
    for trait in ("da ", "dos ", "-", "’", "é", "ç", "ã", "Saint-"):
        assert trait in families


def test_phones_belong_to_the_range_kept_for_fiction(people):
    assert all(not p.phone or p.phone.startswith("063998") for p in people)


def test_the_story_s_persons_are_whole():
    for person in synthetic.STORY_PERSONS:
        ins = identifiers.parse_ins(person.ins)
        assert ins.gender == person.gender
        assert ins.month == person.birth_date.month
        assert person.phone.startswith("063998")
    born = synthetic.CLAIRE.birth_date
    assert born <= datetime.date(1951, 11, 1)
    assert len({person.ins for person in synthetic.STORY_PERSONS}) == 3


def mistyped(word: str, rng: random.Random) -> str:
    """Return the word with one letter added, dropped, changed, or swapped with its neighbour."""
    rank = rng.randrange(len(word))
    letter = rng.choice(string.ascii_lowercase)
    return rng.choice(
        (
            word[:rank] + letter + word[rank:],
            word[:rank] + word[rank + 1 :],
            word[:rank] + letter + word[rank + 1 :],
            word[:rank] + word[rank : rank + 2][::-1] + word[rank + 2 :],
        )
    )


class Index:
    """The stored keys of everybody, searched as the database does."""

    def __init__(self, people):
        self.posting = defaultdict(set)
        for person in people:
            for key in names.search_keys(
                person.birth_family, person.used_family, person.birth_given, person.used_given,
                person.birth_date, person.ins,
            ):  # fmt: skip
                self.posting[key].add(person.index)

    def search(self, query: str) -> set[int]:
        groups = names.query_keys(query)
        found = [set().union(*(self.posting.get(key, ()) for key in group)) for group in groups]
        return set.intersection(*found) if found else set()


def test_a_mistyped_person_is_found_among_few(people):
    """One wrong letter in either name: at least 95 % are found, among few candidates."""
    index = Index(people)
    rng = random.Random(5)
    hits, sizes = 0, []
    chosen = rng.sample(people, 1500)
    for person in chosen:
        words = [person.used_family or person.birth_family, person.birth_given[0]]
        rank = rng.randrange(2)
        words[rank] = mistyped(words[rank].lower(), rng)
        found = index.search(" ".join(words))
        hits += person.index in found
        sizes.append(len(found))
    sizes.sort()
    assert hits / len(chosen) >= 0.95
    assert sizes[len(sizes) // 2] <= 10
    assert sizes[int(len(sizes) * 0.95)] <= 150


def test_a_person_is_found_by_date_and_by_ins(people):
    index = Index(people[:2000])
    for person in people[:2000:37]:
        if person.birth_date_precision == "day":
            assert person.index in index.search(f"{person.birth_date:%d/%m/%Y}")
        if person.ins:
            assert index.search(person.ins) == {person.index}


def test_twins_follow_each_other(people):
    assert all(
        other.index == one.index + 1 for one, other in pairwise(people) if other.twin_of is not None
    )
