"""The crowd: invented professionals and persons, by COPY, in batches of bounded memory."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from django.db.backends.utils import CursorWrapper

from carbet.core import identifiers
from carbet.registries.directory import synthetic as directory
from carbet.registries.directory.choices import OrganizationKind
from carbet.registries.directory.models import Organization, Practitioner, PractitionerRole
from carbet.registries.patients import synthetic as persons
from carbet.steering.demonstration.bulk import NULL, OWNER, Numbers, Target, quiet
from carbet.steering.demonstration.circles import MARK_SYSTEM, Carer, PersonWriter
from carbet.steering.demonstration.facts import organization_numbers
from carbet.steering.demonstration.story import practitioner_search

LEAST_PROFESSIONALS = 400
PERSONS_PER_PROFESSIONAL = 50
PROFESSIONALS_PER_STRUCTURE = 5
BATCH = 10_000
# From this many new rows on, indexes are made again after the load rather than kept up during it.
BARE_FROM = 20_000

Say = Callable[[str], None]


@dataclass
class Loaded:
    """What a load added and what it found."""

    persons: int = 0
    persons_found: int = 0
    professionals: int = 0
    structures: int = 0
    seconds: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)


def professionals_for(n: int) -> int:
    """Return how many professionals a territory of `n` persons has."""
    return max(LEAST_PROFESSIONALS, n // PERSONS_PER_PROFESSIONAL)


def persons_found(cursor: CursorWrapper, seed: int) -> int:
    """Return how many persons of this seed are there already."""
    cursor.execute(
        "SELECT max(split_part(value, ':', 2)::int) FROM patients_patientidentifier"
        " WHERE system = %s AND split_part(value, ':', 1) = %s",
        [MARK_SYSTEM, str(seed)],
    )
    return cursor.fetchone()[0] or 0


class Crowd:
    """Invented professionals and persons, by the thousand."""

    def __init__(self, cursor: CursorWrapper, *, seed: int, now: datetime, say: Say) -> None:
        self.cursor = cursor
        self.seed = seed
        self.now = now
        self.say = say
        self.carers: dict[str, dict[str, list[Carer]]] = {}

    # Professionals.

    def add_professionals(self, wanted: int, loaded: Loaded) -> None:
        """Bring structures and professionals to the number wanted."""
        structures = list(
            directory.organizations(self.seed, max(80, wanted // PROFESSIONALS_PER_STRUCTURE))
        )
        self._add_structures(structures, loaded)
        self.cursor.execute(
            "SELECT identifier_value, id FROM directory_organization WHERE identifier_system = %s",
            [directory.ORGANIZATION_SYSTEM],
        )
        by_key = dict(self.cursor.fetchall()) | organization_numbers(using=OWNER)
        self.cursor.execute(
            "SELECT count(*) FROM directory_practitioner WHERE synthetic"
            " AND (rpps >= %s OR identifier_value >= %s)",
            [
                identifiers.make_rpps(directory.FIRST_SERIAL),
                f"P{directory.FIRST_SERIAL:07d}",
            ],
        )
        found = self.cursor.fetchone()[0]
        people = Target(
            Practitioner, "id", "rpps", "identifier_system", "identifier_value", "civility",
            "family", "given", "synthetic", "search", "updated_at",
        )  # fmt: skip
        roles = Target(
            PractitionerRole, "id", "practitioner_id", "organization_id", "profession",
            "profession_label", "category", "specialty", "specialty_label", "mode", "secure_email",
            "phone", "started_on", "updated_at",
        )  # fmt: skip
        people_numbers = Numbers(self.cursor, Practitioner)
        role_numbers = Numbers(self.cursor, PractitionerRole)
        moment = self.now.isoformat()
        with quiet(self.cursor, [people.table, roles.table], bare=False):
            crowd = directory.practitioners(self.seed, wanted, structures)
            for person in islice(crowd, found, None):
                number, role = people_numbers.take(), role_numbers.take()
                people.add(
                    str(number), person.rpps or NULL,
                    "" if person.rpps else directory.IDENTIFIER_SYSTEM, person.identifier,
                    person.civility, person.family, person.given, "t",
                    practitioner_search(person.given, person.family), moment,
                )  # fmt: skip
                key = person.site or structures[person.organization or 0].key
                roles.add(
                    str(role), str(number), str(by_key[key]), person.profession,
                    person.profession_label, person.category, person.specialty,
                    person.specialty_label, person.mode, person.secure_email, person.phone,
                    f"{2005 + person.index % 20}-09-01", moment,
                )  # fmt: skip
                loaded.professionals += 1
            people.flush(self.cursor)
            roles.flush(self.cursor)
            people_numbers.give_back(self.cursor)
            role_numbers.give_back(self.cursor)
        self._read_carers()

    def _add_structures(
        self, structures: list[directory.SyntheticOrganization], loaded: Loaded
    ) -> None:
        self.cursor.execute(
            "SELECT identifier_value FROM directory_organization WHERE identifier_system = %s",
            [directory.ORGANIZATION_SYSTEM],
        )
        known = {row[0] for row in self.cursor.fetchall()}
        target = Target(
            Organization, "kind", "purpose", "name", "identifier_system", "identifier_value",
            "category_label", "address_line", "postal_code", "commune_id", "phone", "secure_email",
            "synthetic", "updated_at",
        )  # fmt: skip
        for each in structures:
            if each.key in known:
                continue
            target.add(
                OrganizationKind.GEOGRAPHICAL, each.purpose, each.name,
                directory.ORGANIZATION_SYSTEM, each.key, each.category_label, each.address,
                each.postal_code, each.insee, each.phone, each.secure_email, "t",
                self.now.isoformat(),
            )  # fmt: skip
            loaded.structures += 1
        target.flush(self.cursor)

    def _read_carers(self) -> None:
        """Remember who can be a member of a circle, by profession and commune, story included."""
        self.cursor.execute(
            "SELECT r.profession, o.commune_id, r.id, r.category,"
            " trim(p.civility || ' ' || p.given || ' ' || p.family)"
            " FROM directory_practitionerrole r"
            " JOIN directory_practitioner p ON p.id = r.practitioner_id"
            " JOIN directory_organization o ON o.id = r.organization_id"
            " WHERE p.synthetic AND p.active AND r.ended_at IS NULL"
            " AND (r.profession <> '10' OR r.mode = 'L' OR o.purpose = 'health_centre')"
            " ORDER BY r.id"
        )
        for profession, commune, role, category, name in self.cursor.fetchall():
            carer = Carer(role, category, name)
            places = self.carers.setdefault(profession, {})
            places.setdefault(commune, []).append(carer)
            places.setdefault("", []).append(carer)

    # Persons.

    def add_persons(self, found: int, wanted: int, loaded: Loaded) -> None:
        """Add the persons from number `found` to number `wanted`, each with their circle."""
        writer = PersonWriter(self.cursor, self.carers, seed=self.seed, now=self.now)
        bare = wanted - found >= BARE_FROM
        began = time.monotonic()
        with quiet(self.cursor, writer.tables, bare=bare):
            stream = islice(persons.persons(self.seed, wanted), found, None)
            for batch in batches(stream, BATCH):
                for person in batch:
                    writer.add(person)
                writer.flush()
                loaded.persons += len(batch)
                rate = loaded.persons / (time.monotonic() - began)
                self.say(
                    f"{_spaced(found + loaded.persons)} / {_spaced(wanted)} personnes"
                    f" ({_spaced(round(rate))} par seconde)"
                )
            writer.mark(f"{self.seed}:{wanted}")
            loaded.parts["copy"] = time.monotonic() - began
            if bare:
                self.say("Index et clés étrangères…")
            began = time.monotonic()
        loaded.parts["indexes"] = time.monotonic() - began


def _spaced(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def batches(
    stream: Iterator[persons.SyntheticPerson], size: int
) -> Iterator[list[persons.SyntheticPerson]]:
    """Yield the persons by lists of `size`, the last one shorter."""
    while batch := list(islice(stream, size)):
        yield batch
