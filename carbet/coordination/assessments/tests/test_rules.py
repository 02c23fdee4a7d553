"""The engine: what a questionnaire may ask, which questions stand, which answers hold."""

import copy
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbet.coordination.assessments.rules import answers, definitions, expressions

CALCULATED = definitions.CALCULATED


def coded(*codes):
    return [{"valueCoding": {"code": code, "display": code.upper()}} for code in codes]


def questionnaire(*items, **more):
    return {
        "resourceType": "Questionnaire",
        "url": "urn:test",
        "version": "1",
        "title": "Essai",
        "item": list(items),
    } | more


def item(link_id, kind="string", **more):
    return {"linkId": link_id, "text": link_id, "type": kind} | more


def computed(expression, link_id="score", kind="decimal"):
    return item(
        link_id,
        kind,
        readOnly=True,
        extension=[
            {
                "url": CALCULATED,
                "valueExpression": {"language": "text/fhirpath", "expression": expression},
            }
        ],
    )


def when(question, operator="=", **answer):
    return {"question": question, "operator": operator} | (answer or {"answerBoolean": True})


def refused(body):
    with pytest.raises(definitions.RefusedQuestionnaire) as refusal:
        definitions.read(body)
    return [(one.place, one.sentence) for one in refusal.value.problems]


A, B, C = item("a", "boolean"), item("b", "boolean"), item("c", "boolean")


@pytest.mark.parametrize(
    ("items", "place", "words"),
    [
        ([item("a"), item("a")], "Questionnaire.item[1].linkId", "sert deux fois"),
        ([item("")], "Questionnaire.item[0].linkId", "manque"),
        ([item("a", "attachment")], "Questionnaire.item[0].type", "non pris en charge"),
        ([item("a", "reference")], "Questionnaire.item[0].type", "non pris en charge"),
        ([item("a", "group", repeats=True)], "Questionnaire.item[0].repeats", "se répète"),
        ([item("a", "choice")], "Questionnaire.item[0].answerOption", "manquent"),
        (
            [item("a", "choice", answerOption=coded("x", "x"))],
            "Questionnaire.item[0].answerOption[1]",
            "deux fois",
        ),
        (
            [item("a", "choice", answerValueSet="urn:vs", answerOption=coded("x"))],
            "Questionnaire.item[0].answerValueSet",
            "answerOption",
        ),
        (
            [A, B | {"enableWhen": [when("z")]}],
            "Questionnaire.item[1].enableWhen[0].question",
            "n’existe pas",
        ),
        (
            [A | {"enableWhen": [when("b")]}, B | {"enableWhen": [when("a")]}],
            "Questionnaire.item[0].enableWhen",
            "sa propre réponse",
        ),
        (
            [
                A | {"enableWhen": [when("c")]},
                B | {"enableWhen": [when("a")]},
                C | {"enableWhen": [when("b")]},
            ],
            "Questionnaire.item[2].enableWhen",
            "sa propre réponse",
        ),
        (
            [item("g", "group", item=[A], enableWhen=[when("a")])],
            "Questionnaire.item[0].item[0].enableWhen",
            "sa propre réponse",
        ),
        (
            [A, B, C | {"enableWhen": [when("a"), when("b")]}],
            "Questionnaire.item[2].enableBehavior",
            "une condition suffit",
        ),
        (
            [A, B | {"enableWhen": [when("a", "contains")]}],
            "Questionnaire.item[1].enableWhen[0]",
            "opérateur connu",
        ),
        (
            [computed("%resource.repeat(item).count()")],
            "Questionnaire.item[0].valueExpression.expression",
            "repeat()",
        ),
        (
            [computed("(1 | 2).aggregate($this + $total, 0)")],
            "Questionnaire.item[0].valueExpression.expression",
            "aggregate()",
        ),
        (
            [computed("1 + (2")],
            "Questionnaire.item[0].valueExpression.expression",
            "mal écrite",
        ),
        ([computed("1 2")], "Questionnaire.item[0].valueExpression.expression", "mal écrite"),
        (
            [computed("%inconnue + 1")],
            "Questionnaire.item[0].valueExpression.expression",
            "n’est pas définie",
        ),
        (
            [computed("1 + " * 600 + "1")],
            "Questionnaire.item[0].valueExpression.expression",
            "2000 caractères",
        ),
        (
            [computed("%resource.item.where(item.where(linkId = 'a').exists()).count()")],
            "Questionnaire.item[0].valueExpression.expression",
            "imbriquée",
        ),
        (
            [computed("(" * 900 + "1" + ")" * 900)],
            "Questionnaire.item[0].valueExpression.expression",
            "imbriquée",
        ),
        ([computed("1", kind="boolean")], "Questionnaire.item[0].type", "nombre ou un texte"),
        ([], "Questionnaire.item", "Aucune question"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_place(items, place, words):
    problems = refused(questionnaire(*items))
    assert any(where == place and words in sentence for where, sentence in problems), problems


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"resourceType": "Patient"},
        questionnaire(item("a"), title=3),
        questionnaire(item("a")) | {"item": {"linkId": "a"}},
        questionnaire(item("a")) | {"item": ["a", None, 4]},
        questionnaire({"linkId": 4, "type": ["string"]}),
        questionnaire(item("a", "choice", answerOption=[None, 3, {"valueCoding": 4}])),
        questionnaire(item("a", enableWhen=["x", {"question": 3}])),
        questionnaire(item("a", extension="x", maxLength="long")),
        questionnaire(item("a"), extension=[{"url": definitions.VARIABLE}]),
        questionnaire(item("a"), extension=[{"url": definitions.THRESHOLD, "extension": "x"}]),
        questionnaire(item("a", extension="x")),
        questionnaire(item("a", extension=["x"])),
        questionnaire(item("a", answerOption="x")),
        questionnaire(item("a", answerOption=[{"valueCoding": "x"}])),
        questionnaire(item("a", item=["x"])),
        questionnaire(item("a", text="x\x00y")),
        questionnaire(item("a"), extension={"url": definitions.SOURCE}),
    ],
)
def test_a_hostile_shape_is_refused_never_a_crash(body):
    assert refused(body)


