"""Who is one person and who is not, as a clinician or an identity agent would say it."""

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbet.registries.matching import rules
from carbet.registries.matching.rules import Traits, Zone, decisions
from carbet.registries.matching.rules.levels import COMPARISONS, UNKNOWN
from carbet.registries.matching.rules.traits import COLUMNS


def traits(family, given_names, born="1987-06-14", gender="female", place="97302", **more):
    return Traits(
        birth_family=family,
        birth_given=tuple(given_names.split("|")) if given_names else (),
        birth_date=datetime.date.fromisoformat(born) if born else None,
        gender=gender,
        birth_place_code=place,
        **more,
    )


def zone(a, b):
    return rules.decide(rules.explain(a, b)).zone


NAME_WRITINGS = [
    ("da Silva", "DA SILVA", "equal"),
    ("da Silva", "Silva", "equal"),
    ("De Souza Santos", "Souza", "part"),
    ("dos Santos Oliveira", "Oliveira dos Santos", "part"),
    ("Jean-Baptiste", "JEAN BAPTISTE", "equal"),
    ("Jean-Baptiste", "Jeanbaptiste", "equal"),
    ("Saint-Élie", "ST ELIE", "equal"),
    ("Le Bihan", "LEBIHAN", "part"),
    ("dos Santos", "DOSSANTOS", "part"),
    ("Ndjuka", "N'Djuka", "equal"),
    ("Apatou", "Apatoe", "near"),
    ("Sousa", "Souza", "near"),
    ("Aloeboetoe", "Alouboutou", "sound"),
    ("Philippeaux", "Filipo", "sound"),
    ("Joseph", "Jozèf", "sound"),
    ("Xiong", "Siong", "near"),
    ("Moua", "Mua", "near"),
    ("Œuvrard", "OEUVRARD", "equal"),
    ("王", "Wang", "equal"),
    ("Иванов", "Ivanov", "equal"),
    ("Đặng", "Dang", "equal"),
    ("X se disant Mato", "Mato", "equal"),
    ("Wempi", "Wimpi", "near"),
    ("Florimond", "Sébastien", "different"),
]


@pytest.mark.parametrize(("one", "other", "level"), NAME_WRITINGS)
def test_writings_of_one_name_meet(one, other, level):
    assert rules.explain(traits(one, "Ana"), traits(other, "Ana")).level("name") == level


GIVEN_WRITINGS = [
    ("Marie|Josèphe", "MARIE|JOSEPHE", "list"),
    ("Marie-Josèphe", "Marie|Josephe", "list"),
    ("Claire", "CLAIRE", "equal"),
    ("Claire|Marie|Josèphe", "Claire", "start"),
    ("Claire|Marie", "Marie|Claire", "reordered"),
    ("Claire|Marie", "Marie", "part"),
    ("Katiana|Rose", "Ktiana|Rose", "near_shared"),
    ("Thiago", "Tiago", "near_single"),
    ("Loïc|Jean", "Loïs|Paul", "near"),
    ("Claire|Marie", "Claire|Anne", "first"),
    ("Loïc", "Ève", "different"),
]


@pytest.mark.parametrize(("one", "other", "level"), GIVEN_WRITINGS)
def test_lists_of_given_names_are_compared_whole(one, other, level):
    assert rules.explain(traits("Abenté", one), traits("Abenté", other)).level("given") == level


DATES = [
    ("1987-06-14", "1987-06-14", "equal"),
    ("1950-01-01", "1950-01-01", "january"),
    ("1987-06-04", "1987-04-06", "turned"),
    ("1987-06-14", "1987-06-15", "one"),
    ("1987-06-14", "1987-01-01", "unknown_day"),
    ("1987-06-14", "1978-06-14", "two"),
    ("1987-06-14", "1987-11-30", "year"),
    ("1987-06-14", "1992-11-30", "different"),
]


@pytest.mark.parametrize(("one", "other", "level"), DATES)
def test_dates_are_compared_with_the_mistakes_people_make(one, other, level):
    a, b = traits("Abenté", "Ana", one), traits("Abenté", "Ana", other)
    assert rules.explain(a, b).level("born") == level


def test_an_unknown_day_agrees_with_the_known_part_only():
    whole = traits("Abenté", "Ana", "1950-07-14")
    month = traits("Abenté", "Ana", "1950-07-01", birth_date_precision="month")
    other = traits("Abenté", "Ana", "1951-01-01", birth_date_precision="year")
    assert rules.explain(whole, month).level("born") == "known"
    assert rules.explain(whole, other).level("born") == "different"


