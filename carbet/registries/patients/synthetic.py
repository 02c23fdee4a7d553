"""Invented persons cared for: the mix of French Guiana, with its families, twins, far rivers and
unknown dates; and the persons of Claire's story. No real person is described.

The INS are test ones (OID 1.2.250.1.213.1.4.10, refused in production) with right keys, telephone
numbers belong to the ranges kept for fiction, and the same seed always gives the same people.
"""

import datetime
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from carbet.core import identifiers
from carbet.registries.directory import synthetic as directory

INS_TEST_SYSTEM = f"urn:oid:{identifiers.INS_TEST_OID}"
# Nobody invented is born after this day, whatever the day of loading.
LAST_BIRTH_YEAR = 2025


@dataclass(slots=True)
class SyntheticPerson:
    """An invented person. `commune` is the INSEE code of the home, never a postal code.

    `birth_place_code` is the INSEE code of a commune or of a country (99xxx), "99999" when unknown.
    `ins` has 15 characters, or is None. `household` is shared by people who live together;
    `twin_of` is the index of the twin, if any.
    """

    index: int
    household: int
    twin_of: int | None
    community: str
    birth_family: str
    birth_given: tuple[str, ...]
    used_family: str
    used_given: str
    gender: str
    birth_date: datetime.date
    birth_date_precision: str
    birth_place_code: str
    birth_place_name: str
    ins: str | None
    ins_recovered: bool
    identity_checked: bool
    identity_attributes: tuple[str, ...]
    address_line: str
    postal_code: str
    city: str
    commune: str
    access_note: str
    phone: str
    language: str
    needs_interpreter: bool
    synthetic: bool = True


# --- Where people are born, live and what they speak --------------------------------------------

_GUYANE = {
    ("97302", "Cayenne"): 55, ("97311", "Saint-Laurent-du-Maroni"): 28, ("97304", "Kourou"): 12,
    ("97308", "Saint-Georges"): 2, ("97353", "Maripasoula"): 2, ("97306", "Mana"): 1,
}  # fmt: skip
_HEXAGON = {
    ("75112", "Paris 12e Arrondissement"): 20, ("69383", "Lyon 3e Arrondissement"): 9,
    ("13205", "Marseille 5e Arrondissement"): 9, ("33063", "Bordeaux"): 8, ("44109", "Nantes"): 8,
    ("31555", "Toulouse"): 8, ("59350", "Lille"): 7, ("35238", "Rennes"): 6, ("29019", "Brest"): 6,
    ("67482", "Strasbourg"): 5, ("97209", "Fort-de-France"): 8, ("97120", "Pointe-à-Pitre"): 5,
    ("2A004", "Ajaccio"): 1, ("2B033", "Bastia"): 1,
}  # fmt: skip
# Country, INSEE code of official geographic codes.
_ABROAD = {
    "haitian": ("99410", "Haïti"), "brazilian": ("99416", "Brésil"),
    "bushinengue": ("99437", "Suriname"), "guyanese": ("99428", "Guyana"),
    "chinese": ("99216", "Chine"), "hmong": ("99241", "Laos"),
    "hispanic": ("99408", "République dominicaine"),
}  # fmt: skip
# Community: share born abroad, languages, communes where it lives more than its share.
_LIVES: dict[str, tuple[float, dict[str, int], dict[str, float]]] = {
    "creole": (0.0, {"fr": 58, "gcr": 42},
               {"97302": 1.4, "97303": 2, "97312": 2, "97313": 1.5, "97301": 1.5, "97357": 0.02,
                "97360": 0.02, "97362": 0.02, "97356": 0.02, "97353": 0.1}),
    "metropolitan": (0.0, {"fr": 100},
                     {"97309": 2, "97304": 1.8, "97357": 0.1, "97360": 0.1, "97362": 0.1}),
    "haitian": (0.72, {"ht": 74, "fr": 26},
                {"97302": 1.8, "97307": 1.5, "97309": 1.3, "97357": 0.02, "97360": 0.02,
                 "97362": 0.02, "97356": 0.02}),
    "brazilian": (0.68, {"pt": 80, "fr": 20},
                  {"97308": 3, "97302": 1.6, "97307": 1.4, "97305": 1.4, "97356": 1.5, "97352": 4,
                   "97301": 2, "97357": 0.05, "97360": 0.05}),
    "bushinengue": (0.35, {"djk": 66, "srn": 8, "fr": 20, "nl": 6},
                    {"97311": 3, "97360": 8, "97357": 9, "97362": 8, "97353": 5, "97306": 2,
                     "97302": 0.3, "97307": 0.2, "97309": 0.1, "97356": 0.05}),
    "amerindian": (0.04, {"way": 22, "eme": 8, "oym": 18, "car": 20, "plu": 12, "fr": 20},
                   {"97356": 60, "97361": 70, "97353": 9, "97308": 9, "97303": 14, "97314": 20,
                    "97302": 0.3, "97309": 0.3, "97357": 0.2}),
    "guyanese": (0.6, {"en": 82, "fr": 18}, {"97302": 1.8, "97307": 1.5}),
    "chinese": (0.6, {"zh": 62, "fr": 38}, {"97302": 1.8, "97311": 1.3}),
    "hmong": (0.18, {"hmn": 60, "fr": 40}, {"97310": 60, "97306": 14, "97301": 8, "97302": 0.3}),
    "hispanic": (0.75, {"es": 76, "fr": 24}, {"97302": 2}),
}  # fmt: skip
_ACCESS_NOTES = {
    ("river",): "Pirogue depuis le dégrad, prévenir la veille.",
    ("river", "air"): "Pirogue ou hélicoptère selon le niveau du fleuve.",
    ("air",): "Accès par avion de jour seulement.",
}
_HAMLETS = (
    "Quartier du Dégrad", "Village Kalou", "Écart Bois-Canon", "Village Amana", "Écart La Roche",
    "Quartier de l’École", "Village Yawapa", "Écart Crique-Blanche", "Quartier du Stade",
)  # fmt: skip
_LETTERS_APART = (("Loïc", "Loïs"), ("Diana", "Liana"), ("Jessy", "Jessica"), ("Kéline", "Méline"))