def test_a_questionnaire_of_ten_thousand_items_is_refused_quickly():
    begun = time.monotonic()
    problems = refused(questionnaire(*(item(str(rank)) for rank in range(10_000))))
    assert any("300 éléments" in sentence for _, sentence in problems)
    assert time.monotonic() - begun < 5


def test_groups_without_end_are_refused():
    deep = item("0")
    for rank in range(1, 50):
        deep = item(str(rank), "group", item=[deep])
    assert any("niveaux" in sentence for _, sentence in refused(questionnaire(deep)))


def test_a_long_chain_of_conditions_is_refused_before_it_is_followed():
    items = [item("0", "boolean")]
    items += [
        item(str(rank), "boolean", enableWhen=[when(str(rank - 1))]) for rank in range(1, 200)
    ]
    assert any("60 réponses" in sentence for _, sentence in refused(questionnaire(*items)))


@pytest.mark.parametrize(
    ("condition", "given", "stands"),
    [
        (when("q", "exists", answerBoolean=True), [], False),
        (when("q", "exists", answerBoolean=True), ["3"], True),
        (when("q", "exists", answerBoolean=False), [], True),
        (when("q", "=", answerInteger=3), ["3"], True),
        (when("q", "=", answerInteger=3), ["3.0"], True),
        (when("q", "!=", answerInteger=3), ["3"], False),
        (when("q", "!=", answerInteger=3), [], False),
        (when("q", ">", answerInteger=9), ["10"], True),  # as numbers, not as texts
        (when("q", "<", answerInteger=9), ["10"], False),
        (when("q", ">=", answerDecimal=2.5), ["2.5"], True),
        (when("q", "<=", answerDecimal=2.5), ["2.6"], False),
    ],
)
def test_when_a_question_is_asked(condition, given, stands):
    definition = definitions.read(
        questionnaire(item("q", "decimal"), item("next", enableWhen=[condition]))
    )
    assert ("next" in answers.enabled(definition, {"q": given})) is stands


def test_a_question_behind_one_that_is_not_asked_is_not_asked_either():
    definition = definitions.read(
        questionnaire(A, B | {"enableWhen": [when("a")]}, item("c", enableWhen=[when("b")]))
    )
    assert answers.enabled(definition, {"a": [False], "b": [True]}) == {"a"}
    kept, errors = answers.check(
        definition, {"a": ["non"], "b": ["oui"], "c": ["x"]}, complete=True
    )
    assert (kept, errors) == ({"a": [False]}, {})


NUMBER = item(
    "n",
    "quantity",
    extension=[
        {"url": definitions.MINIMUM, "valueDecimal": 20},
        {"url": definitions.MAXIMUM, "valueDecimal": 300},
        {"url": definitions.UNIT, "valueCoding": {"code": "kg", "display": "kg"}},
    ],
)


