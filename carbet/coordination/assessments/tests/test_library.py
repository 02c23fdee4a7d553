"""Every questionnaire of the library, against published cuts and worked examples.

Each table reads: what the person does or answers, then what the score must say.
"""

import random

import pytest

from carbet.coordination.assessments import library
from carbet.coordination.assessments.rules import answers, definitions

READ = {body["name"]: definitions.read(body) for body in library.files()}

ACTIVITIES = ("COH", "ORI", "TOI", "HAB", "ALI", "ELI", "TRA", "DEP")
# Source: Code de l'action sociale et des familles, annexe 2-2, groups A to H. For each activity in
# the order above: what C counts for, what B counts for; then the ranks by least sum.
GROUPS = {
    "A": (
        (2000, 1200, 40, 40, 60, 100, 800, 200),
        (0, 0, 16, 16, 20, 16, 120, 32),
        ((4380, 1), (4140, 2), (3390, 3)),
    ),
    "B": (
        (1500, 1200, 40, 40, 60, 100, 800, -80),
        (320, 120, 16, 16, 0, 16, 120, -40),
        ((2016, 4),),
    ),
    "C": (
        (0, 0, 40, 40, 60, 160, 1000, 400),
        (0, 0, 16, 16, 20, 20, 200, 40),
        ((1700, 5), (1432, 6)),
    ),
    "D": ((0, 0, 0, 0, 2000, 400, 2000, 200), (0, 0, 0, 0, 200, 200, 200, 0), ((2400, 7),)),
    "E": (
        (400, 400, 400, 400, 400, 800, 800, 200),
        (0, 0, 100, 100, 100, 100, 100, 0),
        ((1200, 8),),
    ),
    "F": (
        (200, 200, 500, 500, 500, 500, 500, 200),
        (100, 100, 100, 100, 100, 100, 100, 0),
        ((800, 9),),
    ),
    "G": (
        (150, 150, 300, 300, 500, 500, 400, 200),
        (0, 0, 200, 200, 200, 200, 200, 100),
        ((650, 10),),
    ),
    "H": (
        (0, 0, 3000, 3000, 3000, 3000, 1000, 1000),
        (0, 0, 2000, 2000, 2000, 2000, 2000, 1000),
        ((4000, 11), (2000, 12)),
    ),
}
GIR = {1: 1, **dict.fromkeys(range(2, 8), 2), 8: 3, 9: 3, 10: 4, 11: 4, 12: 5, 13: 6}


def said(name, given):
    """Return the scores of answers given as one value a question, all of them accepted."""
    many = {
        link_id: list(value) if isinstance(value, list) else [value]
        for link_id, value in given.items()
    }
    kept, errors = answers.check(READ[name], many, complete=True)
    assert not errors
    return answers.scores(READ[name], kept)


def meaning(name, given, score):
    found = answers.findings(READ[name], said(name, given))
    return next(one.threshold.meaning for one in found if one.item.link_id == score)


def same(name, value, group="questions"):
    """Return the same answer to every question of a group."""
    return {item.link_id: value for item in READ[name].by_id[group].items}


def published_rank(letters):
    for c_counts, b_counts, ranks in GROUPS.values():
        total = sum(
            {"C": c, "B": b, "A": 0}[letter]
            for letter, c, b in zip(letters, c_counts, b_counts, strict=True)
        )
        for least, rank in ranks:
            if total >= least:
                return rank
    return 13


@pytest.mark.parametrize(
    ("letters", "rank", "gir"),
    [
        # COH ORI TOI HAB ALI ELI TRA DEP
        ("CCCCCCCC", 1, 1),  # everything lost
        ("CCCCCCCA", 2, 2),  # the same, still moving about: 4240
        ("CCAAAABB", 4, 2),  # mind lost, body kept: B = 2780
        ("AACCCCCC", 5, 2),  # mind kept, bedridden: C = 1700
        ("AACCBCCC", 6, 2),  # 1660
        ("AAAACACA", 7, 2),  # to be fed and lifted: D = 4000
        ("AACCCAAA", 8, 3),  # E = 1200
        ("AACBABAA", 9, 3),  # F = 700: below; G decides; see the law
        ("AACCAAAA", 9, 3),  # F = 1000
        ("AAABAAAA", 12, 5),  # one act in part: H = 2000
        ("AABBAAAA", 11, 4),  # two acts in part: H = 4000
        ("AAAAAAAA", 13, 6),  # everything kept
    ],
)
def test_aggir_by_the_published_groups(letters, rank, gir):
    if letters == "AACBABAA":
        rank, gir = 10, 4  # F: 500 + 100 + 100 = 700 < 800; G: 300 + 200 + 200 = 700 >= 650
    scores = said("aggir", dict(zip(ACTIVITIES, letters, strict=True)))
    assert (scores["rang"], scores["gir"]) == (str(rank), str(gir))
    assert published_rank(letters) == rank


