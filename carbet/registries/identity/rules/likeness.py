"""How likely two sets of traits are one person: a sum of weights, said field by field, in words."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from rapidfuzz.distance import OSA, JaroWinkler

from carbet.core import names

# Of two persons taken at random in a territory of a million, these are the same: -log2(1e6).
PRIOR = -19.9
# From here a machine may link, if nothing forbids it; from there people are asked.
CERTAIN, DOUBTFUL = 6.6, -4.0


@dataclass(frozen=True, slots=True)
class Traits:
    """What is compared of a person; what is unknown is empty."""

    birth_family: str = ""
    birth_given: tuple[str, ...] = ()
    birth_date: date | None = None
    birth_date_precision: str = "day"
    gender: str = "unknown"
    birth_place_code: str = ""
    used_family: str = ""
    used_given: str = ""
    ins: str = ""

    @property
    def families(self) -> tuple[str, ...]:
        """The birth name and the used one."""
        return tuple(dict.fromkeys(filter(None, (self.birth_family, self.used_family))))


@dataclass(frozen=True)
class Field:
    """What one field says: its level, its weight in bits, and the words for a person."""

    name: str
    level: str
    weight: float
    words: str


@dataclass(frozen=True)
class Score:
    """How likely: the weight in bits with the prior, the probability, and each field's part."""

    weight: float
    probability: float
    fields: tuple[Field, ...]

    def level(self, name: str) -> str:
        """Return the level of a field."""
        return next(field.level for field in self.fields if field.name == name)


def explain(a: Traits, b: Traits) -> Score:
    """Return how likely two sets of traits are one person."""
    found = (
        _family(a, b),
        _given(a, b),
        _birth_date(a, b),
        _gender(a, b),
        _place(a, b),
        _ins(a, b),
    )
    weight = PRIOR + sum(field.weight for field in found)
    return Score(weight, 1 / (1 + 2**-weight) if weight > -50 else 0.0, found)


def may_link(a: Traits, b: Traits, score: Score) -> str:
    """Return why a machine may not link these by itself, as a code; nothing when it may.

    Twins agree on all but the first given name: kinship is no proof (identity study, §3).
    """
    if score.weight < CERTAIN:
        return "weight"
    if score.level("ins") == "differs":
        return "ins"
    if score.level("given") not in ("equal", "first", "prefix"):
        return "given"
    if score.level("birth_date") not in ("equal", "edit", "swap"):
        return "date"
    if score.level("gender") == "differs":
        return "gender"
    january = {(d.month, d.day) for d in (a.birth_date, b.birth_date) if d} == {(1, 1)}
    if january and score.level("ins") != "equal":
        return "january"
    return ""


def keys(traits: Traits) -> list[int]:
    """Return the keys under which a double of these traits is found: one in common is enough."""
    found: dict[int, None] = {}
    dates: list[str] = []
    if traits.birth_date is not None:
        dates = [traits.birth_date.isoformat()]
        if traits.birth_date.day <= 12:
            swapped = traits.birth_date.replace(
                month=traits.birth_date.day, day=traits.birth_date.month
            )
            dates.append(swapped.isoformat())
    givens = list(dict.fromkeys(filter(None, (*traits.birth_given[:2], traits.used_given)))) or [""]
    for when in dates or [""]:
        for family in traits.families or ("",):
            for given in givens:
                found.update(dict.fromkeys(names.trait_keys(family, [given], when)))
                # Names typed in each other's box.
                found.update(dict.fromkeys(names.trait_keys(given, [family], when)))
    if traits.ins:
        found.update(dict.fromkeys(names.query_keys(traits.ins)[0]))
    return sorted(found)[:200]


def _best(ours: Iterable[str], theirs: Iterable[str]) -> tuple[str, str, float]:
    pairs = [
        (a, b, JaroWinkler.similarity(names.compact(a), names.compact(b)))
        for a in ours
        for b in theirs
    ]
    return max(pairs, key=lambda pair: pair[2], default=("", "", 0.0))