@pytest.mark.parametrize(
    ("question", "typed", "kept"),
    [
        (NUMBER, "68,20", "68.2"),
        (NUMBER, "1e2", "100"),
        (NUMBER, "19", "Au moins 20 kg."),
        (NUMBER, "301", "Au plus 300 kg."),
        (NUMBER, "NaN", "Écrivez un nombre."),
        (NUMBER, "1e999999", "Écrivez un nombre."),
        (NUMBER, "soixante", "Écrivez un nombre."),
        (item("n", "integer"), "3", "3"),
        (item("n", "integer"), "3,5", "Écrivez un nombre entier."),
        (item("n", "date"), "2026-02-30", "Écrivez une date."),
        (item("n", "date"), "2026-02-28", "2026-02-28"),
        (item("n", "boolean"), "oui", True),
        (item("n", "boolean"), "peut-être", "Répondez par oui ou par non."),
        (item("n", "choice", answerOption=coded("x")), "x", "x"),
        (item("n", "choice", answerOption=coded("x")), "y", "Choisissez une réponse de la liste."),
        (
            item("n", "choice", answerOption=coded("x")),
            {"text": "autre"},
            "Choisissez une réponse de la liste.",
        ),
        (item("n", "open-choice", answerOption=coded("x")), {"text": "autre"}, {"text": "autre"}),
        (item("n", maxLength=5), "123456", "5 caractères au plus."),
        (item("n", "text"), "un\ntexte 🛶", "un\ntexte 🛶"),
    ],
)
def test_what_each_kind_of_question_takes(question, typed, kept):
    definition = definitions.read(questionnaire(question))
    good, errors = answers.check(definition, {"n": [typed]}, complete=True)
    assert kept in (good.get("n", [None])[0], errors.get("n"))


def test_one_answer_only_unless_the_question_repeats():
    one = item("n", "choice", answerOption=coded("x", "y"))
    for question, expected in (
        (one, ({}, {"n": "Une seule réponse."})),
        (one | {"repeats": True}, ({"n": ["x", "y"]}, {})),
    ):
        definition = definitions.read(questionnaire(question))
        assert answers.check(definition, {"n": ["x", "y"]}, complete=False) == expected


def test_an_expression_that_meets_what_it_does_not_understand_says_nothing():
    definition = definitions.read(
        questionnaire(
            item("n"), computed("%resource.item.answer.value + 1"), computed("1 / 0", "z")
        )
    )
    assert answers.scores(definition, {"n": ["texte"]}) == {}


def test_the_dearest_expression_allowed_reads_the_answers_a_bounded_number_of_times():
    """As many criteria as 2,000 characters hold, over the most items: a bound, not a hope."""
    items = [item(str(rank), "boolean") for rank in range(299)]
    many = " + ".join(["%resource.item.where(answer.value = true).count()"] * 37)
    definition = definitions.read(questionnaire(*items, computed(many)))
    found = answers.scores(definition, {str(rank): [True] for rank in range(299)})
    assert found == {"score": str(299 * 37)}


def test_what_is_read_is_not_changed():
    body = questionnaire(item("a", enableWhen=[]), computed("1"))
    before = copy.deepcopy(body)
    definitions.read(body)
    assert body == before


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "n", "t", "c"]),
        st.lists(
            st.one_of(
                st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
                st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
            ),
            max_size=3,
        ),
    )
)  # fmt: skip
def test_whatever_is_sent_is_kept_clean_or_refused_in_french(sent):
    definition = definitions.read(
        questionnaire(
            A,
            B | {"enableWhen": [when("a")]},
            item("n", "decimal"),
            item("t", "text", maxLength=10),
            item("c", "open-choice", answerOption=coded("x", "y"), repeats=True),
            computed("%resource.item.where(linkId = 'n').answer.value * 2"),
        )
    )
    kept, errors = answers.check(definition, sent, complete=True)
    assert all(isinstance(sentence, str) and sentence for sentence in errors.values())
    # What is kept is accepted again as it is, and says the same.
    again, none = answers.check(definition, kept, complete=False)
    assert (again, none) == (kept, {})
    assert answers.scores(definition, kept) == answers.scores(definition, again)


@pytest.mark.parametrize(
    "node",
    [
        3,
        "x",
        {"extension": "x"},
        {"extension": ["x"]},
        {"extension": [{"url": "urn:x", "valueDecimal": 4}]},
        {"extension": [{"url": expressions.ORDINAL, "valueDecimal": "beaucoup"}]},
        {"extension": [{"url": expressions.ORDINAL, "valueDecimal": True}]},
        {"extension": [{"url": expressions.ORDINAL}]},
    ],
)
def test_weights_are_read_from_numbers_on_coded_answers_only(node):
    assert expressions.weight([node]) == []
