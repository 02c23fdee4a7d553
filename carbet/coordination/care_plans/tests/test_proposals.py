"""Outlines and assessments propose, a person keeps: what enters the plan, and what never twice."""

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from django.urls import reverse

from carbet.coordination.assessments.models import Questionnaire, QuestionnaireResponse
from carbet.coordination.care_plans import library, operations, queries, rules
from carbet.coordination.care_plans.choices import SERAFIN, NeedDomain
from carbet.coordination.care_plans.forms import TEXT_LENGTH
from carbet.coordination.care_plans.tests import factories
from carbet.coordination.care_plans.tests.test_views import as_member, clock, url  # noqa: F401
from carbet.core import row_security
from carbet.registries.directory.rules.nomenclature import PROFESSIONS

pytestmark = pytest.mark.django_db

SITUATIONS = {
    "avc",
    "diabete",
    "enfant-handicap",
    "grossesse-isolee",
    "palliatif",
    "personne-agee",
    "psychiatrie",
    "vih-tropical",
}


def test_each_situation_has_its_outline():
    assert set(library.outlines()) == SITUATIONS


@pytest.mark.parametrize("key", sorted(SITUATIONS))
def test_an_outline_says_nothing_that_a_plan_refuses(key):
    outline = library.outlines()[key]
    assert outline.source
    assert outline.for_whom
    assert outline.review_in_days > 0
    assert len(outline.needs) >= 5
    for need in outline.needs:
        assert need.domain in SERAFIN or need.domain in NeedDomain.values
        assert need.goals
        for goal in need.goals:
            assert goal.target, "each goal has a target that can be checked"
            assert len(goal.target) <= 200
            assert len(goal.text) <= TEXT_LENGTH
            assert rules.refused_target(goal.measure, goal.comparator, goal.amount) == ("", "")
            assert goal.actions
            for action in goal.actions:
                assert len(action.text) <= TEXT_LENGTH
                assert len(action.frequency) <= 80
                assert set(action.who) <= set(PROFESSIONS)


def adopt(desk, kept, gesture=None, **more):
    return operations.adopt(
        actor=desk.actor,
        now=desk.world.now,
        patient_id=desk.patient_id,
        gesture=gesture or uuid.uuid4(),
        kept=kept,
        **more,
    )


def test_an_outline_fills_the_plan_with_who_when_and_measures(world):
    desk = factories.begin(world)
    outline = library.outlines()["avc"]
    added = adopt(desk, outline.needs, review_in_days=outline.review_in_days)
    plan = desk.plan()
    assert added.needs == len(plan.content.needs) == len(outline.needs)
    today = plan.today
    assert plan.content.review_due_on == today + timedelta(days=90)
    goal = plan.content.needs[0].goals[0]
    assert rules.measured_words(goal) == "Systolique au plus 140 mmHg"
    assert goal.target_on == today + timedelta(days=60)
    assert goal.actions[0].responsible == "Inès Robeiri, Infirmière"
    assert goal.actions[0].start_on == today
    assert goal.actions[1].responsible == "Yann Le Bihan, Médecin généraliste"


def test_what_the_plan_says_already_is_not_said_twice(world):
    desk = factories.begin(world)
    needs, gesture = library.outlines()["diabete"].needs, uuid.uuid4()
    first = adopt(desk, needs[:2], gesture)
    revision = desk.plan().revision
    assert adopt(desk, needs[:2], gesture) == operations.Adopted()
    assert adopt(desk, needs[:2]) == operations.Adopted()
    assert desk.plan().revision == revision
    again = adopt(desk, needs[:3])
    assert (first.needs, again.needs) == (2, 1)


