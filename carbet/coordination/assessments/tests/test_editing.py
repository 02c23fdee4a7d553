"""A questionnaire written piece by piece is one that the engine reads, and keeps what it was."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbet.coordination.assessments import library
from carbet.coordination.assessments.rules import answers, definitions, editing
from carbet.coordination.assessments.rules.editing import Meaning, Written

BLANK = editing.blank(url="urn:carbet:questionnaire:essai", version="1", title="Essai")
HOW_OFTEN = "Jamais = 0\nParfois = 1,5\nSouvent = 3"


def questionnaire():
    body = editing.with_question(BLANK, Written("Sort-elle ?", "choice", options=HOW_OFTEN))
    body = editing.with_question(body, Written("Est-elle seule ?", "boolean"))
    body = editing.with_question(
        body,
        Written("Depuis quand ?", "string", only_if="q2", only_if_answer="Oui", required=False),
    )
    return editing.summed(body, wanted=True, label="Points")


def test_what_is_written_is_asked_and_scored():
    body = editing.with_meanings(
        questionnaire(),
        [Meaning(None, Decimal("1.5"), "Bien"), Meaning(Decimal(3), None, "À voir", "warning")],
    )
    definition = definitions.read(body)
    kept, errors = answers.check(
        definition, {"q1": ["r3"], "q2": ["oui"], "q3": ["2024"]}, complete=True
    )
    assert not errors
    [found] = answers.findings(definition, answers.scores(definition, kept))
    assert (found.value, found.threshold.meaning) == ("3", "À voir")
    assert answers.scores(definition, {"q2": [True]}) == {}


def test_a_question_changed_keeps_its_place_its_codes_and_its_conditions():
    body = questionnaire()
    wider = Written("Sort-elle encore ?", "choice", "q1", options=HOW_OFTEN + "\nToujours = 4")
    changed = editing.with_question(body, wider)
    assert [one["linkId"] for one in changed["item"]] == ["q1", "q2", "q3", "total"]
    codes = [one["valueCoding"]["code"] for one in changed["item"][0]["answerOption"]]
    assert codes == ["r1", "r2", "r3", "r4"]
    assert body["item"][0]["text"] == "Sort-elle ?"  # what was given is not changed


def test_the_editor_shows_what_it_wrote():
    first, second, third = editing.questions(questionnaire())
    assert (first.kind, first.options) == ("choice", HOW_OFTEN)
    assert (third.only_if, third.only_if_answer) == ("q2", "oui")
    assert all(one.editable for one in (first, second, third))


def test_questions_move_and_go_and_the_total_stays_last():
    body = editing.moved(questionnaire(), "q1", by=1)
    assert [one["linkId"] for one in body["item"]] == ["q2", "q1", "q3", "total"]
    assert editing.moved(body, "q2", by=-1) == body
    assert editing.moved(body, "q3", by=1) == body
    gone = editing.without(body, "q2")
    with pytest.raises(definitions.RefusedQuestionnaire, match="n’existe pas"):
        definitions.read(gone)  # said when it is published: the condition waits for it


@pytest.mark.parametrize(
    ("lines", "words"),
    [("", "une par ligne"), ("  \n\n", "une par ligne"), ("Oui\noui", "écrite deux fois")],
)
def test_lines_of_answers_that_cannot_be_read(lines, words):
    with pytest.raises(editing.UnusableOptions, match=words):
        editing.read_options(lines)


def test_a_condition_on_an_answer_that_does_not_exist_is_refused():
    with pytest.raises(editing.UnusableOptions, match="n’est pas une réponse"):
        editing.with_question(
            questionnaire(), Written("?", "string", only_if="q1", only_if_answer="Toujours")
        )


@pytest.mark.parametrize("body", library.files(), ids=lambda body: body["name"])
def test_opening_the_library_in_the_editor_loses_nothing(body):
    """What the editor does not draw stays as it came."""
    told = editing.described(
        body,
        title=body["title"],
        description=body["description"],
        source=definitions.source_of(body),
        rights=body["copyright"],
    )
    assert definitions.read(told) == definitions.read(body)
    for question in editing.questions(body):
        if question.editable:
            definitions.read(editing.with_question(body, question))


KINDS = st.sampled_from(sorted(editing.KINDS))
# A null character cannot be kept: its refusal is tested apart.
WORDS = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20
).filter(str.strip)


def test_a_null_character_is_refused_at_its_question():
    body = editing.with_question(BLANK, Written("Sort\x00elle ?", "boolean"))
    with pytest.raises(definitions.RefusedQuestionnaire, match="caractère"):
        definitions.read(body)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(KINDS, WORDS, st.booleans()),
        min_size=1,
        max_size=8,
    ),
    st.lists(st.tuples(st.integers(1, 8), st.sampled_from([-1, 1])), max_size=6),
)
def test_whatever_is_written_can_be_asked(questions, moves):
    body = BLANK
    for kind, text, required in questions:
        body = editing.with_question(
            body, Written(text, kind, required=required, options="a = 1\nb = 2")
        )
    body = editing.summed(body, wanted=True)
    for number, by in moves:
        body = editing.moved(body, f"q{number}", by=by)
    definition = definitions.read(body)
    shown = {one.link_id: (one.kind, one.text.strip()) for one in editing.questions(body)}
    assert shown == {
        f"q{rank}": (kind, text.strip()) for rank, (kind, text, _) in enumerate(questions, 1)
    }
    given_answers = {
        item.link_id: [item.options[0].code] for item in definition.asked if item.options
    }
    points = sum(len(values) for values in given_answers.values())
    assert answers.scores(definition, given_answers) == {"total": str(points)}