def test_aggir_agrees_with_the_law_on_cases_drawn_at_random():
    draw = random.Random(1997)
    for _ in range(150):
        letters = "".join(draw.choices("ABC", weights=(3, 1, 1), k=8))
        scores = said("aggir", dict(zip(ACTIVITIES, letters, strict=True)))
        rank = published_rank(letters)
        assert (scores["rang"], scores["gir"]) == (str(rank), str(GIR[rank])), letters


def test_aggir_says_nothing_while_an_activity_is_missing():
    kept, errors = answers.check(READ["aggir"], {"COH": ["A"]}, complete=True)
    assert len(errors) == 7
    assert answers.scores(READ["aggir"], kept) == {}


EPICES_YES = {
    # Source: Cetaf 2005; the constant 75.14 and what each « oui » adds.
    "q1": 10.06,
    "q2": -11.83,
    "q3": -8.28,
    "q4": -8.28,
    "q5": 14.80,
    "q6": -6.51,
    "q7": -7.10,
    "q8": -7.10,
    "q9": -9.47,
    "q10": -9.47,
    "q11": -7.10,
}


@pytest.mark.parametrize(
    ("yes", "score", "words"),
    [
        ((), "75.14", "Précarité forte"),
        (("q1", "q5"), "100", "Précarité forte"),  # the most precarious, by construction
        (("q2", "q3", "q4", "q6", "q7", "q8", "q9", "q10", "q11"), "0", "Sous le seuil"),
        (("q2", "q3", "q4", "q9", "q10"), "27.81", "Sous le seuil"),
        (("q2", "q3", "q4", "q10"), "37.28", "Précarité (quatrième"),
        (("q2", "q5"), "78.11", "Précarité forte"),
    ],
)
def test_epices(yes, score, words):
    given = {question: "oui" if question in yes else "non" for question in EPICES_YES}
    assert said("epices", given)["total"] == score
    assert meaning("epices", given, "total").startswith(words)


@pytest.mark.parametrize("question", EPICES_YES)
def test_epices_counts_each_answer_for_its_coefficient(question):
    given = dict.fromkeys(EPICES_YES, "non") | {question: "oui"}
    assert float(said("epices", given)["total"]) == pytest.approx(75.14 + EPICES_YES[question])


@pytest.mark.parametrize(
    ("triste", "vide", "heureux", "desesperee", "score", "words"),
    [
        ("non", "non", "oui", "non", "0", "Forte probabilité d’absence"),
        ("non", "non", "non", "non", "1", "Dépression possible"),
        ("oui", "non", "oui", "non", "1", "Dépression possible"),
        ("oui", "oui", "non", "oui", "4", "Dépression possible"),
    ],
)
def test_mini_gds(triste, vide, heureux, desesperee, score, words):
    given = {"triste": triste, "vide": vide, "heureux": heureux, "desesperee": desesperee}
    assert said("mini_gds", given)["total"] == score
    assert meaning("mini_gds", given, "total").startswith(words)


@pytest.mark.parametrize(
    ("name", "group", "value", "score", "words"),
    [
        ("adl_katz", "activites", "1", "6", "Indépendance"),
        ("adl_katz", "activites", "0.5", "3", "Dépendance partielle"),
        ("adl_katz", "activites", "0", "0", "Dépendance majeure"),
        ("mini_zarit", "questions", "jamais", "0", "Charge absente ou légère"),
        ("mini_zarit", "questions", "parfois", "3.5", "Charge modérée à sévère"),
        ("mini_zarit", "questions", "souvent", "7", "Charge sévère"),
        ("solitude", "questions", "1", "3", "Pas de solitude"),
        ("solitude", "questions", "2", "6", "Solitude"),
        ("solitude", "questions", "3", "9", "Solitude"),
        ("escarre_norton", "criteres", "4", "20", "Risque faible"),
        ("escarre_norton", "criteres", "2", "10", "Risque élevé"),
        ("escarre_norton", "criteres", "1", "5", "Risque élevé"),
        ("logement", "points", "non", "0", "Rien à améliorer"),
        ("logement", "points", "oui", "12", "Logement à adapter"),
    ],
)
def test_the_ends_of_each_scale(name, group, value, score, words):
    given = same(name, value, group)
    assert said(name, given)["total"] == score
    assert meaning(name, given, "total").startswith(words)


@pytest.mark.parametrize(
    ("criteria", "score", "words"),
    [
        ((3, 3, 3, 3, 3), "15", "Risque faible"),
        ((3, 3, 3, 3, 2), "14", "Risque d’escarre"),  # Norton 1962: at risk from 14
        ((3, 3, 2, 2, 2), "12", "Risque d’escarre"),
        ((3, 2, 2, 2, 2), "11", "Risque élevé"),  # high below 12
    ],
)
def test_norton_at_its_published_cuts(criteria, score, words):
    names = [item.link_id for item in READ["escarre_norton"].by_id["criteres"].items]
    given = dict(zip(names, map(str, criteria), strict=True))
    assert said("escarre_norton", given)["total"] == score
    assert meaning("escarre_norton", given, "total").startswith(words)


