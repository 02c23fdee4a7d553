"""Invented professionals and structures that fill the demonstration directory, and its story's.

Everything here is invented and says so: RPPS numbers begin with 999 (real ones begin with 1),
addresses end in `.example`, which no domain can use (RFC 2606), and telephone numbers come from the
ranges that the regulator keeps for fiction: 06 39 98 and 05 36 49 (ARCEP, numbering plan; there is
no such range in 05 94). The same seed always gives the same people, in the same order.
"""

import json
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from carbet.core import identifiers, names

DATA = Path(__file__).parent / "data"
IDENTIFIER_SYSTEM = "https://carbet.example/professionnels"
ORGANIZATION_SYSTEM = "https://carbet.example/structures"

# The first synthetic serial numbers belong to the people of the story.
FIRST_SERIAL = 1000


@lru_cache(maxsize=8)
def facts(name: str) -> dict[str, Any]:
    """Return one of the data files of the directory: communes, establishments, services…"""
    document: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return document


# --- Drawing ------------------------------------------------------------------------------------


@dataclass(slots=True)
class Community:
    """The names that one community gives; frequent ones are repeated, so a draw is an index."""

    name: str
    families: tuple[str, ...]
    female: tuple[str, ...]
    male: tuple[str, ...]


def weighted(weights: Mapping[Any, float], size: int) -> tuple[Any, ...]:
    """Return about `size` values, each as often as its weight says, and at least once."""
    total = sum(weights.values())
    values: list[Any] = []
    for value, weight in weights.items():
        values += [value] * max(1, round(size * weight / total))
    return tuple(values)


@lru_cache(maxsize=1)
def communities() -> dict[str, Community]:
    """Return the communities of the territory with their names, the frequent ones repeated.

    Family names follow Zipf's law: a few very common ones and a long tail of rare ones made of
    invented syllables, so that a search among a million people is as hard as in life.
    """
    result = {}
    for name, pool in facts("synthetic_names")["communities"].items():
        invented = [onset + coda for onset in pool["onset"] for coda in pool["coda"]]
        random.Random(name).shuffle(invented)  # noqa: S311 - names, not secrets
        families = dict.fromkeys([*pool["family"], *(word.capitalize() for word in invented)])
        result[name] = Community(
            name=name,
            families=weighted(
                {family: 1 / (rank + 12) ** 0.8 for rank, family in enumerate(families)}, 16384
            ),
            female=weighted(
                {given: 1 / (rank + 6) ** 0.7 for rank, given in enumerate(pool["female"])}, 1024
            ),
            male=weighted(
                {given: 1 / (rank + 6) ** 0.7 for rank, given in enumerate(pool["male"])}, 1024
            ),
        )
    return result


@lru_cache(maxsize=1)
def community_draw() -> tuple[str, ...]:
    """Return the communities, each as often as its share of the population."""
    pools = facts("synthetic_names")["communities"]
    return weighted({name: pool["share"] for name, pool in pools.items()}, 1000)


def mobile_phone(number: int) -> str:
    """Return a mobile number of the range kept for fiction (10,000 of them: they repeat)."""
    return f"063998{number % 10000:04d}"


def landline_phone(number: int) -> str:
    """Return a landline number of the range kept for fiction (10,000 of them: they repeat)."""
    return f"053649{number % 10000:04d}"


def mail_name(*words: str) -> str:
    """Return words as they stand in a mail address: plain letters joined by dots."""
    return ".".join("-".join(names.all_tokens(word)).lower() for word in words if word)


# --- Structures ---------------------------------------------------------------------------------


@dataclass(slots=True)
class SyntheticOrganization:
    """An invented structure, at home in a real commune."""

    index: int
    key: str
    name: str
    purpose: str
    category_label: str
    insee: str
    postal_code: str
    address: str
    phone: str
    secure_email: str
    synthetic: bool = True