@dataclass(slots=True)
class _Milieu:
    """What a community draws from."""

    pool: directory.Community
    born_abroad: float
    country: tuple[str, str]
    languages: tuple[str, ...]
    communes: tuple[tuple[str, str, str, str, bool], ...]


@lru_cache(maxsize=1)
def _milieus() -> dict[str, _Milieu]:
    communes = directory.facts("communes")["communes"]
    result = {}
    for name, (born_abroad, languages, affinity) in _LIVES.items():
        homes: dict[tuple[str, str, str, str, bool], float] = {}
        for row in communes:
            isolated = "road" not in row["reach"]
            note = _ACCESS_NOTES.get(tuple(row["reach"]), "")
            postal_codes = row["postal_codes"]
            for postal_code in postal_codes:
                key = (row["insee"], row["name"], postal_code, note, isolated)
                weight = row["population"] * affinity.get(row["insee"], 1)
                homes[key] = weight / len(postal_codes)
        result[name] = _Milieu(
            pool=directory.communities()[name],
            born_abroad=born_abroad,
            country=_ABROAD.get(name, ("99437", "Suriname")),
            languages=directory.weighted(languages, 200),
            communes=directory.weighted(homes, 2048),
        )
    return result


@lru_cache(maxsize=1)
def _birth_years() -> tuple[int, ...]:
    """Return birth years as the platform meets them: the territory's young, more of its old."""
    ages = {
        range(18): 22,
        range(18, 40): 24,
        range(40, 60): 22,
        range(60, 75): 18,
        range(75, 90): 12,
        range(90, 102): 2,
    }
    weights = {
        LAST_BIRTH_YEAR - age: weight / len(span) for span, weight in ages.items() for age in span
    }
    return directory.weighted(weights, 4096)


# --- Persons ------------------------------------------------------------------------------------


# The last order number is kept for the people of the story.
_LAST_ORDER = 998


class _InsRegister:
    """Gives each matricule once: the order number counts within a month and a place."""

    def __init__(self) -> None:
        self._orders: dict[str, int] = {}

    def next(self, female: bool, born: datetime.date, place: str) -> str | None:
        """Return the next INS of 15 characters, None when the month and place are full."""
        head = f"{2 if female else 1}{born.year % 100:02d}{born.month:02d}{place}"
        order = self._orders.get(head, 0) + 1
        if order > _LAST_ORDER:
            return None
        self._orders[head] = order
        body = f"{head}{order:03d}"
        if body[5:7] in ("2A", "2B"):
            return body + identifiers.ins_key(body)
        return f"{body}{97 - int(body) % 97:02d}"


