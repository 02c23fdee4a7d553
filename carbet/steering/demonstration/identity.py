"""The desk of the identity cell as a newcomer finds it: hospitals' numbers, doubts, a collision, a
merge of three weeks ago."""

from dataclasses import replace
from datetime import date, datetime, timedelta

from django.db import transaction

from carbet.coordination.notebook.models import Note
from carbet.core import row_security
from carbet.core.actor import DataCategory, internal
from carbet.registries.directory.access import actor_of_role
from carbet.registries.directory.models import Organization, PractitionerRole
from carbet.registries.identity import operations
from carbet.registries.identity.choices import CARBET, QualityLevel
from carbet.registries.identity.models import IdentityDomain, LocalIdentity, Pair
from carbet.registries.identity.rules import Traits
from carbet.registries.patients import operations as patients
from carbet.registries.patients.models import Patient, PatientIdentifier
from carbet.steering.demonstration.following import KEY_SYSTEM
from carbet.steering.demonstration.story import story_roles

HOUSE = internal("démonstration")
# Invented arcs: they are nobody's OID.
DOMAINS = (
    ("ch-cayenne", "970300026", "Centre hospitalier de Cayenne", "1.2.250.1.973.1"),
    ("ch-ouest", "970300083", "Centre hospitalier de l’Ouest guyanais", "1.2.250.1.973.2"),
    ("ch-kourou", "970305637", "Centre hospitalier de Kourou", "1.2.250.1.973.3"),
)
MERGED_AGO = timedelta(days=21)


def load(*, now: datetime) -> None:
    """Write it once; what the cell decided since is never written over."""
    with row_security.acting_as(HOUSE, now=now):
        if IdentityDomain.objects.filter(slug="ch-cayenne").exists():
            return
    roles = story_roles()
    with transaction.atomic():
        domains = _domains(now)
        _copies(domains, now)
        _doubts(domains, now)
        _collision(domains, now)
        _merged(roles, now)
        _two_records(roles, now)
        _two_numbers(domains, roles, now)


def _domains(now: datetime) -> dict[str, IdentityDomain]:
    return {
        slug: operations.open_domain(
            actor=HOUSE,
            now=now - timedelta(days=400),
            slug=slug,
            name=name,
            oid=oid,
            organization_id=Organization.objects.filter(finess=finess)
            .values_list("pk", flat=True)
            .first(),
            quality=QualityLevel.FOLLOWED,
        )
        for slug, finess, name, oid in DOMAINS
    }


def _tell(domain: IdentityDomain, number: str, traits: Traits, *, now: datetime) -> None:
    operations.record_local_identity(
        actor=HOUSE, now=now, domain=domain, number=number, traits=traits
    )


def _followed(key: str) -> LocalIdentity:
    with row_security.acting_as(HOUSE):
        found = PatientIdentifier.objects.get(system=KEY_SYSTEM, value=key)
        return LocalIdentity.objects.get(patient_id=found.patient_id)


def _copies(domains: dict[str, IdentityDomain], now: datetime) -> None:
    """Persons whom hospitals know as well as Carbet does; demonstration persons are fictive."""
    for rank, key in enumerate(("raymond", "georgette", "wilner", "solene", "kenneth", "ana")):
        traits = replace(_followed(key).traits, attributes=())
        moment = now - timedelta(days=60 - rank)
        _tell(domains["ch-cayenne"], f"80012{rank}", traits, now=moment)
        _tell(domains["ch-kourou"], f"K44{rank}", traits, now=moment)


def _doubts(domains: dict[str, IdentityDomain], now: datetime) -> None:
    traits = Traits(
        birth_family="MISIDJAN",
        birth_given=("BAJA", "JOHAN"),
        gender="male",
        birth_date=date(1984, 6, 3),
        birth_place_code="97311",
    )
    moment = now - timedelta(days=3)
    _tell(domains["ch-ouest"], "O-10455", traits, now=moment)
    badly = replace(traits, birth_family="MISIEDJAN", birth_given=("BADJA",))
    _tell(domains["ch-cayenne"], "801873", badly, now=moment)
    twin = Traits(
        birth_family="SILVA DOS SANTOS",
        birth_given=("MARIANA",),
        gender="female",
        birth_date=date(2011, 9, 17),
        birth_place_code="97302",
    )
    _tell(domains["ch-cayenne"], "801901", twin, now=moment)
    _tell(domains["ch-kourou"], "K-5120", replace(twin, birth_given=("MARINA",)), now=moment)