def _family(a: Traits, b: Traits) -> Field:
    if not a.families or not b.families:
        return Field("family", "unknown", 0.0, "Nom inconnu d’un côté")
    ours, theirs, near = _best(a.families, b.families)
    if near == 1:
        return Field("family", "equal", 9.0, "Même nom")
    words = {token for name in a.families for token in names.tokens(name)}
    if words & {token for name in b.families for token in names.tokens(name)}:
        return Field("family", "part", 5.0, "Une partie du nom en commun")
    if near >= 0.88 or _sounds(ours) == _sounds(theirs):
        return Field("family", "near", 6.0, "Nom presque le même")
    if a.birth_given and names.compact(a.birth_given[0]) == names.compact(theirs):
        return Field("family", "swapped", 3.0, "Nom et prénom inversés")
    return Field("family", "differs", -5.0, "Noms différents")


def _given(a: Traits, b: Traits) -> Field:
    ours = [names.compact(name) for name in a.birth_given if name]
    theirs = [names.compact(name) for name in b.birth_given if name]
    if not ours or not theirs:
        return Field("given", "unknown", 0.0, "Prénom inconnu d’un côté")
    if ours == theirs:
        return Field("given", "equal", 7.5, "Mêmes prénoms")
    if ours[0] == theirs[0]:
        shorter = min(len(ours), len(theirs))
        if ours[:shorter] == theirs[:shorter]:
            return Field("given", "prefix", 7.0, "Même premier prénom, liste plus courte")
        return Field("given", "first", 6.5, "Même premier prénom")
    if set(ours) & set(theirs) or names.compact(a.used_given or "-") in theirs:
        return Field("given", "shared", 5.0, "Un prénom en commun")
    if JaroWinkler.similarity(ours[0], theirs[0]) >= 0.82:
        return Field("given", "near", 3.5, "Prénom presque le même")
    return Field("given", "differs", -6.0, "Prénoms différents")


def _birth_date(a: Traits, b: Traits) -> Field:
    ours, theirs = a.birth_date, b.birth_date
    if ours is None or theirs is None:
        return Field("birth_date", "unknown", 0.0, "Date de naissance inconnue d’un côté")
    if "day" not in (a.birth_date_precision, b.birth_date_precision):
        same = ours.year == theirs.year
    else:
        same = ours == theirs
    partial = {a.birth_date_precision, b.birth_date_precision} != {"day"}
    if same and not partial:
        return Field("birth_date", "equal", 12.0, "Même date de naissance")
    if partial:
        if ours.year == theirs.year:
            return Field("birth_date", "year", 5.0, "Même année de naissance, jour inconnu")
        return Field("birth_date", "differs", -6.0, "Années de naissance différentes")
    if (ours.year, ours.month, ours.day) == (theirs.year, theirs.day, theirs.month):
        return Field("birth_date", "swap", 9.0, "Jour et mois de naissance inversés")
    if OSA.distance(ours.isoformat(), theirs.isoformat()) == 1:
        return Field("birth_date", "edit", 7.0, "Un chiffre de la date diffère")
    if (ours.year, ours.month) == (theirs.year, theirs.month) or (
        (ours.month, ours.day) == (theirs.month, theirs.day)
    ):
        return Field("birth_date", "part", 3.0, "Une partie de la date en commun")
    return Field("birth_date", "differs", -8.0, "Dates de naissance différentes")


def _gender(a: Traits, b: Traits) -> Field:
    if "unknown" in (a.gender, b.gender):
        return Field("gender", "unknown", 0.0, "Sexe inconnu d’un côté")
    if a.gender == b.gender:
        return Field("gender", "equal", 1.0, "Même sexe")
    return Field("gender", "differs", -4.5, "Sexes différents")


def _place(a: Traits, b: Traits) -> Field:
    if {a.birth_place_code, b.birth_place_code} & {"", "99999"}:
        return Field("birth_place", "unknown", 0.0, "Lieu de naissance inconnu d’un côté")
    if a.birth_place_code == b.birth_place_code:
        return Field("birth_place", "equal", 3.0, "Même lieu de naissance")
    return Field("birth_place", "differs", -2.0, "Lieux de naissance différents")


def _ins(a: Traits, b: Traits) -> Field:
    if not a.ins or not b.ins:
        return Field("ins", "unknown", 0.0, "INS inconnu d’un côté")
    if a.ins[:13] == b.ins[:13]:
        return Field("ins", "equal", 14.0, "Même INS")
    return Field("ins", "differs", -12.0, "INS différents")


def _sounds(name: str) -> tuple[str, ...]:
    return tuple(names.skeleton(token) or token for token in names.tokens(name))