def persons(seed: int, n: int) -> Iterator[SyntheticPerson]:
    """Yield `n` invented persons, the first ones the same whatever `n`.

    Source of the mix: the project's identity study (French and Creole 36, Haitian 18, Brazilian 17,
    Bushinengue 15, Amerindian 5, English-speaking 5, Chinese 2.5, Hmong 1.5 in a hundred; siblings
    18 %, twins 1.6 % of families, one in eight with first names one letter apart).
    """
    random_source = random.Random(f"persons {seed}")  # noqa: S311 - not a secret
    register = _InsRegister()
    index = household = 0
    crowd = directory.community_draw()
    milieus = _milieus()
    years = _birth_years()
    draw = random_source.random
    while index < n:
        name = crowd[int(draw() * len(crowd))]
        first = _person(draw, register, index, household, name, milieus[name], years)
        second = None
        if draw() < 0.18:
            twin = draw() < 0.089
            second = _sibling(draw, register, index + 1, first, milieus[name], twin=twin)
        yield first
        index += 1
        if second is not None and index < n:
            yield second
            index += 1
        household += 1


def _person(
    draw: Callable[[], float],
    register: _InsRegister,
    index: int,
    household: int,
    community: str,
    milieu: _Milieu,
    years: tuple[int, ...],
) -> SyntheticPerson:
    pool = milieu.pool
    female = draw() < 0.52
    givens = pool.female if female else pool.male
    given = _given_names(draw, givens)
    family = pool.families[int(draw() * len(pool.families))]
    year = years[int(draw() * len(years))]
    born = datetime.date(year, int(draw() * 12) + 1, int(draw() * 28) + 1)

    # Compound and married names.
    chance = draw()
    used_family = used_given = ""
    if chance < 0.02:
        family = f"{family}-{pool.families[int(draw() * len(pool.families))]}"
    elif female and year < LAST_BIRTH_YEAR - 24 and chance < 0.38:
        used_family = pool.families[int(draw() * len(pool.families))]
    if len(given) > 1 and draw() < 0.05:
        used_given = given[1]

    place_code, place_name = _birth_place(draw, community, milieu, year)
    precision = "day"
    abroad = place_code.startswith("99")
    if abroad:
        chance = draw()
        if chance < 0.05:
            born, precision = datetime.date(year, 1, 1), "year"
        elif chance < 0.06:
            born, precision = born.replace(day=1), "month"
        elif chance > 0.985:
            place_code, place_name = "99999", ""

    ins = None
    if precision == "day" and place_code != "99999" and draw() < (0.46 if abroad else 0.78):
        ins = register.next(female, born, place_code)
    recovered = ins is not None
    checked = draw() < (0.88 if recovered else 0.35)
    attributes: tuple[str, ...] = ()
    if not recovered and draw() < 0.01:
        attributes = ("DOUT",)

    commune, city, postal_code, note, isolated = milieu.communes[int(draw() * len(milieu.communes))]
    hamlet = _HAMLETS[int(draw() * len(_HAMLETS))]
    address = hamlet if isolated else directory.street_address(draw)
    language = milieu.languages[int(draw() * len(milieu.languages))]
    return SyntheticPerson(
        index=index,
        household=household,
        twin_of=None,
        community=community,
        birth_family=family,
        birth_given=given,
        used_family=used_family,
        used_given=used_given,
        gender="female" if female else "male",
        birth_date=born,
        birth_date_precision=precision,
        birth_place_code=place_code,
        birth_place_name=place_name,
        ins=ins,
        ins_recovered=recovered,
        identity_checked=checked,
        identity_attributes=attributes,
        address_line=address,
        postal_code=postal_code,
        city=city,
        commune=commune,
        access_note=note,
        phone=f"063998{int(draw() * 10000):04d}" if draw() < 0.85 else "",
        language=language,
        needs_interpreter=language not in ("fr", "gcr") and draw() < 0.35,
    )


def _given_names(draw: Callable[[], float], pool: tuple[str, ...]) -> tuple[str, ...]:
    """Return one to three different given names."""
    count = 1 + (draw() < 0.62) + (draw() < 0.22)
    size = len(pool)
    if count == 1:
        return (pool[int(draw() * size)],)
    return tuple(dict.fromkeys([pool[int(draw() * size)] for _ in range(count)]))


_GUYANE_DRAW = directory.weighted(_GUYANE, 200)
_HEXAGON_DRAW = directory.weighted(_HEXAGON, 200)


def _birth_place(
    draw: Callable[[], float], community: str, milieu: _Milieu, year: int
) -> tuple[str, str]:
    if community == "metropolitan" and draw() < 0.75:
        place = _HEXAGON_DRAW[int(draw() * len(_HEXAGON_DRAW))]
        # Corsica was one department, 20, before 1976.
        return place if year >= 1976 or place[0][0:2] not in ("2A", "2B") else ("29019", "Brest")
    if draw() < milieu.born_abroad:
        return milieu.country
    found: tuple[str, str] = _GUYANE_DRAW[int(draw() * len(_GUYANE_DRAW))]
    return found


