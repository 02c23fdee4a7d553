"""The assessments already made when the demonstration starts, for two persons of the story.

Everything goes through the room's own operations, at the moments the story says.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from carbet.coordination.assessments import operations
from carbet.coordination.assessments.models import Questionnaire, QuestionnaireResponse
from carbet.core import row_security
from carbet.core.actor import internal
from carbet.registries.directory.access import actor_of_role
from carbet.registries.directory.models import PractitionerRole
from carbet.registries.patients.access import find_entered
from carbet.registries.patients.models import PatientIdentifier
from carbet.steering.demonstration.following import KEY_SYSTEM
from carbet.steering.demonstration.story import story_roles

_GESTURES = uuid.UUID("5d0c9b54-2f0e-4a46-9a61-5b8d0f4ad0a3")


@dataclass(frozen=True)
class Assessed:
    """One questionnaire filled: about whom, by whom, how many days ago, with which answers."""

    person: str
    by: str
    days_ago: float
    name: str
    answers: dict[str, Any]
    finished: bool = True


def _aggir(letters: str) -> dict[str, Any]:
    return dict(zip(("COH", "ORI", "TOI", "HAB", "ALI", "ELI", "TRA", "DEP"), letters, strict=True))


ASSESSED = (
    Assessed("georgette", "coordinator", 130, "aggir", _aggir("AABBAAAA")),
    Assessed("georgette", "coordinator", 21, "aggir", _aggir("AABBABBA")),
    Assessed(
        "georgette", "nurse", 34, "risque-chute", {"chute": "non", "instable": "oui", "peur": "oui"}
    ),
    Assessed("georgette", "nurse", 12, "douleur-en", {"maintenant": "5", "ou": "Hanche droite"}),
    Assessed("georgette", "nurse", 2, "douleur-en", {"maintenant": "2"}),
    Assessed(
        "georgette",
        "nurse",
        9,
        "denutrition",
        {
            "age": "70",
            "poids": "61,4",
            "taille": "158",
            "poids-6-mois": "66",
            "sarcopenie": "inconnu",
            "causes": ["moins"],
        },
    ),
    Assessed("wilner", "nurse", 5, "mini-gds", {"triste": "oui", "vide": "non"}, finished=False),
)


def load(*, now: datetime) -> int:
    """Write the assessments that are not there yet. Return how many were written."""
    roles = story_roles()
    with row_security.acting_as(internal("Démonstration"), now=now):
        known = set(QuestionnaireResponse.objects.values_list("gesture", flat=True))
        numbers = dict(
            PatientIdentifier.objects.filter(system=KEY_SYSTEM).values_list("value", "patient_id")
        )
    forms = {
        one.url.rpartition(":")[2]: one
        for one in Questionnaire.objects.filter(status="active", author_name="")
    }
    missing = [
        (rank, one)
        for rank, one in enumerate(ASSESSED)
        if _gesture(rank) not in known and one.person in numbers and one.by in roles
    ]
    for rank, one in missing:
        with transaction.atomic():
            _write(rank, one, roles[one.by], forms[one.name], numbers[one.person], now=now)
    return len(missing)


def _gesture(rank: int) -> uuid.UUID:
    return uuid.uuid5(_GESTURES, str(rank))


def _write(
    rank: int,
    one: Assessed,
    role: PractitionerRole,
    questionnaire: Questionnaire,
    person: int,
    *,
    now: datetime,
) -> None:
    at = now - timedelta(days=one.days_ago)
    actor = actor_of_role(role.pk, now=now)
    with row_security.acting_as(actor, now=now):
        patient = find_entered(actor=actor, patient_ids=[person], now=now)[person]
    response = operations.begin(
        actor=actor,
        now=at,
        patient=patient,
        questionnaire=questionnaire,
        gesture=_gesture(rank),
    )
    operations.save(
        actor=actor,
        now=at,
        response=response,
        answers={
            link_id: value if isinstance(value, list) else [value]
            for link_id, value in one.answers.items()
        },
        seen_version=response.version,
        finished=one.finished,
    )
