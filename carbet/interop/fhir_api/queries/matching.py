"""Who a described or numbered person is, as far as a system may know (`$match`, `$ihe-pix`)."""

from dataclasses import dataclass
from datetime import datetime

from carbet.core import audit
from carbet.core.actor import Actor
from carbet.core.fhir import Json
from carbet.interop.fhir_api.rules.matching import MatchAsked
from carbet.interop.fhir_api.rules.pix import PixAsked
from carbet.registries.identity import fhir as identity_fhir
from carbet.registries.patients import queries as patients
from carbet.registries.patients.models import Patient

# Beyond these, the next ones open to the system would be nobody.
_LOOKED_AT = 20


@dataclass(frozen=True)
class Matches:
    """The persons open to the system, best first, each with its resource.

    `closed` says that a person who is not open to it is certainly the one described.
    """

    found: list[tuple[Json, patients.Candidate]]
    closed: bool


def match(*, actor: Actor, asked: MatchAsked, now: datetime) -> Matches:
    """Return who the described person may be; each one told is traced, and the asking if none.

    Of a person who is not open to the system, only this is said, and only when it is certain: is
    known. Neither traits nor number, as when a person is created twice.
    """
    likely = [
        each
        for each in patients.find_candidates(asked.traits, limit=_LOOKED_AT)
        if each.is_certain or (each.is_likely and not asked.only_certain)
    ]
    resources = {
        each["id"]: each
        for each in identity_fhir.patients(
            Patient.objects.filter(pk__in=[each.patient_id for each in likely], active=True)
        )
    }
    found = [
        (resources[str(each.patient_id)], each)
        for each in likely
        if str(each.patient_id) in resources
    ][: asked.count]
    hidden = [each for each in likely if each.is_certain and str(each.patient_id) not in resources]
    for person in [each.patient_id for _, each in found] + [each.patient_id for each in hidden]:
        audit.read(actor, "fhir.match", now=now, patient_id=person, entity="Patient")
    if not found and not hidden:
        audit.read(actor, "fhir.match", now=now, patient_id=None, entity="Patient x0")
    return Matches(found, bool(hidden))


def cross(*, actor: Actor, asked: PixAsked, base: str, now: datetime) -> identity_fhir.Crossed:
    """Return what else the person of an identifier is known as; each one told is traced.

    Raises:
        Refused: 400, 403 or 404, as IHE ITI-83 says.
    """
    found = identity_fhir.cross(
        system=asked.system, value=asked.value, targets=asked.targets, base=base
    )
    for person in found.records or [None]:
        audit.read(actor, "fhir.pix", now=now, patient_id=person, entity="Patient")
    return found


def trace_refusal(*, actor: Actor, now: datetime, operation: str = "fhir.match") -> None:
    """Trace that a system asked and was refused, never what it asked."""
    audit.read(actor, operation, now=now, patient_id=None, entity="Patient", refused=True)
