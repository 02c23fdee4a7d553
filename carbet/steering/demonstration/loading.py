"""Fill the territory: its communes and establishments, its invented professionals and persons.

Facts and story come row by row and are found again by their keys; the crowd comes by COPY, in
batches of bounded memory. Everything is written by the owner's role in one transaction: the house
is either as before or whole. Asking for more later adds the missing ones; asking again changes
nothing.
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db import connections, models, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from carbet.coordination.care_teams.choices import (
    ConsentDecision,
    ConsentGiver,
    GrantSource,
    ParticipantRole,
)
from carbet.coordination.care_teams.models import (
    CareTeam,
    CareTeamParticipant,
    Consent,
    RelatedPerson,
)
from carbet.coordination.care_teams.rules import categories_of_member, level_of_member
from carbet.coordination.notebook.choices import MeasureKind
from carbet.coordination.notebook.models import Measure, Note
from carbet.core import identifiers, names
from carbet.core.models import AccessGrant, AuditEvent
from carbet.registries.directory import synthetic as directory
from carbet.registries.directory.choices import OrganizationKind, Purpose
from carbet.registries.directory.models import (
    Capacity,
    Commune,
    Delegation,
    HealthcareService,
    Organization,
    Practitioner,
    PractitionerRole,
)
from carbet.registries.patients import synthetic as persons
from carbet.registries.patients.choices import INS_TEST, INS_TYPES
from carbet.registries.patients.models import Patient, PatientIdentifier, PatientSearch
from carbet.steering.demonstration import orientation, phrases, rights
from carbet.steering.demonstration.bulk import NULL, OWNER, Numbers, Target, array, quiet

# One identifier of this system marks the last person of each load: "<seed>:<how many so far>".
MARK_SYSTEM = "https://carbet.example/territoire"
LEAST_PROFESSIONALS = 400
PERSONS_PER_PROFESSIONAL = 50
PROFESSIONALS_PER_STRUCTURE = 5
BATCH = 10_000
# From this many new rows on, indexes are made again after the load rather than kept up during it.
BARE_FROM = 20_000
SOURCE_OF_CAPACITIES = "SAE 2023 (DREES)"
INSTALLED = "01"

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


def load(*, persons_wanted: int, seed: int, now: datetime, say: Say) -> Loaded:
    """Bring the territory to `persons_wanted` invented persons, with all that surrounds them."""
    started = time.monotonic()
    loaded = Loaded()
    connection = connections[OWNER]
    with transaction.atomic(using=OWNER), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('carbet load_territory'))")
        cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
        load_facts()
        load_story(now=now)
        orientation.load(now=now)
        found = persons_found(cursor, seed)
        loaded.persons_found = found
        if found < persons_wanted:
            crowd = Crowd(cursor, seed=seed, now=now, say=say)
            crowd.add_professionals(professionals_for(persons_wanted), loaded)
            crowd.add_persons(found, persons_wanted, loaded)
            AuditEvent.objects.using(OWNER).create(
                recorded_at=now,
                action=AuditEvent.Action.CREATE,
                operation="demonstration.load",
                actor_kind="internal",
                agent_name="Chargement du territoire de démonstration",
                entity=f"Patient x{loaded.persons}",
            )
        orientation.index()
    if loaded.persons:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    loaded.seconds = time.monotonic() - started
    return loaded


def persons_found(cursor: CursorWrapper, seed: int) -> int:
    """Return how many persons of this seed are there already."""
    cursor.execute(
        "SELECT max(split_part(value, ':', 2)::int) FROM patients_patientidentifier"
        " WHERE system = %s AND split_part(value, ':', 1) = %s",
        [MARK_SYSTEM, str(seed)],
    )
    return cursor.fetchone()[0] or 0


# --- Facts --------------------------------------------------------------------------------------

Key = tuple[Any, ...]


def bring(model: type[models.Model], rows: dict[Key, dict[str, Any]], *key: str) -> None:
    """Make the rows of `model` say what `rows` says, by key: add those that miss, mend the others.

    A handful of queries, whatever the number of rows; rows that are right are left alone.
    """
    found = {
        tuple(getattr(row, name) for name in key): row
        for row in model._default_manager.using(OWNER).filter(
            **{f"{key[0]}__in": {each[0] for each in rows}}
        )
    }
    missing, changed = [], []
    for each, values in rows.items():
        row = found.get(each)
        if row is None:
            missing.append(model(**dict(zip(key, each, strict=True)), **values))
        elif any(getattr(row, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(row, name, value)
            changed.append(row)
    model._default_manager.using(OWNER).bulk_create(missing)
    if changed:
        names_changed = list(next(iter(rows.values())))
        model._default_manager.using(OWNER).bulk_update(changed, names_changed)


def load_facts() -> None:
    """Write the communes, establishments, capacities and services, or mend them."""
    bring(
        Commune,
        {
            (row["insee"],): {
                "name": row["name"],
                "postal_codes": row["postal_codes"],
                "population": row["population"],
                "epci": row["epci"]["name"],
                "latitude": row["latitude"],
                "longitude": row["longitude"],
                "access": row["reach"],
                "river": row["river"] or "",
            }
            for row in directory.facts("communes")["communes"]
        },
        "code",
    )
    document = directory.facts("establishments")
    bring(
        Organization,
        {
            (row["finess"], OrganizationKind.LEGAL.value): _legal_entity(row)
            for row in document["legal_entities"]
        },
        "finess",
        "kind",
    )
    legal = dict(
        Organization.objects.using(OWNER)
        .filter(kind=OrganizationKind.LEGAL)
        .values_list("finess", "pk")
    )
    known, others = {}, {}
    for row in document["establishments"]:
        values = _site(row, legal)
        if row["finess"]:
            known[row["finess"], OrganizationKind.GEOGRAPHICAL.value] = values
        else:
            others[directory.ORGANIZATION_SYSTEM, row["key"]] = values
    bring(Organization, known, "finess", "kind")
    bring(Organization, others, "identifier_system", "identifier_value")
    sites = organization_numbers(using=OWNER)
    bring(
        Capacity,
        {
            (sites[row["key"]], f"{capacity['label']}, {unit}", INSTALLED, SOURCE_OF_CAPACITIES): {
                "number": number,
                "updated_at": _midnight(row["capacities_on"]),
            }
            for row in document["establishments"]
            for capacity in row["capacities"]
            for unit, number in (("lits", capacity["beds"]), ("places", capacity["places"]))
            if number
        },
        "organization_id",
        "activity",
        "status",
        "source",
    )
    bring(
        HealthcareService,
        {
            (sites[row["site"]], row["name"]): {
                "activity": row["activity"],
                "comment": row["comment"] or "",
                "synthetic": row["synthetic"],
            }
            for row in directory.facts("services")["services"]
        },
        "organization_id",
        "name",
    )


def _midnight(day: str) -> datetime:
    """Return when a day began in the territory."""
    return datetime.fromisoformat(day).replace(tzinfo=timezone.get_default_timezone())


def _legal_entity(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "purpose": Purpose.HOSPITAL.value,
        "name": row["name"],
        "category_code": row["category_code"] or "",
        "category_label": row["category_label"] or "",
        "commune_id": row["insee"],
        "phone": row["phone"] or "",
    }


def _site(row: dict[str, Any], legal: dict[str, int]) -> dict[str, Any]:
    return {
        "purpose": row["purpose"],
        "part_of_id": legal.get(row["legal_finess"]),
        "name": row["name"],
        "category_code": row["category_code"] or "",
        "category_label": row["category_label"] or "",
        "address_line": row["address"] or "",
        "postal_code": row["postal_code"],
        "commune_id": row["insee"],
        "phone": row["phone"] or "",
        "synthetic": row["synthetic"],
    }


def organization_numbers(*, using: str) -> dict[str, int]:
    """Return the row numbers of establishments and of the story's structures, by key."""
    by_finess = {
        row["finess"]: row["key"]
        for row in directory.facts("establishments")["establishments"]
        if row["finess"]
    }
    story = {each.key for each in directory.STORY_ORGANIZATIONS} | {
        row["key"] for row in directory.facts("establishments")["establishments"]
    }
    found = Organization.objects.using(using).filter(kind=OrganizationKind.GEOGRAPHICAL)
    numbers = {
        by_finess[finess]: number
        for finess, number in found.filter(finess__in=by_finess).values_list("finess", "pk")
    }
    numbers.update(
        found.filter(
            identifier_system=directory.ORGANIZATION_SYSTEM, identifier_value__in=story
        ).values_list("identifier_value", "pk")
    )
    return numbers


