"""How notes and measures are sought (guides CdL 3.0.0 and MES 3.2.0)."""

from collections.abc import Callable

from django.db.models import Model, Q

from carbet.coordination.documents.models import File
from carbet.coordination.notebook.choices import MeasureKind
from carbet.coordination.notebook.fhir import vocabulary as words
from carbet.coordination.notebook.models import Measure, Note
from carbet.interop.fhir_api.queries.offer import (
    Condition,
    organization_identified,
    pointing,
    practitioner_identified,
)
from carbet.interop.fhir_api.rules.search import Target, Token
from carbet.registries.directory.models import Organization, Practitioner

MODELS: dict[str, type[Model]] = {
    "DocumentReference": Note,
    "Observation": Measure,
    "Binary": File,
}
_NOTHING = Q(pk__in=[])


def _identified(token: Token) -> Q:
    found = Q(identifier_value=token.code)
    return found if token.system is None else found & Q(identifier_system=token.system)


def _written_by(target: Target) -> Q:
    """Return the condition on who wrote: a role, whoever holds it, or the structure alone."""
    if target.number is None:
        return _NOTHING
    return {
        "PractitionerRole": Q(author_role_id=target.number),
        "Practitioner": Q(author_role__practitioner_id=target.number),
        "Organization": Q(author_organization_id=target.number, author_role_id__isnull=True),
    }.get(target.type, _NOTHING)


def _of_practitioner(token: Token) -> Q:
    held = Practitioner.objects.filter(practitioner_identified(token))
    return Q(author_role__practitioner__in=held.values("pk"))


def _of_organization(token: Token) -> Q:
    held = Organization.objects.filter(organization_identified(token)).values("pk")
    return Q(author_organization__in=held) | Q(author_role__organization__in=held)


def _type(token: Token) -> Q:
    return Q(kind=token.code) if token.system in (None, words.NOTE_TYPES) else _NOTHING


def _label(token: Token) -> Q:
    if token.system not in (None, *words.VISIBILITY_SYSTEMS):
        return _NOTHING
    found = [each for each, (code, _) in words.LABELS.items() if code == token.code]
    return Q(visibility__in=found)


def _note_status(token: Token) -> Q:
    return {
        "current": Q(withdrawn_at__isnull=True),
        "entered-in-error": Q(withdrawn_at__isnull=False),
    }.get(token.code, _NOTHING)


def _code(token: Token) -> Q:
    if token.system not in (None, words.LOINC):
        return _NOTHING
    return Q(kind=words.KINDS.get(token.code, ""))


def _category(token: Token) -> Q:
    laboratory = [each for each in MeasureKind if words.is_laboratory(each)]
    found = {"laboratory": Q(kind__in=laboratory), "vital-signs": ~Q(kind__in=laboratory)}
    return found.get(token.code, _NOTHING) if token.system in (None, words.CATEGORIES) else _NOTHING


def conditions(
    moment: Callable[[str], Condition], person: Callable[[Token], Q]
) -> dict[tuple[str, str], Condition]:
    """Return the condition of each parameter of notes and measures.

    Args:
        moment: makes the condition on a column that is a moment.
        person: the condition on the identifier of the person.
    """
    found: dict[tuple[str, str], Condition] = {}
    for kind in ("DocumentReference", "Observation"):
        found |= {
            (kind, "identifier"): _identified,
            (kind, "patient"): pointing("patient_id"),
            (kind, "subject"): pointing("patient_id"),
            (kind, "patient.identifier"): person,
            (kind, "subject.identifier"): person,
            (kind, "subject:Patient.identifier"): person,
            (kind, "date"): moment("occurred_at"),
        }
    return found | {
        ("DocumentReference", "status"): _note_status,
        ("DocumentReference", "type"): _type,
        ("DocumentReference", "security-label"): _label,
        ("DocumentReference", "author"): _written_by,
        ("DocumentReference", "author:Organization.identifier"): _of_organization,
        ("DocumentReference", "author:Practitioner.identifier"): _of_practitioner,
        ("DocumentReference", "relatesto"): pointing("replies_to_id"),
        ("Observation", "status"): lambda token: Q(status=token.code),
        ("Observation", "category"): _category,
        ("Observation", "code"): _code,
        ("Observation", "performer"): _written_by,
    }