def test_names_written_one_for_the_other_are_told_so():
    score = rules.explain(traits("Chevallier", "Luc"), traits("Luk", "Chevallier"))
    assert score.level("name") == "inverted_near"
    assert any("inversés" in field.words for field in score.fields)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (traits("Jean-Baptiste", "Mackenson"), traits("Mackenson", "Jean|Baptiste")),
        (traits("Alain", "Picard"), traits("Picard", "Thomas|Alain")),
        (traits("Conceição Cavalcanti", "Bento"), traits("Bento", "Da|Conceicao|Cavalcanti")),
    ],
)
def test_compound_names_inverted_are_told_so(one, other):
    assert rules.explain(one, other).level("name") == "inverted"


def test_a_name_changed_by_marriage_is_linked_only_by_the_whole_list():
    maiden = traits("Sébastien", "Claire|Marie|Josèphe")
    whole = rules.explain(maiden, traits("Florimond", "Claire|Marie|Josèphe"))
    alone = rules.explain(traits("Sébastien", "Claire"), traits("Florimond", "Claire"))
    assert rules.decide(whole).reasons == ()
    assert rules.decide(alone).reasons == ("name",)


def test_the_used_name_of_one_is_the_birth_name_of_the_other():
    married = traits("Sébastien", "Claire|Marie", used_family="Florimond")
    assert rules.explain(married, traits("Florimond", "Claire|Marie")).level("name") == "used"


@pytest.mark.parametrize(
    "nothing", ["Inconnu", "SANS NOM", "X", "Non renseigné", "XXX", "Néant", ""]
)
def test_a_name_that_says_there_is_none_is_unknown(nothing):
    score = rules.explain(traits(nothing, "Ana"), traits(nothing, "Ana"))
    assert score.level("name") == "unknown"
    assert rules.decide(score).zone is not Zone.AUTOMATIC


@pytest.mark.parametrize("newborn", ["Bébé", "NOUVEAU-NÉ", "fille", "Garçon 2", "sans prénom"])
def test_a_newborn_without_a_given_name_is_never_linked_alone(newborn):
    decision = rules.decide(
        rules.explain(traits("Mato", newborn, "2026-02-03"), traits("Mato", "Ana", "2026-02-03"))
    )
    assert decision.zone is not Zone.AUTOMATIC
    assert "missing" in decision.reasons


TWINS = [
    ("Kelvin", "Kevin"),
    ("Rawle|Dexter", "Dexter|Rawle"),
    ("Kaique", "Kaiquee|Daniel"),
    ("Loïc", "Loan"),
    ("Ana|Maria", "Eva|Maria"),
    ("Jean|Pierre", "Paul|Pierre"),
    ("Diana|Rose", "Liana|Marie"),
    ("Kevin", "Steven"),
    ("Marie-Ange", "Marie-Rose"),
    ("Alex|Astrid", "Astrid"),
]


@pytest.mark.parametrize(("one", "other"), TWINS)
@pytest.mark.parametrize("family", ["Sambo", "Zéphirin-Amaranthe"])
def test_twins_are_never_linked_by_themselves(one, other, family):
    home = {"phone": "0639980001", "address": "27 allée des Maripas", "postal_code": "97351"}
    decision = rules.decide(
        rules.explain(
            traits(family, one, city="Matoury", **home),
            traits(family, other, city="Matoury", **home),
        )
    )
    assert decision.zone is not Zone.AUTOMATIC
    assert decision.reasons


CERTAIN = [
    (traits("Moksin-Ablo", "Claire|Marie"), traits("MOKSIN ABLO", "CLAIRE|MARIE")),
    (traits("Zéphirin", "Katiana|Rose"), traits("Zephirin", "Katiana")),
    (
        traits("Boulay", "Théophile|Roland", ins="168019730787235"),
        traits("Bulay", "Theophile", ins="168019730787235"),
    ),
]


@pytest.mark.parametrize(("one", "other"), CERTAIN)
def test_what_is_certain_is_linked_by_itself(one, other):
    score = rules.explain(one, other)
    assert rules.decide(score).zone is Zone.AUTOMATIC
    assert score.probability > 0.999


# One mistake, everything else certain and rare enough: a machine links.
COVERED = [
    ("sex", {"gender": "male"}),
    ("january", {"born": "1987-01-01"}),
    ("close_shared", {"given_names": "Katianna|Rose|Ludmilla"}),
    ("close_shared", {"given_names": "Katiana|Rosa|Ludmilla"}),
    ("reordered", {"given_names": "Rose|Katiana|Ludmilla"}),
]
RARE = {
    "family": "Zéphirin-Amaranthe",
    "given_names": "Katiana|Rose|Ludmilla",
    "place": "88160",
}
HOME = {"phone": "0639980001", "address": "27 allée des Maripas", "city": "Matoury"}


@pytest.mark.parametrize(("doubt", "mistake"), COVERED, ids=str)
def test_one_mistake_is_covered_by_all_the_rest(doubt, mistake):
    whole = RARE
    score = rules.explain(traits(**whole), traits(**(whole | mistake)))
    assert doubts_of(score) == (doubt,)
    assert score.weight >= decisions.COVERS[doubt]
    assert rules.decide(score).zone is Zone.AUTOMATIC