# --- The story ----------------------------------------------------------------------------------


def load_story(*, now: datetime) -> None:
    """Write the structures and professionals of Claire’s story; she herself comes by the story."""
    bring(
        Organization,
        {
            (directory.ORGANIZATION_SYSTEM, structure.key): {
                "purpose": structure.purpose,
                "name": structure.name,
                "category_label": structure.category_label,
                "address_line": structure.address,
                "postal_code": structure.postal_code,
                "commune_id": structure.insee,
                "phone": structure.phone,
                "secure_email": f"{structure.key}@structure.mssante.example",
                "synthetic": True,
            }
            for structure in directory.STORY_ORGANIZATIONS
        },
        "identifier_system",
        "identifier_value",
    )
    places = organization_numbers(using=OWNER)
    roles = {person.key: _story_role(person, places) for person in directory.STORY_PRACTITIONERS}
    for person in directory.STORY_PRACTITIONERS:
        if person.delegates_for:
            Delegation.objects.using(OWNER).get_or_create(
                delegator=roles[person.delegates_for],
                delegate=roles[person.key],
                defaults={"started_at": now},
            )
    rights.let_in(roles, now=now, using=OWNER)


def _story_role(person: directory.StoryPractitioner, places: dict[str, int]) -> PractitionerRole:
    key: dict[str, Any] = (
        {"rpps": person.rpps}
        if person.rpps
        else {
            "identifier_system": directory.IDENTIFIER_SYSTEM,
            "identifier_value": person.identifier,
        }
    )
    practitioner, _ = Practitioner.objects.using(OWNER).get_or_create(
        **key,
        defaults={
            "civility": person.civility,
            "family": person.family,
            "given": person.given,
            "synthetic": True,
            "search": practitioner_search(person.given, person.family),
        },
    )
    profession = directory.professions()[person.profession]
    label = profession["feminine" if person.gender == "female" else "label"]
    role, _ = PractitionerRole.objects.using(OWNER).get_or_create(
        practitioner=practitioner,
        organization_id=places[person.organization],
        profession=person.profession,
        defaults={
            "profession_label": label,
            "category": profession["category"],
            "specialty": person.specialty,
            "specialty_label": directory.specialties().get(person.specialty, ""),
            "mode": person.mode,
            "secure_email": person.secure_email,
            "phone": directory.landline_phone(200 + person.serial),
        },
    )
    return role


