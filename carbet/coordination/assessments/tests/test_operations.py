"""An assessment is begun, saved by pieces, finished, corrected, withdrawn: with its trace, once."""

from uuid import uuid4

import pytest

from carbet.coordination.assessments import library, operations, queries
from carbet.coordination.assessments.choices import ResponseStatus
from carbet.coordination.assessments.models import Questionnaire, QuestionnaireResponse
from carbet.core import row_security
from carbet.core.actor import internal
from carbet.core.models import AuditEvent, LiveEvent
from carbet.core.operation import UnableToAct

pytestmark = pytest.mark.django_db
WELL = {"triste": ["non"], "vide": ["non"], "heureux": ["oui"], "desesperee": ["non"]}


def everything(model, **filters):
    with row_security.acting_as(internal("test")):
        return list(model.objects.filter(**filters).order_by("pk"))


def save(world, response, answers, *, key="nurse", **more):
    given = {"seen_version": response.version, "finished": False} | more
    return operations.save(
        actor=world.actor(key), now=world.now, response=response, answers=answers, **given
    )


def test_a_finished_assessment_stands_with_its_scores_its_trace_and_its_refresh(assess, patient):
    response = assess("mini-gds", WELL)
    assert response.status == ResponseStatus.COMPLETED
    assert response.scores == {"total": "0"}
    [event] = everything(AuditEvent, operation="assessment.save")
    assert (event.patient_id, event.entity) == (
        patient.pk,
        f"QuestionnaireResponse/{response.pk}",
    )
    assert everything(LiveEvent, kind="assessment")


def test_a_draft_keeps_part_and_says_nothing_to_the_others(world, assess):
    response = assess("mini-gds", {"triste": ["oui"]}, finished=False)
    assert (response.status, response.scores) == (ResponseStatus.IN_PROGRESS, {})
    assert response.answers == {"triste": ["oui"]}
    assert not everything(LiveEvent, kind="assessment")
    # A colleague goes on with it, and signs what they finish.
    done = save(world, response, WELL, key="physio", finished=True)
    assert done.author_role_id == world.roles["physio"].pk


def test_what_is_missing_or_wrong_is_said_by_question_and_nothing_is_kept(world, assess):
    response = assess("mini-gds")
    with pytest.raises(operations.UnableToAssess) as refusal:
        save(world, response, {"triste": ["peut-être"], "vide": ["oui"]}, finished=True)
    assert refusal.value.errors == {
        "triste": "Choisissez une réponse de la liste.",
        "heureux": "Cette réponse manque.",
        "desesperee": "Cette réponse manque.",
    }
    [kept] = everything(QuestionnaireResponse)
    assert (kept.answers, kept.version) == ({}, 1)


def test_two_screens_never_overwrite_each_other(world, assess):
    response = assess("mini-gds")
    save(world, response, {"triste": ["oui"]})
    with pytest.raises(operations.SavedMeanwhile):
        save(world, response, WELL, finished=True)
    [kept] = everything(QuestionnaireResponse)
    assert kept.answers == {"triste": ["oui"]}


def test_the_same_gesture_begins_one(world, patient, questionnaire):
    given = {
        "actor": world.actor("nurse"),
        "now": world.now,
        "patient": patient,
        "questionnaire": questionnaire("mini-gds"),
        "gesture": uuid4(),
    }
    assert operations.begin(**given).pk == operations.begin(**given).pk
    assert len(everything(QuestionnaireResponse)) == 1


def test_only_its_author_corrects_with_a_reason_and_the_former_answers_stay(world, assess):
    response = assess("mini-gds", WELL)
    sad = WELL | {"triste": ["oui"]}
    with pytest.raises(UnableToAct):
        save(world, response, sad, key="home_help", reason="erreur")
    with pytest.raises(operations.UnableToAssess, match="pourquoi"):
        save(world, response, sad)
    corrected = save(world, response, sad, reason="Réponse mal comprise")
    assert (corrected.status, corrected.scores) == (ResponseStatus.AMENDED, {"total": "1"})
    with row_security.acting_as(internal("test")):
        events = QuestionnaireResponse.pgh_event_model.objects
        former = [event.answers["triste"] for event in events.order_by("pgh_id")[1:]]
    assert former == [["non"], ["oui"]]


def test_withdrawn_it_leaves_the_comparison_and_stays(world, assess, patient):
    response = assess("mini-gds", WELL)
    url = response.questionnaire.url
    with pytest.raises(operations.UnableToAssess):
        operations.withdraw(
            actor=world.actor("nurse"), now=world.now, response=response, reason=" "
        )
    operations.withdraw(
        actor=world.actor("nurse"), now=world.now, response=response, reason="Autre personne"
    )
    with row_security.acting_as(world.actor("nurse"), now=world.now):
        assert queries.over_time(patient_id=patient.pk, url=url) == []
        assert queries.latest(patient_id=patient.pk) == []
        assert len(queries.responses(patient_id=patient.pk)) == 1
    with pytest.raises(operations.UnableToAssess, match="retirée"):
        save(world, response, WELL, finished=True, seen_version=3)


def test_a_moment_to_come_is_refused(world, assess):
    response = assess("mini-gds")
    tomorrow = world.now + 1440 * operations.CLOCKS_DIFFER / 10
    with pytest.raises(operations.UnableToAssess) as refusal:
        save(world, response, WELL, finished=True, authored_at=tomorrow)
    assert refusal.value.field == "authored_at"


def test_a_secretary_assesses_nobody(assess):
    with pytest.raises(UnableToAct):
        assess("mini-gds", key="secretary")


def test_a_retired_questionnaire_is_not_begun_and_keeps_its_answers(world, assess, questionnaire):
    before = assess("mini-gds", WELL)
    Questionnaire.objects.filter(pk=questionnaire("mini-gds").pk).update(status="retired")
    with pytest.raises(operations.UnableToAssess, match="plus proposé"):
        assess("mini-gds")
    corrected = save(world, before, WELL | {"vide": ["oui"]}, reason="Oubli")
    assert corrected.scores == {"total": "1"}


def test_the_library_in_the_database_is_the_library_in_the_files():
    kept = {(one.url, one.version): one.definition for one in Questionnaire.objects.all()}
    for body in library.files():
        assert kept[body["url"], body["version"]] == body
