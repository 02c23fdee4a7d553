"""The pages of assessments, as each reader meets them."""

import re
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from carbet.coordination.assessments.models import Questionnaire, QuestionnaireResponse
from carbet.core import clock, row_security
from carbet.core.actor import internal

pytestmark = pytest.mark.django_db
KEPT = ("COH", "ORI", "TOI", "HAB", "ALI", "ELI", "TRA", "DEP")
WELL = {"triste": ["non"], "vide": ["non"], "heureux": ["oui"], "desesperee": ["non"]}


@pytest.fixture
def open_as(world, sign_in, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: world.now)

    def open_as(key):
        return sign_in(world.accounts[key], role=world.roles[key])

    return open_as


def address(name, patient, *rest):
    return reverse(f"assessments:{name}", args=[patient.pk, *rest])


def typed(world, answers, *, seen=1, **more):
    fields = {f"q-{link_id}": values for link_id, values in answers.items()}
    return fields | {"seen": seen, "authored_at": "2026-11-22T08:00"} | more


def kept():
    with row_security.acting_as(internal("test")):
        return QuestionnaireResponse.objects.get()


def test_from_the_library_to_the_result(world, patient, questionnaire, open_as):
    client = open_as("nurse")
    page = client.get(address("choose", patient)).content.decode()
    assert "Mini-GDS" in page
    begun = client.post(
        address("begin", patient),
        {"questionnaire": questionnaire("mini-gds").pk, "gesture": str(uuid4())},
    )
    assert begun.status_code == 302
    answer = client.post(begun.url, typed(world, {"triste": ["oui"]}, fait="brouillon"))
    assert (answer.status_code, answer.url) == (302, begun.url)
    page = client.get(begun.url).content.decode()
    assert 'value="oui" id="id_q-triste" checked' in page
    sad = WELL | {"triste": ["oui"]}
    done = client.post(begun.url, typed(world, sad, seen=2, fait="terminer"), follow=True)
    assert "Dépression possible" in done.content.decode()
    assert "Rechercher une dépression" in done.content.decode()


