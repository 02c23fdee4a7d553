"""The quality set of « Vers qui orienter ? », on the demonstration as a newcomer loads it."""

from datetime import UTC, datetime

import pytest

from carbet.steering.demonstration import loading
from carbet.steering.demonstration.bulk import OWNER
from carbet.steering.demonstration.tests import quality

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", OWNER])
NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def test_realistic_questions_find_what_a_colleague_would_answer():
    loading.load(persons_wanted=10, seed=973, now=NOW, say=lambda text: None)
    answered = list(quality.answers(NOW))
    recall = sum(each.recall for each in answered) / len(answered)
    missed = [(each.question, each.first) for each in answered if each.recall == 0]
    assert len(answered) >= 60
    assert recall >= 0.9, missed
    assert len(missed) <= 3, missed
