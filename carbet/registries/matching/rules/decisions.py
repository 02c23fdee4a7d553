"""What follows from a score: linked by itself, looked at by people, or left apart.

A weight alone never links: twins and relatives agree on nearly everything (identity study). Each
reason to doubt is said in words; any one of them sends the pair to people.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

from carbet.registries.matching.rules.levels import COMPARISONS, UNKNOWN
from carbet.registries.matching.rules.model import Model, load
from carbet.registries.matching.rules.scoring import Score


class Zone(StrEnum):
    """What to do with two identities."""

    AUTOMATIC = "automatic"
    DOUBTFUL = "doubtful"
    APART = "apart"


REASONS = {
    "collision": "le même INS pour des traits incompatibles : deux personnes sous un même numéro",
    "ins": "des INS différents",
    "twins": "même nom et même date, prénoms différents : des jumeaux, peut-être",
    "close": "des prénoms presque les mêmes : une faute de frappe, ou des jumeaux",
    "reordered": "les mêmes prénoms dans un autre ordre",
    "close_shared": "un prénom presque le même, un autre en commun : une faute de frappe, souvent",
    "several": "plusieurs différences à la fois",
    "given": "aucun prénom en commun",
    "born": "des dates de naissance trop différentes",
    "name": "des noms trop différents",
    "sex": "des sexes différents",
    "missing": "un nom, un prénom ou une date manque",
    "rival": "une autre identité connue ressemble presque autant",
    "january": "seulement l’année de naissance est sûre",
}
"""Why people should look, by code, in the order of the risk."""

_SAME_NAME = frozenset({"equal", "used", "part", "near", "sound"})
_SAME_DAY = frozenset({"equal", "january", "known"})
_OTHER_GIVEN = frozenset({"different", "shared", "far", "near", "part", "first"})
_PARTLY = frozenset({"start", "first_others_near", "first", "inverted", "part"})
_WHOLE_NAME = frozenset({"equal", "used", "inverted"})
_WHOLE_GIVEN = frozenset({"list", "equal", "start", "inverted"})
_NEAR_SHARED = frozenset({"near_shared", "first_others_near"})
_NO_GIVEN = frozenset({"different", "far", "unknown"})
_FAR_BORN = frozenset({"two", "year", "different"})
_VAGUE_BORN = frozenset({"january", "known", "unknown_day"})
_FAR_NAME = frozenset({"different", "shared", "far", "inverted_near"})
_RANKS = {each.name: rank for rank, each in enumerate(COMPARISONS)}
_INS = _RANKS["ins"]
_HOME = tuple(_RANKS[name] for name in ("phone", "address", "city"))

COVERS = MappingProxyType(
    {"sex": 12.0, "january": 15.0}
    | dict.fromkeys(("name", "several", "close_shared", "reordered"), 18.0)
)
"""Bits that cover a doubt, when there is but one: of the doubts that a mistake explains.

Never what tells twins, two INS, or a missing trait. Eighteen bits are twice what links without any
doubt; twins of two sexes bear two names, so a wrong sex needs less, and so does what `_covered`
names. What a home shares counts for nothing. On the invented territories fewer than one covered
pair in a hundred is a false link (`benchmarks/README.md`).
"""
MISTAKEN = 12.0
"""Bits that cover a doubt where more than chance tells a mistake from a relative."""
MISSPELT = 13.0
"""Bits that cover a given name a letter apart beside another mistake: one in a hundred is false."""
FAR_BORN_LEAST = 8.0
"""Bits below which identities born on days far apart are not even shown to people.

