"""Identities in FHIR: records merged, and the numbers of one person in the domains (PIXm)."""

import zlib
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import QuerySet

from carbet.core.fhir import Json, extension, refuse
from carbet.registries.identity.choices import CARBET
from carbet.registries.identity.models import IdentityDomain
from carbet.registries.patients import fhir as patients_fhir
from carbet.registries.patients.choices import INS_SYSTEMS
from carbet.registries.patients.models import Patient, PatientIdentifier

MOTHER = "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"
_OID = "urn:oid:"
_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Crossed:
    """The numbers (system, value) and the records of one person that may be told.

    `records` are all those open to the actor, wanted or not: whom the trace is about.
    """

    identifiers: list[tuple[str, str]] = field(default_factory=list)
    patients: list[int] = field(default_factory=list)
    records: list[int] = field(default_factory=list)


def patients(rows: QuerySet[Patient]) -> list[Json]:
    """Return the Patient resources of these records, each with those it replaces or went into.

    With the name of the mother, where a domain told it: no change of the record, it is part of the
    version, and whoever keeps the former one reads it again.
    """
    found = patients_fhir.resources(rows)
    by_number = {int(each["id"]): each for each in found}
    for person, survivor, absorbed, mother in _beside(list(by_number)):
        resource = by_number[person]
        if mother:
            resource["extension"].append(extension(MOTHER, valueString=mother))
            meta = resource["meta"]
            meta["versionId"] = f"{meta['versionId']}-m{zlib.crc32(mother.encode())}"
        else:
            kind, other = ("replaced-by", survivor) if survivor else ("replaces", absorbed)
            link = {"other": {"reference": f"Patient/{other}"}, "type": kind}
            resource.setdefault("link", []).append(link)
    return found


def mothers_of(patients: list[int]) -> dict[int, str]:
    """Return the mother's name of each of these records of which a domain told it."""
    return {person: mother for person, _, _, mother in _beside(patients) if mother}


def patient_versions(number: int) -> list[Json]:
    """Return the versions of a record, the latest first: merges, and their undoing, are some.

    What stands beside the traits (identifiers, links) is told with the latest version only.
    """
    latest = patients(Patient.objects.filter(pk=number))
    if not latest:
        return []
    version = int(latest[0]["meta"]["versionId"].partition("-")[0])
    return latest + patients_fhir.former_versions(number, before=version)


def _beside(records: list[int]) -> list[tuple[int, int | None, int | None, str | None]]:
    """Return what is said beside the traits of records: merges (into, from), the mother's name."""
    if not records:
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM identity_record_links(%s)", [records])
        return cursor.fetchall()


def system_of(domain: IdentityDomain) -> str:
    """Return under which system the numbers of a domain are said; "" when it has none."""
    return domain.system or (f"{_OID}{domain.oid}" if domain.oid else "")


def systems() -> set[str]:
    """Return the systems under which numbers of persons are known here: domains, and the INS."""
    told = {each for domain in IdentityDomain.objects.all() for each in _systems(domain)}
    return told | set(INS_SYSTEMS)


def by_system() -> dict[str, IdentityDomain]:
    """Return the domains by every system under which their numbers are said."""
    return {
        each: domain
        for domain in IdentityDomain.objects.select_related("organization")
        for each in _systems(domain)
        if domain.slug != CARBET
    }


def same(system: str) -> set[str]:
    """Return this system and the other names of the same domain: OID and URI."""
    domain = by_system().get(system)
    return {system, *(_systems(domain) if domain is not None else ())}


def numbers_of(records: list[int]) -> dict[int, list[tuple[str, str]]]:
    """Return the numbers (system, value) that may be told of each of these records, two queries.

    As `cross` answers a record that is open to the actor; of another, nothing.
    """
    told: dict[int, dict[tuple[str, str], None]] = {each: {} for each in records}
    if not records:
        return {}
    domains = {domain.pk: domain for domain in IdentityDomain.objects.all()}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.id, c.domain_id, c.number, c.ins_system, c.ins"
            " FROM unnest(%s::bigint[]) p(id),"
            " LATERAL identity_cross_references(NULL, NULL, p.id, NULL, NULL) c",
            [records],
        )
        for patient, domain_id, number, ins_system, ins in cursor.fetchall():
            domain = domains[domain_id]
            if domain.slug != CARBET and (its := system_of(domain)):
                told[patient][its, number] = None
            if ins:
                told[patient][ins_system, ins] = None
    others = PatientIdentifier.objects.filter(patient_id__in=records)
    for each in others.exclude(system__in=INS_SYSTEMS).order_by("pk")[:1000]:
        told[each.patient_id][each.system, each.value] = None
    return {patient: list(held) for patient, held in told.items()}


