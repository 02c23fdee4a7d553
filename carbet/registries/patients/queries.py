"""What can be asked of persons: mine, by name however it is spelt, by traits before creating."""

import json
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection
from django.db.models import QuerySet

from carbet.core import names
from carbet.core.actor import Actor
from carbet.registries.patients import rules
from carbet.registries.patients.access import patients_open_to
from carbet.registries.patients.models import Patient, PatientIdentifier

SEARCH_LIMIT = 50


@dataclass(frozen=True)
class KnownPerson:
    """A person known to Carbet, as shown to whoever gave their exact traits: no more than those."""

    patient_id: int
    birth_family: str
    birth_given: list[str]
    used_family: str
    gender: str
    birth_date: date
    birth_place_name: str
    city: str
    open_to_actor: bool


def search_patients(*, actor: Actor, text: str, now: datetime) -> list[Patient]:
    """Return at most 50 of the actor's persons whose names, date or INS match, closest first.

    Tolerates accents, order, and one wrong letter a word.
    """
    groups = names.query_keys(text)
    if not groups:
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT patient_id FROM patients_search(%s, %s)", [json.dumps(groups[:8]), 200])
        found = [row[0] for row in cursor.fetchall()]
    persons = patients_open_to(actor, now=now).in_bulk(found)
    ranked = sorted(
        (persons[pk] for pk in found if pk in persons),
        key=lambda person: -rules.closeness(text, full_name(person)),
    )
    return ranked[:SEARCH_LIMIT]


def full_name(patient: Patient) -> str:
    """Return every name of the person, for comparison."""
    return " ".join((patient.birth_family, patient.used_family, *patient.birth_given))


def find_by_traits(
    *, actor: Actor, family: str, given: str, birth_date: date, now: datetime
) -> list[KnownPerson]:
    """Return at most ten persons known under these traits, in the whole territory.

    The search before any creation (RNIV 2.0): birth date exact, names tolerant of spelling.
    """
    groups = names.query_keys(f"{family} {given}")[:8]
    if len(groups) < 2:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT patient_id, birth_family, birth_given, used_family, gender, birth_date,"
            " birth_place_name, city FROM patients_search_traits(%s, %s)",
            [json.dumps(groups), birth_date],
        )
        rows = cursor.fetchall()
    mine = set(
        patients_open_to(actor, now=now)
        .filter(pk__in=[row[0] for row in rows])
        .values_list("pk", flat=True)
    )
    return [KnownPerson(*row, open_to_actor=row[0] in mine) for row in rows]


def find_by_ins(*, system: str, value: str) -> QuerySet[PatientIdentifier]:
    """Return the identifiers that the actor may see with this INS."""
    return PatientIdentifier.objects.filter(system=system, value=value)
