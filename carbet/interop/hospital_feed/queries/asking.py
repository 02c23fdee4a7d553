"""Who a described or numbered person is, as far as the hospital that asks may know (ITI-21, ITI-9).

The same doors as PDQm and PIXm: row security shows the persons open to the establishment, and
`identity_cross_references()` the numbers; somebody who is not open is answered as nobody.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from carbet.core import audit, fhir
from carbet.core.actor import Actor
from carbet.interop.hospital_feed.choices import ErrorCode
from carbet.interop.hospital_feed.models import Encounter, FeedRoute
from carbet.interop.hospital_feed.rules import asking
from carbet.interop.hospital_feed.rules.answers import Told, Traits
from carbet.interop.hospital_feed.rules.asking import Asked, Described, Unanswerable
from carbet.interop.hospital_feed.rules.header import Unacceptable
from carbet.interop.hospital_feed.rules.persons import INS_OIDS, Number
from carbet.registries.identity import fhir as identity_fhir
from carbet.registries.identity import queries as identity_queries
from carbet.registries.identity.models import IdentityDomain, LocalIdentity
from carbet.registries.patients import queries as patients
from carbet.registries.patients.choices import INS_SYSTEMS
from carbet.registries.patients.models import Patient
from carbet.registries.patients.rules import ins_may_leave

PDQ, PIX, CANCELLED = "feed.pdq", "feed.pix", "feed.cancel"
UPDATE = "feed.update"
# Under which system our own numbers are said; in HL7 v2 their authority is CARBET.
OWN, OWN_AUTHORITY = "urn:carbet:patient", "CARBET"
_IPP = "urn:carbet:ipp:"
_GENDERS = {"female": "F", "male": "M", "unknown": "U", "other": "O"}
# A number and its type (CX-5).
_Numbers = list[tuple[Number, str]]
_NO_AUTHORITY = "Domaine d’identité inconnu ici."


@dataclass(frozen=True)
class Page:
    """One page of persons: how many in all, how many are left, after whom the next begins."""

    told: list[Told]
    hits: int
    left: int
    last: int = 0


def persons(*, actor: Actor, route: FeedRoute, asked: Asked, after: int, now: datetime) -> Page:
    """Return one page of the persons asked for that are open to the actor; each one is traced.

    Args:
        after: the row number after which the page begins.

    Raises:
        Unanswerable: a domain that is wanted is unknown here.
    """
    wanted = _wanted(route, asked.domains, field=8)
    candidates = _candidates(route, asked)
    mothers: dict[int, str] = {}
    if asked.criteria.keys() & {"mother_family", "mother_given"}:
        mothers = identity_fhir.mothers_of([each.pk for each in candidates])
    found = [
        each
        for each in candidates
        if asking.is_described(asked.criteria, _described(each, mothers.get(each.pk, "")))
    ]
    if stay := asked.criteria.get("stay"):
        at = Encounter.objects.filter(
            number=stay,
            organization_id=route.organization_id,
            patient__in=[each.pk for each in found],
        )
        there = set(at.values_list("patient_id", flat=True))
        found = [each for each in found if each.pk in there]
    numbers: dict[int, _Numbers] = {}
    if wanted:
        numbers = _numbers_of(found, route, wanted)
        found = [each for each in found if numbers[each.pk]]
    rest = [each for each in found if each.pk > after]
    page = rest[: asked.quantity]
    numbers = numbers or _numbers_of(page, route, wanted)
    for person in page:
        audit.read(actor, PDQ, now=now, patient_id=person.pk, entity="Patient")
    if not page:
        audit.read(actor, PDQ, now=now, patient_id=None, entity="Patient x0")
    return Page(
        told=[Told(numbers[each.pk], _traits(each)) for each in page],
        hits=len(found),
        left=len(rest) - len(page),
        last=page[-1].pk if page else 0,
    )


def numbers(*, actor: Actor, route: FeedRoute, asked: Asked, now: datetime) -> list[Told]:
    """Return the other numbers of the person of a number; each person told is traced.

    Raises:
        Unanswerable: the authority, the number, or a domain that is wanted is unknown here.
    """
    if asked.number is None:
        return []
    wanted = _wanted(route, asked.domains, field=4)
    system = _system(route, asked.number)
    if system is None:
        raise Unanswerable(Unacceptable(ErrorCode.KEY, _NO_AUTHORITY, "QPD-3[1].4"))
    try:
        crossed = identity_fhir.cross(
            system=system, value=asked.number.value, targets=sorted(wanted), base=OWN
        )
    except fhir.Refused as error:
        raise Unanswerable(_as_fault(error, asked)) from error
    for person in crossed.records or [None]:
        audit.read(actor, PIX, now=now, patient_id=person, entity="Patient")
    known = identity_fhir.by_system()
    told = [_cx(its, value, known.get(its), route) for its, value in crossed.identifiers]
    told += [_cx(OWN, str(each), None, route) for each in crossed.patients]
    return [Told(told)] if told else []


def crossed(*, actor: Actor, route: FeedRoute, identity: LocalIdentity, now: datetime) -> Told:
    """Return a number of this establishment, then the others of the same person that it may know.

    As `numbers` answers; whoever is told to be known elsewhere is traced.
    """
    system = identity_fhir.system_of(identity.domain)
    own = _cx(system, identity.number, identity.domain, route)
    found = identity_fhir.cross(system=system, value=identity.number, targets=[], base=OWN)
    known = identity_fhir.by_system()
    told = [_cx(its, value, known.get(its), route) for its, value in found.identifiers]
    told += [_cx(OWN, str(each), None, route) for each in found.patients]
    if told:
        for person in found.records or [None]:
            audit.read(actor, UPDATE, now=now, patient_id=person, entity="Patient")
    return Told([own, *told])


def trace_refusal(*, actor: Actor, operation: str, now: datetime, reason: str = "") -> None:
    """Trace that a hospital asked and was refused: the codes, never what it asked."""
    audit.read(
        actor,
        operation,
        now=now,
        patient_id=None,
        entity="Patient",
        refused=True,
        reason=reason,
    )


def trace_cancel(*, actor: Actor, now: datetime) -> None:
    """Trace that a hospital wants no more of an answer."""
    audit.read(actor, CANCELLED, now=now, patient_id=None, entity="Patient x0")


def _as_fault(error: fhir.Refused, asked: Asked) -> Unacceptable:
    """Return what IHE says of an identifier in HL7 v2 (ITI TF-2, 3.9.4.2.2.6)."""
    said = error.issues[0].diagnostics
    if error.status == 403:
        return Unacceptable(ErrorCode.KEY, _NO_AUTHORITY, "QPD-4[1]")
    if error.status == 404:
        return Unacceptable(ErrorCode.KEY, "Identifiant inconnu ici.", "QPD-3[1].1")
    return Unacceptable(ErrorCode.KEY, _NO_AUTHORITY if asked.number else said, "QPD-3[1].4")


def _candidates(route: FeedRoute, asked: Asked) -> list[Patient]:
    """Return the persons who may be those asked for, in the order of their records."""
    if asked.number is not None:
        system = _system(route, asked.number)
        found = _records(system, asked.number.value) if system is not None else []
    else:
        text = asked.criteria["birth_date"]
        found = patients.born_on([f"{text[:4]}-{text[4:6]}-{text[6:8]}"])
    return list(Patient.objects.filter(pk__in=found, active=True).order_by("pk"))


def _records(system: str, value: str) -> list[int]:
    try:
        return identity_fhir.cross(system=system, value=value, targets=[], base=OWN).records
    except fhir.Refused:
        return []


def _described(person: Patient, mother: str) -> Described:
    return Described(
        families=(person.birth_family, person.used_family),
        givens=(*person.birth_given, person.used_given),
        birth_date=fhir.cut(person.birth_date.isoformat(), person.birth_date_precision),
        gender=person.gender,
        address_line=person.address_line,
        city=person.city,
        postal_code=person.postal_code,
        phone=person.phone,
        mother=mother,
    )


def _traits(person: Patient) -> Traits:
    first = person.birth_given[0]
    said = [(person.birth_family, first, " ".join(person.birth_given), "L")]
    if person.used_family or person.used_given:
        used = person.used_family or person.birth_family
        said.append((used, person.used_given or first, "", "D"))
    status = person.identity_status.value
    return Traits(
        names=said,
        birth_date=fhir.cut(person.birth_date.isoformat(), person.birth_date_precision),
        gender=_GENDERS.get(person.gender, "U"),
        birth_place=(person.birth_place_code, person.birth_place_name),
        address=(person.address_line, person.city, person.postal_code),
        phone=person.phone,
        deceased_on=person.deceased_on.isoformat() if person.deceased_on else "",
        statuses=("VALI" if status == "QUAL" else status, *sorted(person.identity_attributes)),
    )


def _numbers_of(persons: list[Patient], route: FeedRoute, wanted: set[str]) -> dict[int, _Numbers]:
    """Return the numbers of each person in the domains wanted, all when none is; ours last."""
    known = identity_fhir.by_system()
    # Beside its traits, the INS of a qualified record only, were it known by another identity.
    kept = {each.pk for each in persons if _sends_ins(each)}
    return {
        person: [
            _cx(system, value, known.get(system), route)
            for system, value in [*held, (OWN, str(person))]
            if (not wanted or system in wanted) and (person in kept or system not in INS_SYSTEMS)
        ]
        for person, held in identity_fhir.numbers_of([each.pk for each in persons]).items()
    }


def _sends_ins(person: Patient) -> bool:
    return ins_may_leave(person.identity_status, person.identity_attributes)


def _cx(
    system: str, value: str, domain: IdentityDomain | None, route: FeedRoute
) -> tuple[Number, str]:
    """Return an identifier as HL7 v2 writes it, and its type."""
    if system == OWN:
        return Number(value, OWN_AUTHORITY), "PI"
    oid = system.removeprefix("urn:oid:")
    if oid in INS_OIDS:
        name = "ASIP-SANTE-INS-NIA" if oid.endswith(".9") else "ASIP-SANTE-INS-NIR"
        return Number(value, name, oid, "ISO"), "INS"
    is_own = domain is not None and domain.organization_id == route.organization_id
    name = route.facility if is_own else ""
    if domain is not None and domain.oid:
        return Number(value, name, domain.oid, "ISO"), "PI"
    if system.startswith(_IPP):
        authority = system.removeprefix(_IPP).partition(":")[2]
        if authority == name:
            return Number(value, name), "PI"
        return Number(value, name, authority, "N"), "PI"
    if oid != system:
        return Number(value, name, oid, "ISO"), "PI"
    return Number(value, name, system, "URI"), "PI"


def _wanted(route: FeedRoute, domains: Iterable[Number], *, field: int) -> set[str]:
    """Return the systems of the domains wanted; every one that is unknown is said.

    Raises:
        Unanswerable: with the place of each.
    """
    found: set[str] = set()
    faults = []
    known = identity_fhir.systems() | {OWN}
    for rank, each in enumerate(domains, start=1):
        system = _system(route, each)
        if system is None or system not in known:
            faults.append(Unacceptable(ErrorCode.KEY, _NO_AUTHORITY, f"QPD-{field}[{rank}]"))
        else:
            found |= identity_fhir.same(system)
    if faults:
        raise Unanswerable(*faults)
    return found


def _system(route: FeedRoute, said: Number) -> str | None:
    """Return the system of an authority (CX-4), None when nobody here goes by it.

    By its OID or URI, by its name at the sender, else by our own name of it.
    """
    if OWN_AUTHORITY in (said.namespace.upper(), said.authority.upper()):
        return OWN
    if said.oid:
        return f"urn:oid:{said.oid}"
    if said.authority_type.upper() == "URI":
        return said.authority
    own = identity_queries.domains_of(organization_id=route.organization_id)
    name = said.authority or said.namespace
    named = f"{_IPP}{route.organization_id}:{name}"[:200]
    for each in own:
        if each.system == named:
            return named
    if len(own) == 1 and name in ("", route.facility, route.organization.finess):
        return identity_fhir.system_of(own[0])
    other = identity_queries.domain(slug=name)
    return (identity_fhir.system_of(other) or None) if other is not None else None
