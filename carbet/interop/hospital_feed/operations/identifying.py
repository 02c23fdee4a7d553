"""Whom a message speaks of: by a qualified INS, or by a number known here; never by name alone.

Each establishment is an identity domain: its numbers are known by what it told of them, or by what
people decided at the identity desk.
"""

import hashlib
from datetime import datetime

from django.conf import settings

from carbet.core import names
from carbet.core.actor import internal
from carbet.interop.hospital_feed.choices import ErrorCode
from carbet.interop.hospital_feed.models import FeedRoute
from carbet.interop.hospital_feed.rules.header import Unacceptable, shown
from carbet.interop.hospital_feed.rules.persons import Number, PersonRead
from carbet.registries.identity import operations as identity_operations
from carbet.registries.identity import queries as identity_queries
from carbet.registries.identity.models import IdentityDomain
from carbet.registries.patients import queries as patients
from carbet.registries.patients.choices import INS_DEMO, INS_TEST
from carbet.registries.patients.models import Patient

# Domains that one establishment opens by itself: its sites, a former software.
MOST_DOMAINS = 3


class Unidentified(Exception):
    """Nobody here can be told for sure: the message waits, and says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def number_system(route: FeedRoute, authority: str) -> str:
    """Return the system of the local numbers of an establishment: nobody else writes under it."""
    return f"urn:carbet:ipp:{route.organization_id}:{authority}"[:200]


def domain_of(route: FeedRoute, number: Number, place: str) -> IdentityDomain | None:
    """Return the identity domain of a number, None when the sender never spoke of it.

    By the OID of the number, else by the name that it gives its numbers, else the only domain of
    the establishment.

    Raises:
        Unacceptable: the domain is another establishment's.
    """
    own = identity_queries.domains_of(organization_id=route.organization_id)
    if number.oid and (found := identity_queries.domain(oid=number.oid)) is not None:
        if found.organization_id != route.organization_id:
            raise Unacceptable(
                ErrorCode.VALUE, "Ce domaine d’identité est d’un autre établissement.", place
            )
        return found
    system = number_system(route, number.authority or number.namespace)
    named = next((each for each in own if each.system == system), None)
    if named is not None or number.oid:
        return named
    said = number.authority or number.namespace
    if len(own) == 1 and said in ("", route.facility, route.organization.finess):
        return own[0]
    return None


def open_domain_of(
    route: FeedRoute, number: Number, place: str, *, now: datetime, accepted: bool = False
) -> IdentityDomain:
    """Open the identity domain of an establishment, the first time that it speaks of a number.

    The first OID that it gives is its own; another one stays under its name here, so that nobody
    takes the OID of somebody else. Beyond a few, whoever operates the house opens them: a sender
    that names authorities without end fills nothing.

    Raises:
        Unacceptable: it has enough of them, and nobody accepted this one.
    """
    said = number.authority or number.namespace
    own = identity_queries.domains_of(organization_id=route.organization_id)
    if len(own) >= MOST_DOMAINS and not accepted:
        raise Unacceptable(
            ErrorCode.KEY,
            f"Domaine d’identité « {shown(said)} » jamais vu, et cet établissement en a déjà"
            f" {len(own)} : acceptez-le s’il est bien le sien, ou abandonnez le message.",
            place,
        )
    first = not own
    mark = hashlib.blake2b(said.encode(), digest_size=5).hexdigest()
    return identity_operations.open_domain(
        actor=internal(route.organization.name),
        now=now,
        slug=f"ipp-{route.organization_id}-{mark}",
        name=route.organization.name if first else f"{route.organization.name} ({said})"[:200],
        oid=number.oid if first else "",
        system=number_system(route, said),
        organization_id=route.organization_id,
    )


def identify(route: FeedRoute, said: PersonRead) -> Patient:
    """Return the person that a message names.

    The INS of a qualified identity, here as there, whose traits agree; else the number that this
    establishment gave her, if it is known here.

    Raises:
        Unidentified: nobody, several, or an INS that contradicts the traits.
    """
    by_ins = _by_ins(said)
    by_number = _by_number(route, said)
    if len(by_number) > 1:
        raise Unidentified("Deux personnes d’ici portent les numéros de ce message.")
    found = by_ins or next(iter(by_number), None)
    if found is None:
        if said.ins and not said.qualified:
            raise Unidentified("INS non qualifié par l’établissement, et numéro inconnu ici.")
        if said.ins:
            raise Unidentified("Ni l’INS ni le numéro de l’établissement ne sont connus ici.")
        raise Unidentified("Sans INS, et numéro de l’établissement inconnu ici.")
    if by_ins and by_number and by_number[0].pk != by_ins.pk:
        raise Unidentified("L’INS et le numéro de l’établissement désignent deux personnes.")
    if wrong := contradicted(found, said):
        raise Unidentified(f"Ces traits contredisent l’identité connue ici : {', '.join(wrong)}.")
    return found


def contradicted(patient: Patient, said: PersonRead) -> list[str]:
    """Return the strict traits that a message says otherwise; what it does not say is no doubt."""
    wrong = []
    if said.birth_date is not None and said.birth_date != patient.birth_date:
        wrong.append("date de naissance")
    if said.gender and patient.gender != "unknown" and said.gender != patient.gender:
        wrong.append("sexe")
    known = {names.strict_form(name) for name in (patient.birth_family, patient.used_family)}
    if said.family and names.strict_form(said.family) not in known:
        wrong.append("nom de naissance")
    return wrong


def _by_ins(said: PersonRead) -> Patient | None:
    if not said.qualified:
        return None
    for system, value in said.ins:
        if system in (INS_TEST, INS_DEMO) and not settings.DEMONSTRATION:
            raise Unidentified("INS de test : refusé en production.")
        known = patients.identified(system=system, value=value)
        if (found := Patient.objects.filter(pk__in=known, active=True).first()) is not None:
            return found
    return None


def _by_number(route: FeedRoute, said: PersonRead) -> list[Patient]:
    found: dict[int, Patient] = {}
    for authority, value in said.numbers:
        known = patients.identified(system=number_system(route, authority), value=value)
        for person in Patient.objects.filter(pk__in=known, active=True)[:2]:
            found[person.pk] = person
    for number in said.local:
        domain = domain_of(route, number, "PID-3.4")
        row = identity_queries.identity(domain=domain, number=number.value) if domain else None
        record = identity_queries.record_of(row) if row is not None else None
        person_here = Patient.objects.filter(pk=record, active=True).first() if record else None
        if person_here is not None:
            found[person_here.pk] = person_here
    return list(found.values())