Of a hundred such pairs, one is a person: relatives and homonyms otherwise.
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with two identities, and why people should look."""

    zone: Zone
    reasons: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """The reasons in words."""
        return [REASONS[reason] for reason in self.reasons]


def doubts(levels: Mapping[str, str], *, without_ins: float) -> tuple[str, ...]:
    """Return the reasons to doubt, by code, from the names of the levels.

    Args:
        without_ins: what all but the INS weighs.
    """
    found = []
    name, given, born, ins = (levels[each] for each in ("name", "given", "born", "ins"))
    same_ins = ins == "equal"
    if same_ins and without_ins < 0:
        found.append("collision")
    if ins in ("near", "different"):
        found.append("ins")
    if name in _SAME_NAME and born in _SAME_DAY and given in _OTHER_GIVEN and not same_ins:
        found.append("twins")
    if given == "near_single" and not same_ins:
        found.append("close")
    if given == "reordered" and not same_ins:
        found.append("reordered")
    if given in _NEAR_SHARED and not same_ins:
        found.append("close_shared")
    if given in _NO_GIVEN and not same_ins:
        found.append("given")
    if born in _FAR_BORN:
        found.append("born")
    # Each mistake alone is one person's; two at once may be two persons.
    if (
        born not in _SAME_DAY
        and not same_ins
        and (given in _PARTLY or name not in _WHOLE_NAME or levels["place"] == "different")
    ):
        found.append("several")
    # The whole list of given names, the day, the place: the name changed by marriage.
    renamed = given == "list" and born == "equal" and levels["place"] == "equal"
    if name in _FAR_NAME and not same_ins and not renamed:
        found.append("name")
    if levels["sex"] == "different":
        found.append("sex")
    if "unknown" in (name, given, born):
        found.append("missing")
    if born in _VAGUE_BORN and not same_ins:
        found.append("january")
    return tuple(found)


def decide(score: Score, *, model: Model | None = None) -> Decision:
    """Return what follows from a score."""
    return decide_levels(score.weight, score.levels, model=model)


def decide_levels(
    weight: float, levels: tuple[int, ...], *, model: Model | None = None
) -> Decision:
    """Return what follows from a weight and the ranks of the levels, as the batch knows them."""
    model = model or load()
    reasons = doubts(_named(levels), without_ins=weight - _weight_of(model, levels, _INS))
    if weight >= model.automatic and not reasons:
        return Decision(Zone.AUTOMATIC, ())
    if len(reasons) == 1 and reasons[0] in COVERS:
        alone = weight - sum(max(0.0, _weight_of(model, levels, rank)) for rank in _HOME)
        if alone >= _covered(reasons[0], _named(levels)):
            return Decision(Zone.AUTOMATIC, ())
    least = FAR_BORN_LEAST if "born" in reasons else model.doubtful
    if weight >= least or "collision" in reasons:
        return Decision(Zone.DOUBTFUL, reasons)
    return Decision(Zone.APART, reasons)


def _covered(reason: str, levels: Mapping[str, str]) -> float:
    """Return the bits that cover a doubt between two identities of these levels.

    Twins bear one name and one day, to the letter: whoever has a given name nearly the same, and a
    letter or a digit of these wrong as well, was written badly twice. A brother born a day apart
    has another given name, elsewhere spelt; who has the same in the same place is one person.
    """
    name, given, born, place = (levels[each] for each in ("name", "given", "born", "place"))
    same = given in _WHOLE_GIVEN and place == "equal"
    if same and (reason == "several" or (reason == "name" and name == "far")):
        return MISTAKEN
    if reason == "close_shared" and (name != "equal" or born not in _SAME_DAY):
        return MISSPELT
    return 15.0 if name == "inverted_near" else COVERS[reason]


def _weight_of(model: Model, levels: tuple[int, ...], rank: int) -> float:
    return model.weights[rank][levels[rank]] if levels[rank] != UNKNOWN else 0.0


@lru_cache(maxsize=16384)
def _named(levels: tuple[int, ...]) -> Mapping[str, str]:
    """Return the names of the levels by field."""
    return MappingProxyType(
        {
            each.name: "unknown" if rank == UNKNOWN else each.levels[rank].name
            for each, rank in zip(COMPARISONS, levels, strict=True)
        }
    )
