"""Each person of the crowd with their circle, consent, notes and measures, drawn by the seed."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.backends.utils import CursorWrapper

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
from carbet.core import names
from carbet.core.models import AccessGrant
from carbet.registries.directory import synthetic as directory
from carbet.registries.matching import rules as matching
from carbet.registries.patients import synthetic as persons
from carbet.registries.patients.choices import INS_TEST, INS_TYPES
from carbet.registries.patients.models import (
    Patient,
    PatientIdentifier,
    PatientSearch,
    PatientTraits,
)
from carbet.registries.patients.rules import traits_of
from carbet.steering.demonstration import phrases
from carbet.steering.demonstration.bulk import NULL, Numbers, Target, array

# One identifier of this system marks the last person of each load: "<seed>:<how many so far>".
MARK_SYSTEM = "https://carbet.example/territoire"


@dataclass(slots=True)
class Carer:
    """A role that circles are made of."""

    role: int
    category: str
    name: str


class PersonWriter:
    """Writes persons with their circle, consent, notes and measures."""

    def __init__(
        self,
        cursor: CursorWrapper,
        carers: dict[str, dict[str, list[Carer]]],
        *,
        seed: int,
        now: datetime,
    ) -> None:
        self.cursor = cursor
        self.carers = carers
        self.draw = random.Random(f"circles {seed}").random  # noqa: S311 - not a secret
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
        self.traits = Target(PatientTraits, "patient_id", "source", "keys", "packed")
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
            self.patients, self.identifiers, self.search, self.traits, self.consents,
            self.teams, self.relatives, self.members, self.grants, self.notes, self.measures,
        ]  # fmt: skip
        self.tables = [target.table for target in self.targets]
        self.numbers = {
            model: Numbers(cursor, model)
            for model in (Patient, CareTeam, RelatedPerson, CareTeamParticipant, Note, Measure)
        }
        # Moments of the last half-year, drawn by index: making one costs more than choosing it.
        self.moments = [
            (now - timedelta(hours=6 * step, minutes=17 * step % 360)).isoformat()
            for step in range(720)
        ]
        self.registered = (now - timedelta(days=200)).isoformat()
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
        traits = matching.prepare(traits_of(person, ins=person.ins or ""))
        self.traits.add(number, "0", array(matching.blocking_keys(traits)), matching.pack(traits))

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
        places = self.carers.get(profession) or self.carers["60"]
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
            numbers.give_back(self.cursor)

    def flush(self) -> None:
        """Copy all that waits."""
        for target in self.targets:
            target.flush(self.cursor)


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
