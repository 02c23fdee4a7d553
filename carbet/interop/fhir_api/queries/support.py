"""How requests of support are sought."""

from collections.abc import Callable

from django.db.models import Model, Q

from carbet.coordination.support.fhir import STATUSES
from carbet.coordination.support.models import SupportRequest
from carbet.interop.fhir_api.queries.offer import Condition, pointing
from carbet.interop.fhir_api.rules.search import Token

MODELS: dict[str, type[Model]] = {"ServiceRequest": SupportRequest}


def _identified(token: Token) -> Q:
    found = Q(identifier_value=token.code)
    return found if token.system is None else found & Q(identifier_system=token.system)


def _status(token: Token) -> Q:
    return Q(status__in=[ours for ours, theirs in STATUSES.items() if theirs == token.code])


def conditions(
    moment: Callable[[str], Condition], person: Callable[[Token], Q]
) -> dict[tuple[str, str], Condition]:
    """Return the condition of each parameter of requests of support.

    Args:
        moment: makes the condition on a column that is a moment.
        person: the condition on the identifier of the person.
    """
    kind = "ServiceRequest"
    return {
        (kind, "identifier"): _identified,
        (kind, "patient"): pointing("patient_id"),
        (kind, "subject"): pointing("patient_id"),
        (kind, "patient.identifier"): person,
        (kind, "subject.identifier"): person,
        (kind, "subject:Patient.identifier"): person,
        (kind, "status"): _status,
        (kind, "authored"): moment("submitted_at"),
        (kind, "performer"): pointing("addressee_id"),
    }