@pytest.mark.parametrize(("doubt", "mistake"), COVERED, ids=str)
def test_what_a_home_shares_covers_nothing(doubt, mistake):
    whole = {"family": "Joseph", "given_names": "Ana|Rose"} | HOME
    given = {"close_shared": "Anna|Rose", "reordered": "Rose|Ana"}
    said = mistake | ({"given_names": given[doubt]} if doubt in given else {})
    score = rules.explain(traits(**whole), traits(**(whole | said)))
    assert doubts_of(score) == (doubt,)
    assert score.weight >= decisions.COVERS[doubt]
    assert rules.decide(score).zone is Zone.DOUBTFUL


def ranks(**names):
    """The ranks of levels said by name, where all the rest agrees and no home is known."""
    agreed = {"name": "equal", "given": "list", "born": "equal", "sex": "equal", "place": "equal"}
    said = agreed | names
    return tuple(
        each.rank(said[each.name]) if each.name in said else UNKNOWN for each in COMPARISONS
    )


MISTAKES_OF_ONE = [
    ({"given": "start", "born": "one"}, "a shorter list, a digit of the date"),
    ({"given": "equal", "name": "near", "born": "turned"}, "a letter, day and month turned"),
    ({"given": "equal", "name": "far"}, "two letters of the name"),
]


@pytest.mark.parametrize(
    ("mistake", "why"), MISTAKES_OF_ONE, ids=[why for _, why in MISTAKES_OF_ONE]
)
def test_mistakes_that_are_not_those_of_relatives_need_less(mistake, why):
    assert decisions.decide_levels(12.5, ranks(**mistake)).zone is Zone.AUTOMATIC
    assert decisions.decide_levels(11.5, ranks(**mistake)).zone is Zone.DOUBTFUL


RELATIVES = [
    ({"given": "near_shared"}, "twins, a letter apart"),
    ({"given": "first_others_near"}, "twins, a letter apart: Anne-Sophie, Anne-Sohie"),
    ({"given": "reordered"}, "twins named after the same saints"),
    ({"given": "start", "born": "one", "place": "different"}, "born elsewhere"),
    ({"given": "first", "born": "one"}, "other second names"),
    ({"given": "equal", "name": "different"}, "another name"),
    ({"given": "equal", "name": "far", "place": "area"}, "another name, born elsewhere"),
]


@pytest.mark.parametrize(("likeness", "why"), RELATIVES, ids=[why for _, why in RELATIVES])
def test_what_relatives_have_as_well_needs_eighteen_bits(likeness, why):
    assert decisions.decide_levels(17.5, ranks(**likeness)).zone is Zone.DOUBTFUL
    assert decisions.decide_levels(18.5, ranks(**likeness)).zone is Zone.AUTOMATIC


MISSPELT = [
    (13, {"given": "near_shared", "name": "near"}, "twins bear one name"),
    (13, {"given": "first_others_near", "name": "near"}, "twins bear one name, to the letter"),
    (13, {"given": "near_shared", "born": "one"}, "twins bear one day"),
    (15, {"given": "inverted", "name": "inverted_near"}, "names inverted, a letter wrong"),
]


@pytest.mark.parametrize(("bits", "mistake", "why"), MISSPELT, ids=[why for *_, why in MISSPELT])
def test_names_misspelt_beside_another_mistake_need_a_little_more(bits, mistake, why):
    assert decisions.decide_levels(bits - 0.5, ranks(**mistake)).zone is Zone.DOUBTFUL
    assert decisions.decide_levels(bits + 0.5, ranks(**mistake)).zone is Zone.AUTOMATIC


def test_two_mistakes_are_for_people():
    whole = RARE
    score = rules.explain(traits(**whole), traits(**(whole | {"gender": "male"} | COVERED[2][1])))
    assert rules.decide(score).zone is Zone.DOUBTFUL


def test_relatives_born_far_apart_are_not_shown():
    mother = traits("Sambo", "Ana", "1961-02-09")
    daughter = traits("Sambo", "Ana", "1987-06-14")
    assert zone(mother, daughter) is Zone.APART


def doubts_of(score):
    names = {each: score.level(each) for each in ("name", "given", "born", "sex", "place", "ins")}
    return decisions.doubts(names, without_ins=score.weight)


def test_one_number_for_two_persons_comes_first():
    one = traits("Florimond", "Claire", "1951-03-14", ins="251039730299971")
    other = traits("Sambo", "Loïc", "1999-12-02", gender="male", place="97311", ins=one.ins)
    decision = rules.decide(rules.explain(one, other))
    assert decision.zone is Zone.DOUBTFUL
    assert decision.reasons[0] == "collision"


