"""A person followed by a nurse, and the means to answer the library."""

from uuid import uuid4

import pytest

from carbet.coordination.assessments import operations, queries
from carbet.coordination.assessments.models import Questionnaire


@pytest.fixture
def patient(world):
    return world.circle("nurse", "physio", "home_help").patient


@pytest.fixture
def questionnaire():
    """Return one questionnaire of the library by the end of its address."""

    def find(name):
        return Questionnaire.objects.get(url=f"urn:carbet:questionnaire:{name}", version="1.0.0")

    return find


@pytest.fixture
def definition(questionnaire):
    return lambda name: queries.definition_of(questionnaire(name))


@pytest.fixture
def assess(world, patient, questionnaire):
    """Begin an assessment and save answers to it."""

    def run(name, answers=None, *, key="nurse", finished=True):
        actor = world.actor(key)
        response = operations.begin(
            actor=actor,
            now=world.now,
            patient=patient,
            questionnaire=questionnaire(name),
            gesture=uuid4(),
        )
        if answers is None:
            return response
        return operations.save(
            actor=actor,
            now=world.now,
            response=response,
            answers=answers,
            seen_version=response.version,
            finished=finished,
        )

    return run
