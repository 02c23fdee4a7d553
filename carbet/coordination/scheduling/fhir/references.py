"""What a reference points to: a row of ours, or whoever bears an identifier. Nothing is fetched."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from carbet.core.fhir import Json
from carbet.registries.directory import fhir as directory
from carbet.registries.directory.models import Organization, Practitioner, PractitionerRole
from carbet.registries.patients import queries as patients
from carbet.registries.patients.models import Patient

_LARGEST_NUMBER = 2**63 - 1
_SEEN = 20


@dataclass(frozen=True, slots=True)
class Pointed:
    """One resource pointed to: its type ("" when not said), our number or its identifiers."""

    kind: str
    number: int | None = None
    identifiers: tuple[tuple[str, str], ...] = ()

    @property
    def held(self) -> list[Json]:
        return [{"system": system, "value": value} for system, value in self.identifiers]


def point(reference: Json, *, contained: Sequence[Json], base: str) -> Pointed | None:
    """Return what a reference points to, or None: elsewhere, or nothing that we can know."""
    text = reference.get("reference", "")
    if text.startswith("#"):
        for each in contained:
            if each.get("id") == text[1:]:
                return Pointed(each["resourceType"], identifiers=_identifiers(each))
        return None
    if text.startswith(f"{base}/"):
        text = text[len(base) + 1 :]
    if text and "://" not in text and not text.startswith("urn:"):
        kind, _, identity = text.partition("/")
        number = _number(identity.partition("/_history/")[0])
        return Pointed(kind, number=number) if number else None
    if identifier := reference.get("identifier"):
        held = ((identifier.get("system", ""), identifier.get("value", "")),)
        return Pointed(reference.get("type") or _kind_of(*held[0]), identifiers=held)
    return None


def _identifiers(resource: Json) -> tuple[tuple[str, str], ...]:
    held = resource.get("identifier", ())
    return tuple((each.get("system", ""), each.get("value", "")) for each in held[:_SEEN])


def _number(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    return int(text) if 0 < int(text) <= _LARGEST_NUMBER else None


def _kind_of(system: str, value: str) -> str:
    """Return the type that an identifier alone tells: SAS names professionals by RPPS only."""
    if system in (directory.RPPS, directory.IDNPS):
        return "Practitioner"
    if directory.finess_of(system, value):
        return "Organization"
    return ""


def find_roles(pointed: Pointed, *, now: datetime) -> QuerySet[PractitionerRole]:
    """Return the roles still held that a PractitionerRole or a Practitioner points to."""
    if pointed.kind == "PractitionerRole":
        if pointed.number is not None:
            condition = Q(pk=pointed.number)
        else:
            condition = Q(pk__in=[])
            for system, value in pointed.identifiers:
                if value:
                    condition |= Q(identifier_system=system, identifier_value=value)
    elif pointed.number is not None:
        condition = Q(practitioner_id=pointed.number)
    else:
        bearing = Practitioner.objects.filter(directory.match_practitioners(pointed.held))
        condition = Q(practitioner__in=bearing)
    return (
        PractitionerRole.objects.filter(condition, Q(ended_at__isnull=True) | Q(ended_at__gt=now))
        .select_related("practitioner", "organization")
        .order_by("pk")
    )


def find_organization(pointed: Pointed) -> Organization | None:
    """Return the only organization pointed to."""
    rows = Organization.objects.filter(
        Q(pk=pointed.number)
        if pointed.number is not None
        else directory.match_organizations(pointed.held)
    )[:2]
    found = list(rows)
    return found[0] if len(found) == 1 else None


def find_patient(pointed: Pointed) -> Patient | None:
    """Return the only person pointed to, as far as the actor may see."""
    if pointed.number is not None:
        return Patient.objects.filter(pk=pointed.number).first()
    for system, value in pointed.identifiers:
        if system and value:
            held = patients.identified(system=system, value=value)
            found = list(Patient.objects.filter(pk__in=held)[:2])
            if len(found) == 1:
                return found[0]
    return None