def test_a_missing_answer_is_said_where_it_belongs_and_nothing_typed_is_lost(
    world, patient, assess, open_as
):
    response = assess("mini-gds")
    client = open_as("nurse")
    answer = client.post(
        address("fill", patient, response.pk),
        typed(world, {"triste": ["oui"]}, fait="terminer"),
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert page.count("Cette réponse manque.") == 6  # in the summary, and at each question
    assert 'value="oui" id="id_q-triste" checked' in page
    assert kept().answers == {}


def test_the_screen_of_before_is_refused_and_keeps_what_it_says(world, patient, assess, open_as):
    response = assess("mini-gds", {"triste": ["non"]}, finished=False)
    client = open_as("nurse")
    answer = client.post(
        address("fill", patient, response.pk), typed(world, WELL, seen=1, fait="terminer")
    )
    assert answer.status_code == 422
    assert "enregistrée entre-temps" in answer.content.decode()
    assert 'value="oui" id="id_q-heureux" checked' in answer.content.decode()


def test_a_question_waits_for_the_answer_that_asks_for_it(world, patient, assess, open_as):
    response = assess("risque-chute")
    client = open_as("nurse")
    where = address("fill", patient, response.pk)
    waiting = '[false,[["q-chute","=","oui"]]]" hidden'.replace('"', "&quot;", 6)
    page = client.get(where).content.decode()
    assert waiting in page
    client.post(where, typed(world, {"chute": ["oui"]}, fait="brouillon"))
    page = client.get(where).content.decode()
    assert waiting not in page
    assert waiting.removesuffix(" hidden") in page


BOATS = {
    "resourceType": "Questionnaire",
    "url": "urn:test:pirogue",
    "version": "1",
    "title": "Pirogue",
    "copyright": "La région.",
    "item": [
        {"linkId": "a", "type": "boolean", "text": "A-t-elle une pirogue ?", "required": True},
        {
            "linkId": "b",
            "type": "string",
            "text": "Laquelle ?",
            "enableWhen": [{"question": "a", "operator": "=", "answerBoolean": True}],
        },
        {"linkId": "n", "type": "integer", "text": "Combien de places ?", "required": True},
    ],
}


@pytest.fixture
def boats(world):
    return Questionnaire.objects.create(
        url=BOATS["url"],
        version="1",
        title="Pirogue",
        status="active",
        definition=BOATS,
        updated_at=world.now,
    )


def test_a_refused_page_loses_nothing_of_what_was_asked(world, patient, boats, open_as):
    client = open_as("nurse")
    begun = client.post(
        address("begin", patient), {"questionnaire": boats.pk, "gesture": str(uuid4())}
    )
    sent = typed(world, {"a": ["oui"], "b": ["La bleue"], "n": ["six"]}, fait="terminer")
    answer = client.post(begun.url, sent)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="La bleue"' in page
    assert 'value="six"' in page
    assert not re.search(r'data-when="[^"]*" hidden', page)
    assert 'value="1" max="2"' in page  # one of two answers that are needed


def test_a_no_counts_as_an_answer_and_a_null_sign_does_not_break(world, patient, boats, open_as):
    client = open_as("nurse")
    begun = client.post(
        address("begin", patient), {"questionnaire": boats.pk, "gesture": str(uuid4())}
    )
    sent = typed(world, {"a": ["non"], "b": ["x\x00y"], "n": ["4\x00"]}, fait="brouillon")
    assert client.post(begun.url, sent).status_code == 422
    sent = typed(world, {"a": ["oui"], "b": ["x\x00y"]}, fait="brouillon")
    assert client.post(begun.url, sent).status_code == 302
    assert kept().answers == {"a": [True], "b": ["xy"]}
    sent = typed(world, {"a": ["non"], "n": ["4"]}, seen=2, fait="terminer")
    assert client.post(begun.url, sent).status_code == 302
    assert kept().answers == {"a": [False], "n": ["4"]}


def test_a_gesture_that_served_elsewhere_is_said(world, patient, questionnaire, open_as):
    sent = {"questionnaire": questionnaire("mini-gds").pk, "gesture": str(uuid4())}
    open_as("nurse").post(address("begin", patient), sent)
    answer = open_as("gp").post(address("begin", patient), sent)
    assert (answer.status_code, answer.url) == (302, address("choose", patient))


@pytest.mark.parametrize("times", [1, 12])
def test_pages_ask_no_more_with_many_assessments(world, patient, assess, open_as, times):
    for rank in range(times):
        world.later(minutes=1)
        assess("mini-gds", WELL | {"triste": ["oui" if rank % 2 else "non"]})
        assess("douleur-en", {"maintenant": [str(rank % 10)]})
    last = assess("aggir")
    client = open_as("nurse")
    pages = [
        address("list", patient),
        address("choose", patient),
        address("fill", patient, last.pk),
        address("detail", patient, last.pk),
        address("compare", patient, last.questionnaire_id),
    ]
    assess("aggir", {code: ["A"] for code in KEPT})
    for page in pages:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(page).status_code == 200
        asked = [one["sql"] for one in captured if "SAVEPOINT" not in one["sql"]]
        assert len(asked) <= 8, (page, asked)


def test_answers_over_time_stand_side_by_side(world, patient, assess, questionnaire, open_as):
    assess("mini-gds", WELL)
    world.later(days=30)
    assess("mini-gds", WELL | {"triste": ["oui"]})
    page = open_as("physio").get(address("compare", patient, questionnaire("mini-gds").pk))
    text = page.content.decode()
    assert text.count("changé</span>") == 2  # the answer, and the score
    assert "<svg" in text


def test_withdrawing_asks_why(world, patient, assess, open_as):
    response = assess("mini-gds", WELL)
    client = open_as("nurse")
    where = address("withdraw", patient, response.pk)
    assert client.post(where, {"reason": ""}).status_code == 422
    assert client.post(where, {"reason": "Autre personne"}).status_code == 302
    page = client.get(address("list", patient)).content.decode()
    assert "Retirée" in page
    assert "Autre personne" in page


def test_somebody_else_s_finished_assessment_is_read_not_changed(patient, assess, open_as):
    response = assess("mini-gds", WELL)
    client = open_as("physio")
    where = address("fill", patient, response.pk)
    assert client.get(where).url == address("detail", patient, response.pk)
    assert "Corriger" not in client.get(address("detail", patient, response.pk)).content.decode()


def test_an_unknown_questionnaire_does_not_exist(patient, open_as):
    client = open_as("nurse")
    for number in ("999999", "abc", "", "-1", str(2**70)):
        answer = client.post(
            address("begin", patient), {"questionnaire": number, "gesture": str(uuid4())}
        )
        assert answer.status_code in (302, 404)
    assert not QuestionnaireResponse.objects.exists()


def test_pages_come_one_after_the_other(world, patient, assess, open_as):
    for _ in range(27):
        assess("douleur-en", {"maintenant": ["3"]})
    client = open_as("nurse")
    first = client.get(address("list", patient))
    assert len(first.context["lines"]) == 25
    second = client.get(address("list", patient) + first.context["next"])
    assert len(second.context["lines"]) == 2
    numbers = {line.pk for page in (first, second) for line in page.context["lines"]}
    assert len(numbers) == 27