# Purpose, what it is called, how many in a hundred structures.
_STRUCTURES = (
    ("office", "Cabinet médical", 30),
    ("office", "Cabinet infirmier", 24),
    ("office", "Cabinet de kinésithérapie", 12),
    ("office", "Cabinet paramédical", 8),
    ("office", "Cabinet dentaire", 4),
    ("pharmacy", "Pharmacie", 12),
    ("home_care", "SSIAD", 3),
    ("home_help", "Aide à domicile", 4),
    ("social", "Service social", 3),
)
_PLACES = (
    "du Marché", "des Palmiers", "du Fleuve", "de la Crique", "du Dégrad", "des Ibis",
    "du Bourg", "des Flamboyants", "du Fromager", "de la Savane", "du Wapa", "de l’Angélique",
    "du Comou", "des Aras", "du Toucan", "de la Colline", "du Littoral", "des Manguiers",
    "du Bois-Rouge", "des Orpailleurs", "du Balata", "de l’Estuaire", "du Maripa", "des Lauriers",
    "du Grand-Bois", "de la Mangrove", "du Pont", "des Palétuviers", "de l’Acajou",
)  # fmt: skip
_STREETS = (
    "rue des Ibis", "rue du Fromager", "allée des Maripas", "lotissement Les Awaras",
    "chemin du Wapa", "rue de l’Angélique", "impasse des Balisiers", "résidence Les Aras",
    "avenue du Dégrad", "rue du Comou", "cité des Manguiers", "route de la Crique",
    "rue des Hérons", "allée du Toucan", "chemin de la Savane", "rue des Palétuviers",
)  # fmt: skip


def street_address(draw: Callable[[], float]) -> str:
    """Return an invented address line."""
    return f"{int(draw() * 180) + 1} {_STREETS[int(draw() * len(_STREETS))]}"


@lru_cache(maxsize=1)
def _commune_draw() -> tuple[dict[str, Any], ...]:
    communes = facts("communes")["communes"]
    by_code = {commune["insee"]: commune for commune in communes}
    weights = {commune["insee"]: math.sqrt(commune["population"]) + 5 for commune in communes}
    weights["97302"] *= 2.2
    return tuple(by_code[code] for code in weighted(weights, 2048))


def organizations(seed: int, n: int) -> Iterator[SyntheticOrganization]:
    """Yield `n` invented structures: offices, pharmacies, home care and help, social services."""
    draw = random.Random(f"organizations {seed}").random  # noqa: S311 - not a secret
    kinds = weighted({row[:2]: row[2] for row in _STRUCTURES}, 100)
    shuffled = list(kinds)
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - not a secret
    communes = _commune_draw()
    for index in range(n):
        purpose, label = shuffled[index % len(shuffled)]
        commune = communes[int(draw() * len(communes))]
        place = _PLACES[int(draw() * len(_PLACES))]
        key = f"S{index + 1:06d}"
        yield SyntheticOrganization(
            index=index,
            key=key,
            name=f"{label} {place}, {commune['name']}",
            purpose=purpose,
            category_label=label,
            insee=commune["insee"],
            postal_code=commune["postal_codes"][0],
            address=street_address(draw),
            phone=landline_phone(int(draw() * 10000)),
            secure_email=f"{key.lower()}@structure.mssante.example",
        )


# --- Professionals ------------------------------------------------------------------------------


@dataclass(slots=True)
class SyntheticPractitioner:
    """An invented professional with one role, in an invented structure or at a real site.

    `organization` is the index of the structure in the list given, or None when `site` holds the
    key of an establishment. `rpps` is None for professions that have none; `identifier` is then the
    local number.
    """

    index: int
    rpps: str | None
    identifier: str
    gender: str
    civility: str
    family: str
    given: str
    profession: str
    profession_label: str
    category: str
    specialty: str
    specialty_label: str
    mode: str
    organization: int | None
    site: str | None
    insee: str
    secure_email: str
    phone: str
    synthetic: bool = True


# Profession, in a hundred professionals, share of women, where: labels of structures, "hospital"
# for the hospitals, "centre" for the health centres.
_WORKFORCE = (
    ("10", 24, 0.48, ("Cabinet médical", "Cabinet médical", "hospital", "hospital", "centre")),
    ("60", 30, 0.84, ("Cabinet infirmier", "Cabinet infirmier", "hospital", "SSIAD", "centre")),
    ("70", 7, 0.55, ("Cabinet de kinésithérapie", "Cabinet de kinésithérapie", "hospital")),
    ("21", 6, 0.66, ("Pharmacie", "Pharmacie", "Pharmacie", "hospital")),
    ("50", 6, 0.95, ("Cabinet paramédical", "hospital", "centre")),
    ("40", 3, 0.45, ("Cabinet dentaire",)),
    ("91", 2, 0.93, ("Cabinet paramédical", "hospital")),
    ("94", 1, 0.85, ("hospital", "SSIAD")),
    ("80", 1, 0.65, ("Cabinet paramédical",)),
    ("92", 1, 0.85, ("Cabinet paramédical",)),
    ("95", 1, 0.9, ("hospital", "Cabinet paramédical")),
    ("93", 2, 0.8, ("Cabinet paramédical", "hospital")),
    ("35", 4, 0.9, ("SSIAD", "hospital")),
    ("41", 4, 0.92, ("Service social", "hospital")),
    ("350", 4, 0.95, ("Aide à domicile",)),
    ("M1", 1, 0.75, ("centre", "Service social")),
    ("M2", 1, 0.7, ("centre", "hospital")),
    ("331", 2, 0.96, ("Cabinet médical", "hospital")),
)
_HOSPITAL_SPECIALTIES = (
    "SM02", "SM04", "SM08", "SM14", "SM15", "SM18", "SM20", "SM20", "SM24", "SM27", "SM29", "SM30",
    "SM32", "SM36", "SM38", "SM40", "SM40", "SM41", "SM42", "SM44", "SM48", "SM58", "SM58", "SM59",
    "SM59", "SM59", "SM62",
)  # fmt: skip
_CITY_SPECIALTIES = ("SM26", "SM54", "SM53", "SM54", "SM26", "SM04", "SM15", "SM20", "SM38", "SM40")
_HAVE_RPPS = frozenset(("10", "21", "40", "50", "60", "70", "80", "91", "92", "94", "95"))
_SUBDOMAINS = {"10": "medecin", "21": "pharmacien", "50": "sage-femme", "60": "infirmier"}


