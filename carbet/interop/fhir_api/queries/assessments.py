"""How questionnaires and assessments are sought."""

from collections.abc import Callable

from django.db.models import Model, Q

from carbet.coordination.assessments.choices import QuestionnaireStatus
from carbet.coordination.assessments.models import Questionnaire, QuestionnaireResponse
from carbet.interop.fhir_api.queries.offer import Condition, pointing
from carbet.interop.fhir_api.rules.search import Target, Token

MODELS: dict[str, type[Model]] = {
    "Questionnaire": Questionnaire,
    "QuestionnaireResponse": QuestionnaireResponse,
}
# A draft exists for those who write it only.
OPEN_TO_SYSTEMS: dict[str, Q] = {"Questionnaire": ~Q(status=QuestionnaireStatus.DRAFT)}
_NOTHING = Q(pk__in=[])


def _identified(token: Token) -> Q:
    found = Q(identifier_value=token.code) & ~Q(identifier_value="")
    return found if token.system is None else found & Q(identifier_system=token.system)


def _answers_to(target: Target) -> Q:
    """Return the condition on what was answered: one version, or every one of an address."""
    if not target.canonical:
        return pointing("questionnaire_id")(target)
    url, _, version = target.canonical.partition("|")
    found = Q(questionnaire__url=url)
    return found & Q(questionnaire__version=version) if version else found


def _written_by(target: Target) -> Q:
    if target.number is None:
        return _NOTHING
    return {
        "PractitionerRole": Q(author_role_id=target.number),
        "Practitioner": Q(author_role__practitioner_id=target.number),
        "Organization": Q(author_organization_id=target.number, author_role_id__isnull=True),
    }.get(target.type, _NOTHING)


def _status(token: Token) -> Q:
    return Q(status=token.code)


def conditions(
    moment: Callable[[str], Condition], person: Callable[[Token], Q]
) -> dict[tuple[str, str], Condition]:
    """Return the condition of each parameter of questionnaires and assessments.

    Args:
        moment: makes the condition on a column that is a moment.
        person: the condition on the identifier of the person.
    """
    kind = "QuestionnaireResponse"
    return {
        ("Questionnaire", "url"): lambda text: Q(url=text),
        ("Questionnaire", "version"): lambda token: Q(version=token.code),
        ("Questionnaire", "title"): lambda text: Q(title__icontains=text),
        ("Questionnaire", "status"): _status,
        (kind, "_lastUpdated"): moment("saved_at"),
        (kind, "identifier"): _identified,
        (kind, "patient"): pointing("patient_id"),
        (kind, "subject"): pointing("patient_id"),
        (kind, "patient.identifier"): person,
        (kind, "subject.identifier"): person,
        (kind, "subject:Patient.identifier"): person,
        (kind, "questionnaire"): _answers_to,
        (kind, "status"): _status,
        (kind, "authored"): moment("authored_at"),
        (kind, "author"): _written_by,
    }