def story_roles() -> dict[str, PractitionerRole]:
    """Return the roles of the story's professionals by key."""
    found: dict[str, PractitionerRole] = {}
    for person in directory.STORY_PRACTITIONERS:
        held = PractitionerRole.objects.select_related("practitioner", "organization")
        if person.rpps:
            held = held.filter(practitioner__rpps=person.rpps)
        else:
            held = held.filter(
                practitioner__identifier_system=directory.IDENTIFIER_SYSTEM,
                practitioner__identifier_value=person.identifier,
            )
        found[person.key] = held.get(profession=person.profession)
    return found


def practitioner_search(given: str, family: str) -> str:
    """Return the text in which a professional is looked for by name."""
    return names.comparison_form(f"{given} {family}").lower()[:220]


# --- The crowd ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Carer:
    """A role that circles are made of."""

    role: int
    category: str
    name: str


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
        writer = PersonWriter(self)
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


class PersonWriter:
    """Writes persons with their circle, consent, notes and measures."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        cursor = crowd.cursor
        self.draw = random.Random(f"circles {crowd.seed}").random  # noqa: S311 - not a secret
        self.patients = Target(
            Patient, "id", "birth_family", "birth_given", "used_family", "used_given", "gender",
            "birth_date", "birth_date_precision", "birth_place_code", "birth_place_name",
            "ins_recovered", "identity_checked", "identity_attributes", "address_line",
            "postal_code", "city", "commune_id", "access_note", "phone", "language",
            "needs_interpreter", "created_at", "updated_at",
        )  # fmt: skip
        self.identifiers = Target(
            PatientIdentifier, "patient_id", "system", "value", "type_code", "use"
        )
        self.search = Target(PatientSearch, "patient_id", "keys", "sort_key")
        self.consents = Target(
            Consent, "patient_id", "decision", "given_by", "recorded_by_id", "recorded_at"
        )
        self.teams = Target(CareTeam, "id", "patient_id", "started_at", "updated_at")
        self.relatives = Target(
            RelatedPerson, "id", "patient_id", "family", "given", "role", "relationship", "phone",
            "updated_at",
        )  # fmt: skip
        self.members = Target(
            CareTeamParticipant, "id", "care_team_id", "patient_id", "practitioner_role_id",
            "related_person_id", "role", "started_at", "added_by_id",
        )  # fmt: skip
        self.grants = Target(
            AccessGrant, "patient_id", "grantee", "level", "categories", "source", "source_id",
            "valid_from",
        )  # fmt: skip
        self.notes = Target(
            Note, "id", "patient_id", "author_role_id", "author_name", "occurred_at",
            "recorded_at", "gesture", "kind", "text",
        )  # fmt: skip
        self.measures = Target(
            Measure, "id", "patient_id", "author_role_id", "author_name", "occurred_at",
            "recorded_at", "gesture", "kind", "value", "second_value",
        )  # fmt: skip
        self.targets = [
            self.patients, self.identifiers, self.search, self.consents, self.teams,
            self.relatives, self.members, self.grants, self.notes, self.measures,
        ]  # fmt: skip
        self.tables = [target.table for target in self.targets]
        self.numbers = {
            model: Numbers(cursor, model)
            for model in (Patient, CareTeam, RelatedPerson, CareTeamParticipant, Note, Measure)
        }
        # Moments of the last half-year, drawn by index: making one costs more than choosing it.
        self.moments = [
            (crowd.now - timedelta(hours=6 * step, minutes=17 * step % 360)).isoformat()
            for step in range(720)
        ]
        self.registered = (crowd.now - timedelta(days=200)).isoformat()
        self.last_patient = 0

    def add(self, person: persons.SyntheticPerson) -> None:
        """Write one person and what surrounds them."""
        patient = self.numbers[Patient].take()
        self.last_patient = patient
        number = str(patient)
        self._identity(person, number)
        self._circle(person, number)

    def _identity(self, person: persons.SyntheticPerson, number: str) -> None:
        born = person.birth_date.isoformat()
        self.patients.add(
            number, person.birth_family, array(person.birth_given), person.used_family,
            person.used_given, person.gender, born, person.birth_date_precision,
            person.birth_place_code, person.birth_place_name, "t" if person.ins_recovered else "f",
            "t" if person.identity_checked else "f", array(person.identity_attributes),
            person.address_line, person.postal_code, person.city, person.commune,
            person.access_note, person.phone, person.language,
            "t" if person.needs_interpreter else "f", self.registered, self.registered,
        )  # fmt: skip
        if person.ins:
            self.identifiers.add(number, INS_TEST, person.ins, INS_TYPES[INS_TEST], "official")
        keys = names.search_keys(
            person.birth_family, person.used_family, person.birth_given, person.used_given, born,
            person.ins,
        )  # fmt: skip
        family = person.used_family or person.birth_family
        given = person.used_given or person.birth_given[0]
        self.search.add(number, array(keys), names.comparison_form(f"{family} {given}")[:120])

    def _circle(self, person: persons.SyntheticPerson, number: str) -> None:
        draw, registered = self.draw, self.registered
        doctor = self._carer("10", person.commune)
        nurse = self._carer("60", person.commune)
        members = [(doctor, ParticipantRole.ATTENDING.value), (nurse, ParticipantRole.MEMBER.value)]
        others = _OTHERS[int(draw() * len(_OTHERS))]
        members += [
            (self._carer(profession, person.commune), ParticipantRole.MEMBER.value)
            for profession in others
        ]
        team = str(self.numbers[CareTeam].take())
        self.teams.add(team, number, registered, registered)
        self.consents.add(
            number, ConsentDecision.GIVEN.value, ConsentGiver.PERSON.value, str(doctor.role),
            registered,
        )  # fmt: skip
        for carer, role in members:
            participant = str(self.numbers[CareTeamParticipant].take())
            self.members.add(
                participant, team, number, str(carer.role), NULL, role, registered,
                str(doctor.role),
            )  # fmt: skip
            self.grants.add(
                number, f"role:{carer.role}", _LEVELS[carer.category, role],
                _CATEGORIES[carer.category, role],
                GrantSource.PARTICIPANT.value, participant, registered,
            )  # fmt: skip
        if draw() < 0.5:
            self._relative(person, number, team, doctor)
        self._notes(number, (doctor, nurse))
        self._measures(number, nurse)

    def _carer(self, profession: str, commune: str) -> Carer:
        places = self.crowd.carers.get(profession) or self.crowd.carers["60"]
        near = places.get(commune) or places[""]
        return near[int(self.draw() * len(near))]

    def _relative(
        self, person: persons.SyntheticPerson, number: str, team: str, doctor: Carer
    ) -> None:
        relative = str(self.numbers[RelatedPerson].take())
        tie, gender = _TIES[int(self.draw() * len(_TIES))]
        pool = directory.communities()[person.community]
        given = pool.female if gender == "female" else pool.male
        role = ParticipantRole.CAREGIVER.value
        self.relatives.add(
            relative, number, person.used_family or person.birth_family,
            given[int(self.draw() * len(given))], role, tie,
            directory.mobile_phone(int(self.draw() * 10000)), self.registered,
        )  # fmt: skip
        participant = str(self.numbers[CareTeamParticipant].take())
        self.members.add(
            participant, team, number, NULL, relative, role, self.registered, str(doctor.role)
        )

    def _notes(self, number: str, authors: tuple[Carer, Carer]) -> None:
        for _ in range(int(self.draw() * 5)):
            note = self.numbers[Note].take()
            author = authors[self.draw() > 0.25]
            kind, text = phrases.NOTES[int(self.draw() * len(phrases.NOTES))]
            moment = self.moments[int(self.draw() * len(self.moments))]
            self.notes.add(
                str(note), number, str(author.role), author.name, moment, moment,
                f"00000000-0000-4000-8000-{note:012x}", kind, text,
            )  # fmt: skip

    def _measures(self, number: str, author: Carer) -> None:
        for _ in range(int(self.draw() * 7)):
            measure = self.numbers[Measure].take()
            kind, low, high, second_low, second_high = _RANGES[int(self.draw() * len(_RANGES))]
            moment = self.moments[int(self.draw() * len(self.moments))]
            second = (
                str(second_low + int(self.draw() * (second_high - second_low)))
                if second_high
                else NULL
            )
            self.measures.add(
                str(measure), number, str(author.role), author.name, moment, moment,
                f"00000000-0000-4000-9000-{measure:012x}", kind,
                f"{low + self.draw() * (high - low):.1f}" if kind in _DECIMAL
                else str(low + int(self.draw() * (high - low))),
                second,
            )  # fmt: skip

    def mark(self, value: str) -> None:
        """Note on the last person how far this seed has been loaded."""
        if self.last_patient:
            self.identifiers.add(str(self.last_patient), MARK_SYSTEM, value, "", "secondary")
        self.flush()
        for numbers in self.numbers.values():
            numbers.give_back(self.crowd.cursor)

    def flush(self) -> None:
        """Copy all that waits."""
        for target in self.targets:
            target.flush(self.crowd.cursor)


_LEVELS = {
    (category, role): str(int(level_of_member(category=category, role=role)))
    for category in ("medical", "paramedical", "social", "coordination", "administrative")
    for role in (ParticipantRole.ATTENDING.value, ParticipantRole.MEMBER.value)
}
_CATEGORIES = {
    (category, role): str(int(categories_of_member(category=category, role=role)))
    for category, role in _LEVELS
}
# Who else is in the circle, beside the doctor and the nurse: four members on average.
_OTHERS = (
    ("21",), ("21", "70"), ("21", "41"), ("70",), ("21", "70", "350"), ("41", "350"), ("21", "91"),
    ("21", "35"), (), ("21", "94"),
)  # fmt: skip
_TIES = (
    ("DAUC", "female"), ("DAUC", "female"), ("SONC", "male"), ("SPS", "female"), ("SPS", "male"),
    ("SIS", "female"), ("NBOR", "male"),
)  # fmt: skip
_RANGES = (
    (MeasureKind.BLOOD_PRESSURE.value, 105, 165, 60, 95),
    (MeasureKind.BLOOD_PRESSURE.value, 105, 165, 60, 95),
    (MeasureKind.WEIGHT.value, 42, 98, 0, 0),
    (MeasureKind.HEART_RATE.value, 55, 105, 0, 0),
    (MeasureKind.TEMPERATURE.value, 36, 39, 0, 0),
    (MeasureKind.OXYGEN.value, 91, 100, 0, 0),
    (MeasureKind.PAIN.value, 0, 8, 0, 0),
)
_DECIMAL = frozenset((MeasureKind.WEIGHT.value, MeasureKind.TEMPERATURE.value))