def _collision(domains: dict[str, IdentityDomain], now: datetime) -> None:
    first = Traits(
        birth_family="JOSEPH",
        birth_given=("WIDLINE",),
        gender="female",
        birth_date=date(1990, 2, 11),
        birth_place_code="99410",
    )
    second = Traits(
        birth_family="ANATOLE",
        birth_given=("MARCEL", "LÉON"),
        gender="male",
        birth_date=date(1947, 12, 5),
        birth_place_code="97302",
    )
    _tell(domains["ch-cayenne"], "802044", first, now=now - timedelta(days=30))
    _tell(domains["ch-cayenne"], "802044", second, now=now - timedelta(days=1))


def _register(
    role: PractitionerRole, traits: dict[str, object], text: str, *, now: datetime
) -> Patient:
    """Register somebody, with one note of whoever registers."""
    actor = actor_of_role(role.pk, now=now)
    patient = patients.register_patient(
        actor=actor,
        now=now,
        identity_attributes=["FICT"],
        **traits,  # type: ignore[arg-type]
    )
    with row_security.acting_as(actor, now=now, operation="demonstration"):
        Note.objects.create(
            patient_id=patient.pk,
            author_role=role,
            author_name=str(role.practitioner),
            category=DataCategory.MEDICAL.value,
            occurred_at=now,
            recorded_at=now,
            text=text,
        )
    return patient


def _asked(one: Patient, other: Patient) -> Pair:
    with row_security.acting_as(HOUSE):
        return Pair.objects.get(
            first__patient_id__in=(one.pk, other.pk), second__patient_id__in=(one.pk, other.pk)
        )


def _merged(roles: dict[str, PractitionerRole], now: datetime) -> None:
    """Two sisters, taken for one person three weeks ago."""
    traits: dict[str, object] = {
        "birth_family": "Lafontaine",
        "birth_given": ["Marie-Ange"],
        "gender": "female",
        "birth_date": date(1958, 8, 15),
        "birth_place_code": "97302",
    }
    moment = now - MERGED_AGO - timedelta(days=9)
    one = _register(roles["gp"], traits, "Diabète équilibré, revoir en mars.", now=moment)
    sister = traits | {"birth_given": ["Marie-Ange", "Rose"], "birth_date": date(1958, 8, 25)}
    other = _register(roles["nurse"], sister, "Pansement de la cheville gauche refait.", now=moment)
    for key in ("identity_agent", "identity_agent_2"):
        pair = _asked(one, other)
        agent = actor_of_role(roles[key].pk, now=now - MERGED_AGO)
        operations.decide(
            actor=agent,
            now=now - MERGED_AGO,
            pair_id=pair.pk,
            version=pair.version,
            verdict="same",
            reason="Même nom, même quartier",
        )


def _two_records(roles: dict[str, PractitionerRole], now: datetime) -> None:
    """One person registered twice, a fortnight apart: for two agents to merge."""
    traits: dict[str, object] = {
        "birth_family": "Télusma",
        "birth_given": ["Jean", "Robert"],
        "gender": "male",
        "birth_date": date(1966, 4, 21),
        "birth_place_code": "99410",
    }
    _register(roles["gp"], traits, "Tension à surveiller.", now=now - timedelta(days=20))
    again = traits | {"birth_family": "Thélusma", "birth_given": ["Jean"]}
    _register(roles["nurse"], again, "Premier passage à domicile.", now=now - timedelta(days=6))


def _two_numbers(
    domains: dict[str, IdentityDomain], roles: dict[str, PractitionerRole], now: datetime
) -> None:
    """One person under two numbers of a hospital and in two records: it will ask for a merge."""
    traits: dict[str, object] = {
        "birth_family": "Nivrée",
        "birth_given": ["Célestine"],
        "gender": "female",
        "birth_date": date(1949, 7, 2),
        "birth_place_code": "97302",
    }
    moment = now - timedelta(days=12)
    one = _register(roles["gp"], traits, "Asthme stable.", now=moment)
    # Under the name of her husband, her date of birth given by heart.
    wife = traits | {"birth_family": "Dambrun", "birth_date": date(1951, 1, 1)}
    other = _register(roles["nurse"], wife, "Prise de sang faite.", now=moment)
    carbet = IdentityDomain.objects.get(slug=CARBET)
    for number, patient in (("803310", one), ("803377", other)):
        with row_security.acting_as(HOUSE):
            there = LocalIdentity.objects.get(patient_id=patient.pk).traits
        _tell(domains["ch-cayenne"], number, replace(there, attributes=()), now=moment)
        operations.link(
            actor=HOUSE,
            now=moment,
            domain=domains["ch-cayenne"],
            first=number,
            second=str(patient.pk),
            second_domain=carbet,
            reason="Numéro donné par l’hôpital",
        )
