"""What the person decided about sharing, in FHIR: Consent (R4), with its proof and exceptions.

No French guide says it; codes are those of HL7, the law in words (CSP L1110-4, L1110-12).
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from carbet.coordination.care_teams.choices import (
    DATA_CATEGORIES,
    ConsentDecision,
    ConsentGiver,
    ProofKind,
)
from carbet.coordination.care_teams.models import CareTeamParticipant, Consent
from carbet.core import fhir
from carbet.core.fhir import Json

CONSENT = "http://hl7.org/fhir/StructureDefinition/Consent"
SCOPES = "http://terminology.hl7.org/CodeSystem/consentscope"
LOINC = "http://loinc.org"
ACTS = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_ROLES = "http://terminology.hl7.org/CodeSystem/v3-RoleClass"
_ACTIONS = "http://terminology.hl7.org/CodeSystem/consentaction"
# HL7 v3-ActCode: to opt in, to opt out.
_POLICIES = {ConsentDecision.GIVEN: "OPTIN", ConsentDecision.OPPOSED: "OPTOUT"}
_RULE = "Échange et partage au sein de l’équipe de soins (CSP L1110-4 et L1110-12)"
_COLUMNS = (
    *("id", "patient_id", "decision", "given_by", "related_person_id", "recorded_at"),
    *("proof_kind", "proof_document", "proof_digest", "proved_at"),
)


def consents(rows: QuerySet[Consent]) -> list[Json]:
    """Return the Consent resources of these decisions, in their order.

    The latest of a person holds; a former one is inactive. A version is a writing of the row, or
    the moment when a later decision took its place.
    """
    found = list(rows.values(*_COLUMNS))
    persons = {row["patient_id"] for row in found}
    later = _later(persons)
    written = _writings(row["id"] for row in found)
    exceptions = _exceptions(persons)
    return [
        _last_version(row, written[row["id"]], later.get(row["id"]), exceptions[row["patient_id"]])
        for row in found
    ]


def consent_versions(number: int) -> list[Json]:
    """Return the versions of a decision, the latest first."""
    now = next(iter(consents(Consent.objects.filter(pk=number))), None)
    if now is None:
        return []
    rows = _writings([number])[number]
    told = [
        _consent(row | {"id": number}, version=rank, at=row["pgh_created_at"], active=True)
        for rank, row in enumerate(rows, start=1)
    ]
    return [now, *told[: int(now["meta"]["versionId"]) - 1][::-1]]


def _last_version(
    row: dict[str, Any],
    writings: list[dict[str, Any]],
    replaced_at: datetime | None,
    exceptions: list[Json],
) -> Json:
    version = len(writings) or 1
    at = writings[-1]["pgh_created_at"] if writings else row["recorded_at"]
    if replaced_at is not None:
        return _consent(row, version=version + 1, at=replaced_at, active=False)
    return _consent(row, version=version, at=at, active=True, exceptions=exceptions)


def _consent(
    row: dict[str, Any],
    *,
    version: int,
    at: datetime,
    active: bool,
    exceptions: Iterable[Json] = (),
) -> Json:
    decision = ConsentDecision(row["decision"])
    person = fhir.reference("Patient", row["patient_id"])
    relative = row["related_person_id"]
    answering = fhir.reference("RelatedPerson", relative) if relative else None
    found: Json = {
        "resourceType": "Consent",
        "id": str(row["id"]),
        "meta": fhir.meta(CONSENT, version=version, updated_at=at),
        "identifier": [fhir.identifier(f"{settings.PUBLIC_URL}/accord", str(row["id"]))],
        "status": "active" if active else "inactive",
        "scope": fhir.concept(SCOPES, "patient-privacy"),
        "category": [fhir.concept(LOINC, "59284-0", "Consent Document")],
        "patient": person,
        "dateTime": fhir.instant(row["recorded_at"]),
        "policyRule": fhir.concept(ACTS, _POLICIES[decision]) | {"text": _RULE},
    }
    by_person = row["given_by"] == ConsentGiver.PERSON
    if by_person or answering:
        found["performer"] = [person if by_person else answering]
    if row["proof_kind"]:
        found["sourceReference"] = {
            "type": "DocumentReference",
            "identifier": fhir.identifier(
                f"{settings.PUBLIC_URL}/documents", str(row["proof_document"])
            ),
            "display": f"{ProofKind(row['proof_kind']).label}, SHA-256 {row['proof_digest']}",
        }
        found["verification"] = [
            {
                "verified": True,
                "verifiedWith": answering or person,
                "verificationDate": fhir.instant(row["proved_at"]),
            }
        ]
    provision: Json = {"type": decision.value}
    if decision == ConsentDecision.GIVEN and (said := list(exceptions)):
        provision["provision"] = said
    found["provision"] = provision
    return found


def _later(persons: set[int]) -> dict[int, datetime]:
    """Return when a decision was replaced, by its number."""
    found: dict[int, datetime] = {}
    before: dict[int, int] = {}
    decisions = Consent.objects.filter(patient_id__in=persons).order_by("recorded_at", "pk")
    for number, patient_id, at in decisions.values_list("pk", "patient_id", "recorded_at"):
        if (former := before.get(patient_id)) is not None:
            found[former] = at
        before[patient_id] = number
    return found


def _writings(numbers: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
    """Return the rows that history kept of each decision, in their order."""
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    kept = Consent.pgh_event_model.objects.filter(pgh_obj_id__in=list(numbers)).order_by("pk")
    for row in kept.values():
        found[row["pgh_obj_id"]].append(row)
    return found


def _exceptions(persons: set[int]) -> dict[int, list[Json]]:
    """Return what the person closes to some members, whatever their role would open."""
    stays = CareTeamParticipant.objects.filter(
        patient_id__in=persons, ended_at=None, scope__isnull=False
    ).order_by("pk")
    found: dict[int, list[Json]] = defaultdict(list)
    for stay in stays:
        closed = [each for each in DATA_CATEGORIES if not stay.scope & each]
        if closed:
            found[stay.patient_id].append(_closed(stay, closed))
    return found


def _closed(stay: CareTeamParticipant, closed: list[Any]) -> Json:
    system = f"{settings.PUBLIC_URL}/fhir/CodeSystem/categorie-de-donnees"
    kind, number = next(
        (kind, number)
        for kind, number in (
            ("PractitionerRole", stay.practitioner_role_id),
            ("Organization", stay.organization_id),
            ("RelatedPerson", stay.related_person_id),
        )
        if number is not None
    )
    return {
        "type": "deny",
        "actor": [
            {"role": fhir.concept(_ROLES, "ASSIGNED"), "reference": fhir.reference(kind, number)}
        ],
        "action": [fhir.concept(_ACTIONS, "access")],
        "code": [fhir.concept(system, each.name.lower(), DATA_CATEGORIES[each]) for each in closed],
    }