@lru_cache(maxsize=1)
def professions() -> dict[str, dict[str, Any]]:
    """Return the professions by code."""
    return {row["code"]: row for row in facts("professions")["professions"]}


@lru_cache(maxsize=1)
def specialties() -> dict[str, str]:
    """Return the labels of the specialties by code."""
    return {row["code"]: row["label"] for row in facts("professions")["specialties"]}


def _sites(*purposes: str) -> list[dict[str, Any]]:
    return [
        row
        for row in facts("establishments")["establishments"]
        if row["purpose"] in purposes and not row["synthetic"]
    ]


def practitioners(
    seed: int, n: int, structures: Sequence[SyntheticOrganization]
) -> Iterator[SyntheticPractitioner]:
    """Yield `n` invented professionals at work in the given structures and at the real sites.

    Raises:
        ValueError: there is no structure to work in.
    """
    if not structures:
        raise ValueError("professionals need structures to work in")
    draw = random.Random(f"practitioners {seed}").random  # noqa: S311 - not a secret
    places: dict[str, list[tuple[int | None, str | None, str]]] = {}
    for structure in structures:
        places.setdefault(structure.category_label, []).append(
            (structure.index, None, structure.insee)
        )
    anywhere = [place for found in places.values() for place in found]
    hospitals = _sites("hospital")
    beds = {
        row["key"]: 3 + sum(c["beds"] + c["places"] for c in row["capacities"]) for row in hospitals
    }
    by_key = {row["key"]: (None, row["key"], row["insee"]) for row in hospitals}
    places["hospital"] = [by_key[key] for key in weighted(beds, 256)]
    places["centre"] = [(None, row["key"], row["insee"]) for row in _sites("health_centre")]

    workforce = weighted({row: row[1] for row in _WORKFORCE}, 400)
    pools = communities()
    crowd = community_draw()
    all_professions, all_specialties = professions(), specialties()
    for index in range(n):
        profession, _, women, where = workforce[int(draw() * len(workforce))]
        kind = where[int(draw() * len(where))]
        found = places.get(kind) or anywhere
        organization, site, insee = found[int(draw() * len(found))]
        pool = pools[crowd[int(draw() * len(crowd))]]
        # Doctors and the like more often come from elsewhere.
        if draw() < 0.3:
            pool = pools["metropolitan"]
        gender = "female" if draw() < women else "male"
        given_pool = pool.female if gender == "female" else pool.male
        given = given_pool[int(draw() * len(given_pool))]
        family = pool.families[int(draw() * len(pool.families))]
        specialty = ""
        if profession == "10":
            codes = _HOSPITAL_SPECIALTIES if kind == "hospital" else _CITY_SPECIALTIES
            specialty = codes[int(draw() * len(codes))]
        elif profession == "60" and draw() < 0.03:
            specialty = "SI01"
        row = all_professions[profession]
        serial = FIRST_SERIAL + index
        liberal = kind.startswith(("Cabinet", "Pharmacie")) and profession != "331"
        subdomain = _SUBDOMAINS.get(profession, "pro")
        yield SyntheticPractitioner(
            index=index,
            rpps=identifiers.make_rpps(serial) if profession in _HAVE_RPPS else None,
            identifier="" if profession in _HAVE_RPPS else f"P{serial:07d}",
            gender=gender,
            civility=civility(profession, gender),
            family=family,
            given=given,
            profession=profession,
            profession_label=row["feminine" if gender == "female" else "label"],
            category=row["category"],
            specialty=specialty,
            specialty_label=all_specialties.get(specialty, ""),
            mode="L" if liberal else "S",
            organization=organization,
            site=site,
            insee=insee,
            secure_email=f"{mail_name(given, family)}.{serial}@{subdomain}.mssante.example",
            phone=landline_phone(int(draw() * 10000)),
        )


