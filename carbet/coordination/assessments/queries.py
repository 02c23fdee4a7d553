"""What can be asked of assessments: the library, a person's history, one question over time."""

from collections.abc import Iterable
from functools import lru_cache

import orjson
from django.db.models import QuerySet

from carbet.coordination.assessments.choices import QuestionnaireStatus, ResponseStatus
from carbet.coordination.assessments.models import Questionnaire, QuestionnaireResponse
from carbet.coordination.assessments.rules import definitions
from carbet.coordination.assessments.rules.definitions import Definition

PAGE_SIZE = 25
COMPARED = 6
ON_CURVE = 60
MOST_QUESTIONNAIRES = 200
COUNTED = (ResponseStatus.COMPLETED, ResponseStatus.AMENDED)


@lru_cache(maxsize=300)
def _read(text: bytes) -> Definition:
    return definitions.read(orjson.loads(text))


def definition_of(questionnaire: Questionnaire) -> Definition:
    """Return the questionnaire ready to be asked; the same text is read once a process."""
    return _read(orjson.dumps(questionnaire.definition))


def library(*, searched: str = "") -> list[Questionnaire]:
    """Return the published questionnaires by title, those that the search names."""
    found = Questionnaire.objects.filter(status=QuestionnaireStatus.ACTIVE)
    if searched:
        found = found.filter(title__icontains=searched[:100])
    return list(found.order_by("title", "-pk")[:MOST_QUESTIONNAIRES])


def shelves(*, drafts: bool) -> list[tuple[str, list[Questionnaire]]]:
    """Return the questionnaires by state: drafts for those who keep them, in use, retired."""
    states = [QuestionnaireStatus.ACTIVE, QuestionnaireStatus.RETIRED]
    if drafts:
        states.insert(0, QuestionnaireStatus.DRAFT)
    found = list(
        Questionnaire.objects.filter(status__in=states)
        .defer("definition")
        .order_by("title", "-pk")[: 3 * MOST_QUESTIONNAIRES]
    )
    labels = {"draft": "Brouillons", "active": "En usage", "retired": "Retirés"}
    return [
        (labels[state], [one for one in found if one.status == state])
        for state in states
        if any(one.status == state for one in found)
    ]


def responses(*, patient_id: int, before: int | None = None) -> list[QuestionnaireResponse]:
    """Return a person's assessments, the latest first, one more than a page.

    Args:
        before: the last assessment of the page before.
    """
    found = QuestionnaireResponse.objects.filter(patient_id=patient_id).select_related(
        "questionnaire"
    )
    if before is not None:
        last = found.filter(pk=before).first()
        if last is not None:
            found = _after(found, last)
    return list(found.order_by("-authored_at", "-pk")[: PAGE_SIZE + 1])


def _after(
    found: QuerySet[QuestionnaireResponse], last: QuestionnaireResponse
) -> QuerySet[QuestionnaireResponse]:
    return found.filter(authored_at__lte=last.authored_at).exclude(
        authored_at=last.authored_at, pk__gte=last.pk
    )


def over_time(*, patient_id: int, url: str, limit: int = ON_CURVE) -> list[QuestionnaireResponse]:
    """Return what was answered to one questionnaire, whichever its version, the latest first."""
    return list(
        QuestionnaireResponse.objects.filter(
            patient_id=patient_id, questionnaire__url=url, status__in=COUNTED
        )
        .select_related("questionnaire")
        .order_by("-authored_at", "-pk")[:limit]
    )


def latest(*, patient_id: int) -> list[QuestionnaireResponse]:
    """Return the latest finished assessment of each questionnaire, by title."""
    found = (
        QuestionnaireResponse.objects.filter(patient_id=patient_id, status__in=COUNTED)
        .select_related("questionnaire")
        .order_by("questionnaire__url", "-authored_at", "-pk")
        .distinct("questionnaire__url")
    )
    return sorted(found[:MOST_QUESTIONNAIRES], key=lambda one: one.questionnaire.title)


def series(
    found: Iterable[QuestionnaireResponse], *, link_id: str
) -> list[tuple[QuestionnaireResponse, float]]:
    """Return the values of one score over time, the oldest first, those that can be drawn."""
    points = []
    for response in found:
        try:
            points.append((response, float(response.scores[link_id])))
        except (KeyError, TypeError, ValueError):
            continue
    return points[::-1]