def test_only_what_is_kept_enters_the_plan(world, sign_in):
    desk = factories.begin(world)
    client = as_member(sign_in, world, "coordinator")
    where = url("outline", desk.care_team, outline_key="palliatif")
    assert "Ne pas souffrir" in client.get(where).content.decode()
    refused = client.post(where, {"gesture": str(uuid.uuid4())})
    assert refused.status_code == 422
    assert "Gardez au moins une ligne." in refused.content.decode()
    assert client.post(where, {"gesture": str(uuid.uuid4()), "keep": "9.9"}).status_code == 422
    assert client.post(where, {"gesture": str(uuid.uuid4()), "keep": "0.0.1"}).status_code == 302
    [need] = desk.plan().content.needs
    [goal] = need.goals
    assert [action.text[:12] for action in goal.actions] == ["Prescription"]


def test_an_outline_begins_the_plan_that_is_not_there(world, sign_in):
    care_team = world.circle("coordinator", "nurse")
    client = as_member(sign_in, world, "coordinator")
    assert client.get(url("outlines", care_team)).status_code == 200
    where = url("outline", care_team, outline_key="personne-agee")
    answer = client.post(where, {"gesture": str(uuid.uuid4()), "keep": ["0.0"]})
    assert answer.status_code == 302
    with row_security.acting_as(world.actor("gp"), now=world.now):
        assert len(queries.get_plan(patient_id=care_team.patient_id).content.needs) == 1


def assess(desk, slug, scores):
    with row_security.acting_as(
        desk.world.actor("nurse"), now=desk.world.now, operation="test.assess"
    ):
        questionnaire = Questionnaire.objects.get(url=f"urn:carbet:questionnaire:{slug}")
        return QuestionnaireResponse.objects.create(
            patient_id=desk.patient_id,
            questionnaire=questionnaire,
            status="completed",
            scores=scores,
            author_role=desk.world.roles["nurse"],
            author_name="Inès Robeiri",
            authored_at=desk.world.now,
            recorded_at=desk.world.now,
            saved_at=desk.world.now,
        )


def test_a_threshold_is_carried_into_the_plan_by_a_gesture_once(world, sign_in):
    desk = factories.begin(world)
    response = assess(desk, "adl-katz", {"total": "4"})
    client = as_member(sign_in, world, "coordinator")
    where = url("from_assessment", desk.care_team, response_id=response.pk)
    shown = client.get(
        reverse("assessments:detail", args=[desk.patient_id, response.pk])
    ).content.decode()
    assert f'href="{where}"' in shown
    assert "Garder les gestes" in client.get(where).content.decode()
    for _ in range(2):
        answer = client.post(where, {"gesture": str(uuid.uuid4()), "keep": ["0.0", "0.0.0"]})
        assert answer.status_code == 302
    [need] = desk.plan().content.needs
    assert (need.text, need.serafin) == ("Dépendance partielle", "1.2.1.1")
    assert len(need.goals) == 1
    assert len(need.goals[0].actions) == 1
    page = client.get(url("outlines", desk.care_team)).content.decode()
    assert "Déjà dans le plan" in page


def test_an_assessment_that_proposes_nothing_says_so(world, sign_in):
    desk = factories.begin(world)
    response = assess(desk, "adl-katz", {"total": "6"})
    where = url("from_assessment", desk.care_team, response_id=response.pk)
    page = as_member(sign_in, world, "coordinator").get(where)
    assert "Rien à reprendre" in page.content.decode()
    other = factories.begin(world, birth_family="Autre", used_family="")
    elsewhere = url("from_assessment", other.care_team, response_id=response.pk)
    assert as_member(sign_in, world, "coordinator").get(elsewhere).status_code == 404


def test_whoever_may_not_read_medical_data_takes_no_medical_need(world):
    desk = factories.begin(world, "social_worker")
    with row_security.acting_as(world.actor("social_worker"), now=world.now):
        before = desk.plan("gp").revision
    need = replace(library.outlines()["palliatif"].needs[0], domain="health")
    with pytest.raises(operations.UnableToEditPlan):
        operations.adopt(
            actor=world.actor("social_worker"),
            now=world.now,
            patient_id=desk.patient_id,
            gesture=uuid.uuid4(),
            kept=[need],
        )
    assert desk.plan().revision == before