LAWTON = (
    *("telephone", "courses", "repas", "menage"),
    *("linge", "transport", "medicaments", "argent"),
)


@pytest.mark.parametrize(
    ("letters", "score"),
    [
        # Lawton and Brody 1969: which answer of each activity, and how many count one.
        ("aaaaaaaa", "8"),
        ("cbbdbcbb", "5"),
        ("dddececc", "0"),
    ],
)
def test_lawton(letters, score):
    given = {
        name: f"{rank}{letter}"
        for rank, (name, letter) in enumerate(zip(LAWTON, letters, strict=True), 1)
    }
    assert said("iadl_lawton", given)["total"] == score


@pytest.mark.parametrize(
    ("level", "words"),
    [(0, "Pas de douleur"), (3, "Douleur faible"), (4, "Douleur modérée"), (7, "Douleur intense")],
)
def test_pain(level, words):
    assert meaning("douleur_en", {"maintenant": str(level)}, "intensite").startswith(words)


@pytest.mark.parametrize(
    ("given", "degree", "words"),
    [
        # HAS 2021 (70 and over): one phenotypic and one etiologic criterion; severe under 20 kg/m²,
        # 10 % in a month or 15 % in six.
        ({"age": "70", "poids": "60", "taille": "160"}, "0", "non réunis"),  # 23.4
        ({"age": "70", "poids": "54", "taille": "160"}, "1", "modérée"),  # 21.1 < 22
        ({"age": "70", "poids": "51", "taille": "160"}, "2", "sévère"),  # 19.9 < 20
        ({"age": "18", "poids": "51", "taille": "160"}, "0", "non réunis"),  # 19.9 ≥ 18.5
        ({"age": "18", "poids": "47", "taille": "160"}, "1", "modérée"),  # 18.4 < 18.5
        ({"age": "18", "poids": "43,5", "taille": "160"}, "2", "sévère"),  # 17.0 ≤ 17
        ({"age": "70", "poids": "66,5", "taille": "160", "poids-1-mois": "70"}, "1", "modérée"),
        ({"age": "70", "poids": "63", "taille": "160", "poids-1-mois": "70"}, "2", "sévère"),
        ({"age": "70", "poids": "63", "taille": "160", "poids-6-mois": "70"}, "1", "modérée"),
        ({"age": "70", "poids": "59", "taille": "150", "poids-6-mois": "70"}, "2", "sévère"),
        ({"age": "70", "poids": "68", "taille": "160", "sarcopenie": "oui"}, "1", "modérée"),
        ({"age": "70", "poids": "51", "taille": "160", "causes": ["aucune"]}, "0", "non réunis"),
    ],
)
def test_undernutrition(given, degree, words):
    given = {"sarcopenie": "non", "causes": ["moitie"]} | given
    assert said("denutrition", given)["degre"] == degree
    assert words in meaning("denutrition", given, "degre")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "Pas de signe"),
        ({"fatigue": "oui", "jugement": "non"}, "Des signes, sans fragilité"),
        ({"fatigue": "oui", "jugement": "oui"}, "Fragilité repérée"),
    ],
)
def test_frailty_is_the_professional_s_judgement(given, words):
    assert meaning("fragilite", same("fragilite", "non") | given, "conclusion").startswith(words)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"chute": "non", "instable": "non", "peur": "non"}, {"total": "Pas de risque"}),
        (
            {"chute": "oui", "instable": "non", "peur": "non", "tug": "11,9"},
            {"total": "Risque de chute", "lever": "Marche et équilibre dans la norme"},
        ),
        (
            {"chute": "non", "instable": "oui", "peur": "non", "tug": "12"},
            {"total": "Risque de chute", "lever": "Marche et équilibre altérés"},
        ),
    ],
)
def test_falls(given, words):
    for score, expected in words.items():
        assert meaning("risque_chute", given, score).startswith(expected)


@pytest.mark.parametrize("name", READ)
def test_each_says_its_source_and_its_rights(name):
    definition = READ[name]
    assert definition.source
    assert definition.rights
    assert definition.description
    assert definition.scores


@pytest.mark.parametrize("name", READ)
def test_each_score_is_given_a_meaning_over_its_whole_range(name):
    """No value between the ends of the thresholds falls between two of them."""
    definition = READ[name]
    for score in {threshold.score for threshold in definition.thresholds}:
        bounds = [one for one in definition.thresholds if one.score == score]
        for before, after in zip(
            sorted(bounds, key=lambda one: one.least or -1)[:-1],
            sorted(bounds, key=lambda one: one.least or -1)[1:],
            strict=True,
        ):
            assert before.most is not None
            assert after.least is not None
            assert before.most < after.least