def cross(*, system: str, value: str, targets: list[str], base: str) -> Crossed:
    """Return what else a person is known as, without the identifier that was said.

    Row security and `identity_cross_references()` decide who may learn what: somebody who is not
    open to the actor is answered as nobody.

    Args:
        targets: the systems wanted; all when none is said.
        base: the address of this door, the system of its own records ("Patient/12").

    Raises:
        Refused: 400 the system of the identifier is unknown, 403 a system wanted is, 404 the
            identifier is: the words are those of IHE.
    """
    domains = {domain.pk: domain for domain in IdentityDomain.objects.all()}
    authorities: dict[str, IdentityDomain | None] = {base: None, **dict.fromkeys(INS_SYSTEMS)}
    for domain in domains.values():
        if domain.slug != CARBET:
            authorities |= dict.fromkeys(_systems(domain), domain)
    record = _record(system, value, base)
    if system not in authorities and record is None:
        raise refuse(400, "code-invalid", "sourceIdentifier Assigning Authority not found")
    rows = _cross(system, value, authorities.get(system), record)
    found = Crossed()
    if record is not None and not rows:
        # A record that no domain has named yet, as far as the actor may see it.
        found.patients.extend(Patient.objects.filter(pk=record).values_list("pk", flat=True))
    told: dict[tuple[str, str], None] = {}
    for domain_id, number, patient_id, ins_system, ins in rows:
        domain = domains[domain_id]
        if domain.slug != CARBET and (its := system_of(domain)):
            told[its, number] = None
        if ins:
            told[ins_system, ins] = None
        if patient_id is not None and patient_id not in found.patients:
            found.patients.append(patient_id)
    others = PatientIdentifier.objects.filter(patient_id__in=found.patients)
    for each in others.exclude(system__in=INS_SYSTEMS).order_by("pk")[:200]:
        told[each.system, each.value] = None
    known = {each for each, _ in told} | set(authorities)
    if any(target not in known for target in targets):
        raise refuse(403, "code-invalid", "targetSystem not found")
    if not rows and not found.patients:
        raise refuse(404, "not-found", "sourceIdentifier Patient Identifier not found")
    wanted = _same(targets, authorities)
    asked = _same([system], authorities)
    found.identifiers.extend(
        (its, number)
        for its, number in told
        if not (its in asked and number == value) and (not targets or its in wanted)
    )
    found.records.extend(found.patients)
    if targets and base not in targets:
        found.patients.clear()
    elif system == base:
        found.patients[:] = [each for each in found.patients if f"Patient/{each}" != value]
    return found


def _systems(domain: IdentityDomain) -> list[str]:
    return [each for each in (domain.system, domain.oid and f"{_OID}{domain.oid}") if each]


def _same(systems: list[str], authorities: dict[str, IdentityDomain | None]) -> set[str]:
    """Return these systems and the other names of the same domains: OID and URI."""
    found = set(systems)
    for each in systems:
        if (domain := authorities.get(each)) is not None:
            found.update(_systems(domain))
    return found


def _record(system: str, value: str, base: str) -> int | None:
    """Return which record an identifier says: ours, or the open one that bears it."""
    if system == base:
        number = value.removeprefix("Patient/")
        is_number = number.isascii() and number.isdigit() and len(number) <= 19
        return int(number) if is_number and int(number) <= _LARGEST else None
    if system in INS_SYSTEMS:
        return None
    held = PatientIdentifier.objects.filter(system=system, value=value)
    return held.values_list("patient_id", flat=True).first()


def _cross(
    system: str, value: str, domain: IdentityDomain | None, record: int | None
) -> list[tuple[int, str, int | None, str | None, str | None]]:
    is_ins = system in INS_SYSTEMS
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM identity_cross_references(%s, %s, %s, %s, %s)",
            [
                domain.pk if domain is not None else None,
                value if domain is not None else None,
                record,
                system if is_ins else None,
                value if is_ins else None,
            ],
        )
        return cursor.fetchall()
