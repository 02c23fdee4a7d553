"""A small territory for tests: structures, roles and accounts of the story, made once a test.

Everything here is synthetic. Persons are registered through the real operations.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.care_teams.choices import ConsentDecision, ConsentGiver
from carbet.coordination.care_teams.models import CareTeam
from carbet.core.actor import Actor
from carbet.core.identifiers import make_rpps
from carbet.registries.accounts.choices import AccountKind
from carbet.registries.accounts.models import Account
from carbet.registries.directory.access import actor_of_role
from carbet.registries.directory.choices import Category, Purpose
from carbet.registries.directory.models import (
    Commune,
    Delegation,
    Organization,
    Practitioner,
    PractitionerRole,
    Right,
)
from carbet.registries.patients import operations as patients
from carbet.registries.patients.models import Patient

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PASSWORD = "mot de passe du carbet"

# Each under a key: given name, family name, profession and its label, category, place.
PEOPLE = {
    "gp": ("Yann", "Le Bihan", "10", "Médecin généraliste", Category.MEDICAL, "office"),
    "secretary": ("Odile", "Fortin", "332", "Secrétaire", Category.ADMINISTRATIVE, "office"),
    "coordinator": ("Arya", "Sampaio", "330", "Coordonnatrice", Category.COORDINATION, "dac"),
    "nurse": ("Inès", "Robeiri", "60", "Infirmière", Category.PARAMEDICAL, "nursing"),
    "physio": ("Marc", "Tianon", "70", "Kinésithérapeute", Category.PARAMEDICAL, "nursing"),
    "social_worker": ("Lise", "Ho", "ASS", "Assistante sociale", Category.SOCIAL, "social"),
    "home_help": ("Rosa", "Pinas", "AVS", "Aide à domicile", Category.SOCIAL, "home_help"),
    "other_gp": ("Paul", "Kouyouri", "10", "Médecin généraliste", Category.MEDICAL, "far_office"),
    "far_nurse": ("Maud", "Awengué", "60", "Infirmière", Category.PARAMEDICAL, "far_office"),
    "operator": ("Nadia", "Exploit", "OPS", "Exploitante", Category.ADMINISTRATIVE, "grades"),
    "agency": ("Hugo", "Agence", "ARS", "Chargé de mission", Category.ADMINISTRATIVE, "ars"),
    "identity_agent": ("Ida", "Vigile", "IDV", "Agente", Category.ADMINISTRATIVE, "cell"),
    "second_agent": ("Ana", "Double", "IDV", "Agente", Category.ADMINISTRATIVE, "cell"),
}
PLACES = {
    "office": ("Cabinet du Larivot", Purpose.OFFICE, "97307"),
    "far_office": ("Cabinet des Roches", Purpose.OFFICE, "97304"),
    "dac": ("DAC Guyane", Purpose.DAC, "97302"),
    "nursing": ("Cabinet infirmier de Matoury", Purpose.OFFICE, "97307"),
    "social": ("Service social de secteur", Purpose.SOCIAL, "97307"),
    "home_help": ("Aide à domicile du Maroni", Purpose.HOME_HELP, "97311"),
    "grades": ("GRADeS Guyane", Purpose.OTHER, "97302"),
    "ars": ("ARS Guyane", Purpose.AGENCY, "97302"),
    "cell": ("Cellule d’identitovigilance", Purpose.IDENTITY, "97302"),
}


@dataclass
class World:
    """What the tests stand on; `actor("gp")` acts as that role."""

    places: dict[str, Organization] = field(default_factory=dict)
    roles: dict[str, PractitionerRole] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    now: datetime = NOW

    def actor(self, key: str) -> Actor:
        return actor_of_role(self.roles[key].pk, now=self.now)

    def register(self, by: str = "gp", **traits: Any) -> Patient:
        """Register Claire, or someone else when traits are given."""
        claire = {
            "birth_family": "Régis",
            "used_family": "Montgénie",
            "birth_given": ["Claire", "Marie"],
            "gender": "female",
            "birth_date": date(1951, 3, 14),
            "city": "Matoury",
            "postal_code": "97351",
            "commune_id": "97307",
        }
        return patients.register_patient(actor=self.actor(by), now=self.now, **(claire | traits))

    def circle(self, *members: str, by: str = "gp", **traits: Any) -> CareTeam:
        """Register a person with a recorded consent and a circle of these members."""
        patient = self.register(by, **traits)
        care_teams.record_consent(
            actor=self.actor(by),
            now=self.now,
            patient=patient,
            decision=ConsentDecision.GIVEN,
            given_by=ConsentGiver.PERSON,
        )
        care_team = care_teams.open_care_team(actor=self.actor(by), now=self.now, patient=patient)
        for member in members:
            care_teams.add_participant(
                actor=self.actor(by),
                now=self.now,
                care_team=care_team,
                practitioner_role=self.roles[member],
            )
        return care_team

    def let_in(self, *roles: PractitionerRole, manages: bool = False) -> None:
        """Open these roles to whoever holds them."""
        Right.objects.bulk_create(
            Right(
                practitioner_role=role,
                manages=manages,
                started_at=NOW - timedelta(days=2000),
                ended_at=NOW + timedelta(days=2000),
                granted_by_name="Nadia Exploit",
            )
            for role in roles
        )

    def later(self, **delta: float) -> datetime:
        """Move the clock of this world on and return the new moment."""
        self.now += timedelta(**delta)
        return self.now


def build() -> World:
    """Make the places, roles, accounts and the secretary's delegation."""
    world = World()
    for code, name in (
        ("97302", "Cayenne"),
        ("97304", "Kourou"),
        ("97307", "Matoury"),
        ("97311", "Saint-Laurent-du-Maroni"),
    ):
        Commune.objects.get_or_create(code=code, defaults={"name": name})
    for key, (name, purpose, commune) in PLACES.items():
        world.places[key] = Organization.objects.create(
            name=name, purpose=purpose, commune_id=commune, synthetic=True
        )
    for number, (key, person) in enumerate(PEOPLE.items(), start=900_000):
        given, family, profession, label, category, place = person
        account = Account.objects.create_user(
            f"{key}@carbet.test",
            PASSWORD,
            given=given,
            family=family,
            is_operator=key == "operator",
        )
        practitioner = Practitioner.objects.create(
            rpps=make_rpps(number),
            given=given,
            family=family,
            account=account,
            synthetic=True,
            search=f"{given} {family}".lower(),
        )
        world.accounts[key] = account
        world.roles[key] = PractitionerRole.objects.create(
            practitioner=practitioner,
            organization=world.places[place],
            profession=profession,
            profession_label=label,
            category=category,
            secure_email=f"{key.replace('_', '.')}@test.mssante.example",
        )
    world.let_in(*world.roles.values())
    Delegation.objects.create(
        delegator=world.roles["gp"],
        delegate=world.roles["secretary"],
        started_at=NOW,
        ended_at=NOW + timedelta(days=2000),
    )
    for key in ("claire", "daughter"):
        world.accounts[key] = Account.objects.create_user(
            f"{key}@carbet.test", PASSWORD, kind=AccountKind.PERSON, given=key.title()
        )
    return world