def _sibling(
    draw: Callable[[], float],
    register: _InsRegister,
    index: int,
    elder: SyntheticPerson,
    milieu: _Milieu,
    *,
    twin: bool,
) -> SyntheticPerson:
    """Return a brother or sister of the same home, or the twin born the same day."""
    female = draw() < 0.5
    born = elder.birth_date
    if twin and draw() < 0.5:
        female = elder.gender == "female"
    given = _given_names(draw, milieu.pool.female if female else milieu.pool.male)
    if twin:
        if draw() < 0.12:
            pair = _LETTERS_APART[int(draw() * len(_LETTERS_APART))]
            elder.birth_given = (pair[0], *elder.birth_given[1:])
            given = (pair[1], *given[1:])
    else:
        year = min(LAST_BIRTH_YEAR, born.year + 1 + int(draw() * 9))
        born = datetime.date(year, int(draw() * 12) + 1, int(draw() * 28) + 1)
    if given[0] == elder.birth_given[0]:
        given = (
            (*elder.birth_given[1:2], *given) if len(elder.birth_given) > 1 else ("Ange", *given)
        )
    precision = elder.birth_date_precision if twin else "day"
    ins = None
    if elder.ins is not None and draw() < 0.8:
        ins = register.next(female, born, elder.birth_place_code)
    return SyntheticPerson(
        index=index,
        household=elder.household,
        twin_of=elder.index if twin else None,
        community=elder.community,
        birth_family=elder.birth_family,
        birth_given=given,
        used_family="",
        used_given="",
        gender="female" if female else "male",
        birth_date=born,
        birth_date_precision=precision,
        birth_place_code=elder.birth_place_code,
        birth_place_name=elder.birth_place_name,
        ins=ins,
        ins_recovered=ins is not None,
        identity_checked=elder.identity_checked,
        identity_attributes=(),
        address_line=elder.address_line,
        postal_code=elder.postal_code,
        city=elder.city,
        commune=elder.commune,
        access_note=elder.access_note,
        phone=elder.phone,
        language=elder.language,
        needs_interpreter=elder.needs_interpreter,
    )


# --- The story ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoryPerson:
    """A person of Claire's story: cared for, or a relative. `email` is that of a portal account."""

    key: str
    birth_family: str
    birth_given: tuple[str, ...]
    used_family: str
    gender: str
    birth_date: datetime.date
    birth_place_code: str
    birth_place_name: str
    ins: str
    address_line: str
    postal_code: str
    city: str
    commune: str
    phone: str
    language: str = "fr"
    relationship: str = ""
    email: str = ""

    @property
    def display_name(self) -> str:
        return f"{self.birth_given[0]} {self.used_family or self.birth_family}"


_HOME = {
    "address_line": "27 allée des Maripas",
    "postal_code": "97351",
    "city": "Matoury",
    "commune": "97307",
}

CLAIRE = StoryPerson(
    key="claire",
    birth_family="Sébastien",
    birth_given=("Claire", "Marie", "Josèphe"),
    used_family="Florimond",
    gender="female",
    birth_date=datetime.date(1951, 3, 14),
    birth_place_code="97302",
    birth_place_name="Cayenne",
    ins=identifiers.make_ins(
        gender="female", year=1951, month=3, birth_place="97302", order=999
    ),
    phone="0639980001",
    email="claire.florimond@carbet.example",
    **_HOME,
)  # fmt: skip
HUSBAND = StoryPerson(
    key="husband",
    birth_family="Florimond",
    birth_given=("Raymond", "Justin"),
    used_family="",
    gender="male",
    birth_date=datetime.date(1948, 7, 2),
    birth_place_code="97304",
    birth_place_name="Kourou",
    ins=identifiers.make_ins(gender="male", year=1948, month=7, birth_place="97304", order=999),
    phone="0639980002",
    language="gcr",
    relationship="SPS",
    **_HOME,
)
DAUGHTER = StoryPerson(
    key="daughter",
    birth_family="Florimond",
    birth_given=("Nadège", "Claire"),
    used_family="",
    gender="female",
    birth_date=datetime.date(1978, 11, 21),
    birth_place_code="97302",
    birth_place_name="Cayenne",
    ins=identifiers.make_ins(gender="female", year=1978, month=11, birth_place="97302", order=999),
    address_line="4 résidence Les Aras",
    postal_code="97300",
    city="Cayenne",
    commune="97302",
    phone="0639980003",
    relationship="DAUC",
    email="nadege.florimond@carbet.example",
)
STORY_PERSONS = (CLAIRE, HUSBAND, DAUGHTER)