def civility(profession: str, gender: str) -> str:
    """Return how a professional is addressed."""
    if profession in ("10", "40"):
        return "Dr"
    return "Mme" if gender == "female" else "M."


# --- The story ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoryOrganization:
    """A structure of Claire's story, found again by its key."""

    key: str
    name: str
    purpose: str
    category_label: str
    insee: str
    postal_code: str
    address: str
    phone: str


@dataclass(frozen=True, slots=True)
class StoryPractitioner:
    """A professional of Claire's story, found again by their key.

    `organization` is the key of a story structure or of an establishment; `serial` gives the RPPS
    or the local number; `delegates_for` is the key of the professional for whom they act.
    """

    key: str
    serial: int
    gender: str
    family: str
    given: str
    profession: str
    specialty: str
    mode: str
    organization: str
    email: str
    part: str
    delegates_for: str = ""
    is_operator: bool = False

    @property
    def rpps(self) -> str | None:
        """The synthetic RPPS of the professions that have one."""
        return identifiers.make_rpps(self.serial) if self.profession in _HAVE_RPPS else None

    @property
    def identifier(self) -> str:
        """The local number of the professions that have no RPPS."""
        return "" if self.profession in _HAVE_RPPS else f"P{self.serial:07d}"

    @property
    def civility(self) -> str:
        return civility(self.profession, self.gender)

    @property
    def secure_email(self) -> str:
        subdomain = _SUBDOMAINS.get(self.profession, "pro")
        return f"{mail_name(self.given, self.family)}@{subdomain}.mssante.example"


STORY_ORGANIZATIONS = (
    StoryOrganization("cabinet-le-bihan", "Cabinet médical du Larivot (démonstration)", "office",
                      "Cabinet médical", "97307", "97351", "12 rue du Fromager", "0536490101"),
    StoryOrganization("cabinet-infirmier", "Cabinet infirmier des Aras (démonstration)", "office",
                      "Cabinet infirmier", "97307", "97351", "3 allée du Toucan", "0536490102"),
    StoryOrganization("cabinet-kine", "Kinésithérapie de la Crique (démonstration)", "office",
                      "Cabinet de kinésithérapie", "97307", "97351", "8 route de la Crique",
                      "0536490103"),
    StoryOrganization("pharmacie", "Pharmacie des Balisiers (démonstration)", "pharmacy",
                      "Pharmacie", "97307", "97351", "1 impasse des Balisiers", "0536490104"),
    StoryOrganization("ssiad", "SSIAD du Littoral (démonstration)", "home_care", "SSIAD", "97302",
                      "97300", "40 rue des Ibis", "0536490105"),
    StoryOrganization("service-social", "Service social de secteur (démonstration)", "social",
                      "Service social", "97307", "97351", "22 avenue du Dégrad", "0536490106"),
    StoryOrganization("aide-a-domicile", "Aide à domicile des Manguiers (démonstration)",
                      "home_help", "Aide à domicile", "97307", "97351", "5 cité des Manguiers",
                      "0536490107"),
    StoryOrganization("cabinet-kourou", "Cabinet médical de la Savane (démonstration)", "office",
                      "Cabinet médical", "97304", "97310", "14 chemin de la Savane", "0536490108"),
    StoryOrganization("cellule-identite", "Cellule d’identitovigilance (démonstration)",
                      "identity", "Cellule régionale d’identitovigilance", "97302", "97300",
                      "2 place des Palmistes", "0536490109"),
)  # fmt: skip