def test_two_numbers_are_never_linked_by_themselves():
    one = traits("Florimond", "Claire|Marie", ins="251039730299971")
    other = traits("Florimond", "Claire|Marie", ins="251039730217342")
    assert zone(one, other) is Zone.DOUBTFUL


def test_a_larger_base_asks_for_more():
    one, other = traits("Jean", "Marie"), traits("Jean", "Marie")
    small, large = (rules.explain(one, other, base_size=n) for n in (1_000_000, 10_000_000))
    assert small.weight - large.weight == pytest.approx(3.32, abs=0.01)


def test_a_rare_name_weighs_more_than_a_frequent_one():
    common = rules.explain(traits("Joseph", "Ana"), traits("Joseph", "Ana"))
    rare = rules.explain(traits("Qwyxel", "Ana"), traits("Qwyxel", "Ana"))
    assert rare.weight > common.weight + 3


def test_the_rarity_that_relatives_share_says_nothing():
    def name_weight(family):
        score = rules.explain(traits(family, "Ana"), traits(family, "Éloi"))
        return next(field.weight for field in score.fields if field.name == "name")

    assert name_weight("Qwyxel") == name_weight("Joseph")


def test_the_explanation_sums_up_to_the_weight():
    score = rules.explain(
        traits("Sousa", "Thiago|Luiz", phone="0639980001"),
        traits("Souza", "Tiago", "1987-06-15", phone="0639980002"),
    )
    assert sum(field.weight for field in score.fields) == pytest.approx(score.weight)
    assert all(field.words for field in score.fields)
    assert {"name", "given", "born", "sex", "place", "prior"} <= {f.name for f in score.fields}


ANY_TEXT = st.text(max_size=320)
ANY_TRAITS = st.builds(
    Traits,
    birth_family=ANY_TEXT,
    birth_given=st.lists(ANY_TEXT, max_size=4).map(tuple),
    birth_date=st.none() | st.dates(datetime.date(1850, 1, 1), datetime.date(2030, 1, 1)),
    birth_date_precision=st.sampled_from(["day", "month", "year"]),
    gender=st.sampled_from(["female", "male", "unknown", "other"]),
    birth_place_code=st.text(max_size=8),
    used_family=ANY_TEXT,
    used_given=ANY_TEXT,
    ins=st.text(max_size=20),
    phone=st.text(max_size=30),
    address=ANY_TEXT,
    postal_code=st.text(max_size=20),
    city=ANY_TEXT,
    identifiers=st.lists(st.tuples(st.just("s"), ANY_TEXT), max_size=3).map(tuple),
)


@settings(max_examples=150, deadline=None)
@given(ANY_TRAITS, ANY_TRAITS)
def test_whatever_is_written_is_compared_the_same_both_ways(a, b):
    forth, back = rules.explain(a, b), rules.explain(b, a)
    assert forth.weight == pytest.approx(back.weight)
    assert forth.levels == back.levels
    assert 0 <= forth.probability <= 1
    assert all(0 <= key < 2**23 for key in rules.blocking_keys(rules.prepare(a)))


@settings(max_examples=150, deadline=None)
@given(ANY_TRAITS)
def test_a_packed_line_gives_back_the_normal_form(one):
    prepared = rules.prepare(one)
    line = rules.pack(prepared)
    assert rules.unpack(line) == prepared
    assert "\n" not in line
    assert "|" not in line
    assert len(COLUMNS) == len(prepared)


MISTAKES = [
    (traits("Flormiond", "Claire|Marie"), "two letters swapped in the name"),
    (traits("Florimond", "Clare|Marie"), "a letter missing in the given name"),
    (traits("Florimond", "Claire", "1987-06-15"), "a wrong day, a list cut short"),
    (traits("Claire", "Florimond"), "name and given name inverted"),
    (traits("Florimond", "Claire", "1987-06-14", place="97311"), "another commune"),
    (traits("Florimont", "Klaire", "1987-06-14"), "both names misspelt"),
    (traits("Sébastien", "Claire", used_family="Florimond"), "the used name only"),
    (traits("Florimond", "Claire", "1987-01-01"), "first of January"),
    (traits("Florimond", "Marie|Claire", gender="male"), "given names reordered, wrong sex"),
    (traits("Sambo", "Claire", "1987-06-04", "male"), "the used name, another day, wrong sex"),
    (traits("Florimond", "Ana", "1978-06-14", place=""), "no place, another given name and year"),
]


@pytest.mark.parametrize(("mistaken", "what"), MISTAKES, ids=[what for _, what in MISTAKES])
def test_a_person_written_with_mistakes_keeps_a_key_in_common(mistaken, what):
    true = rules.prepare(traits("Florimond", "Claire|Marie"))
    shared = set(rules.blocking_keys(true)) & set(rules.blocking_keys(rules.prepare(mistaken)))
    assert shared
