"""Who may read and fill the assessments of a person, and who keeps the questionnaires."""

from datetime import datetime

from carbet.coordination.assessments.choices import QuestionnaireStatus
from carbet.coordination.assessments.models import Questionnaire, QuestionnaireResponse
from carbet.coordination.care_teams import access as care_teams
from carbet.coordination.care_teams.access import NoSuchRecord
from carbet.core.actor import Actor, Level
from carbet.registries.patients.models import Patient

__all__ = ["NoSuchRecord", "get_questionnaire", "get_record", "get_response"]


def get_record(
    *,
    actor: Actor,
    patient_id: int,
    now: datetime,
    level: Level = Level.READ,
    purpose: str = "assessments.read",
) -> Patient:
    """Return the person whose assessments the actor opens, and trace it.

    Raises:
        NoSuchRecord: there is none, or not for this actor at this level.
    """
    return care_teams.get_record(
        actor=actor, patient_id=patient_id, now=now, level=level, purpose=purpose
    )


def get_response(*, patient: Patient, response_id: int) -> QuestionnaireResponse:
    """Return an assessment of a record already opened.

    Raises:
        NoSuchRecord: it is not one of this person's.
    """
    response = (
        QuestionnaireResponse.objects.filter(patient_id=patient.pk, pk=response_id)
        .select_related("questionnaire", "author_role__organization")
        .first()
    )
    if response is None:
        raise NoSuchRecord
    return response


def get_questionnaire(*, questionnaire_id: int, published: bool = True) -> Questionnaire:
    """Return one version of a questionnaire.

    Raises:
        NoSuchRecord: there is none, or it is not published.
    """
    found = Questionnaire.objects.filter(pk=questionnaire_id).first()
    if found is None or (published and found.status != QuestionnaireStatus.ACTIVE):
        raise NoSuchRecord
    return found