STORY_PRACTITIONERS = (
    StoryPractitioner("gp", 1, "male", "Le Bihan", "Yann", "10", "SM26", "L", "cabinet-le-bihan",
                      "yann.lebihan@carbet.example", "Médecin traitant de Claire"),
    StoryPractitioner("coordinator", 2, "female", "Doerga", "Arya", "330", "", "S", "dac-guyane",
                      "arya.doerga@carbet.example", "Coordonnatrice au DAC"),
    StoryPractitioner("nurse", 3, "female", "Adélaïde", "Solange", "60", "", "L",
                      "cabinet-infirmier", "solange.adelaide@carbet.example",
                      "Infirmière à domicile"),
    StoryPractitioner("physiotherapist", 4, "male", "Ferreira", "Thiago", "70", "", "L",
                      "cabinet-kine", "thiago.ferreira@carbet.example", "Masseur-kinésithérapeute"),
    StoryPractitioner("social_worker", 5, "female", "Orélus", "Mirlande", "41", "", "S",
                      "service-social", "mirlande.orelus@carbet.example",
                      "Assistante de service social"),
    StoryPractitioner("pharmacist", 6, "female", "Chong", "Mei-Lin", "21", "", "L", "pharmacie",
                      "mei-lin.chong@carbet.example", "Pharmacienne"),
    StoryPractitioner("ssiad_nurse", 7, "female", "Pinas", "Josta", "60", "", "S", "ssiad",
                      "josta.pinas@carbet.example", "Infirmière coordinatrice du SSIAD"),
    StoryPractitioner("secretary", 8, "female", "Cadet", "Léa", "331", "", "S",
                      "cabinet-le-bihan", "lea.cadet@carbet.example",
                      "Secrétaire du Dr Le Bihan, par délégation", delegates_for="gp"),
    StoryPractitioner("home_help", 9, "female", "Pereira", "Rosélia", "350", "", "S",
                      "aide-a-domicile", "roselia.pereira@carbet.example", "Aide à domicile"),
    StoryPractitioner("stranger", 10, "female", "Dumont", "Hélène", "10", "SM54", "L",
                      "cabinet-kourou", "helene.dumont@carbet.example",
                      "Médecin à Kourou, hors du cercle"),
    StoryPractitioner("former_member", 11, "male", "Symphorien", "Fabrice", "60", "", "L",
                      "cabinet-infirmier", "fabrice.symphorien@carbet.example",
                      "Infirmier sorti du cercle"),
    StoryPractitioner("discharge_desk", 12, "female", "Tien-Liong", "Patricia", "A1", "", "S",
                      "ch-cayenne", "patricia.tien-liong@carbet.example",
                      "Bureau des sorties du CH de Cayenne"),
    StoryPractitioner("specialist", 13, "male", "Hilarion", "Samuel", "10", "SM29", "S",
                      "mpr-demonstration-cayenne", "samuel.hilarion@carbet.example",
                      "Médecin de médecine physique et de réadaptation"),
    StoryPractitioner("operator", 14, "male", "Ringuet", "Olivier", "A3", "", "S",
                      "grades-guyane", "olivier.ringuet@carbet.example",
                      "Exploitant de la plateforme", is_operator=True),
    StoryPractitioner("ars_agent", 15, "female", "Delmas", "Anne", "A2", "", "S", "ars-guyane",
                      "anne.delmas@carbet.example", "Agente de l’ARS"),
    StoryPractitioner("coordinator_2", 16, "male", "Polydor", "Rodolphe", "330", "", "S",
                      "dac-guyane", "rodolphe.polydor@carbet.example", "Coordonnateur au DAC"),
    StoryPractitioner("river_nurse", 17, "female", "Kwasiba", "Saskia", "60", "", "S",
                      "cdps-papaichton", "saskia.kwasiba@carbet.example",
                      "Infirmière d’un centre de santé du fleuve"),
    StoryPractitioner("identity_agent", 18, "female", "Horth", "Nadège", "A4", "", "S",
                      "cellule-identite", "nadege.horth@carbet.example",
                      "Agente d’identitovigilance"),
    StoryPractitioner("identity_agent_2", 19, "male", "Appolinaire", "Cédric", "A4", "", "S",
                      "cellule-identite", "cedric.appolinaire@carbet.example",
                      "Agent d’identitovigilance, deuxième avis"),
    StoryPractitioner("operator_2", 20, "female", "Bellony", "Marie-Laure", "A3", "", "S",
                      "grades-guyane", "marie-laure.bellony@carbet.example",
                      "Exploitante de la plateforme, deuxième accord", is_operator=True),
)  # fmt: skip

# Of the directory, with an e-CPS and no account: they ask for their rights.
STORY_NEWCOMERS = (
    StoryPractitioner("midwife", 21, "female", "Mathurin", "Élodie", "50", "", "L",
                      "cabinet-le-bihan", "", "Sage-femme sans compte Carbet"),
    StoryPractitioner("podiatrist", 22, "male", "Constant", "Ruben", "80", "", "L",
                      "cabinet-le-bihan", "", "Pédicure-podologue sans compte Carbet"),
)  # fmt: skip
