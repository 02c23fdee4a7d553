"""What follows from a score: linked by itself, looked at by people, or left apart.

A weight alone never links: twins and relatives agree on nearly everything (identity study). Each
reason to doubt is said in words; any one of them sends the pair to people.
"""

from dataclasses import dataclass
from enum import StrEnum

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
_OTHER_GIVEN = frozenset({"different", "shared", "near", "part", "first"})
_NO_GIVEN = frozenset({"different", "unknown"})
_FAR_BORN = frozenset({"two", "year", "different"})
_VAGUE_BORN = frozenset({"january", "known", "unknown_day"})
_FAR_NAME = frozenset({"different", "shared", "far"})


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with two identities, and why people should look."""

    zone: Zone
    reasons: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """The reasons in words."""
        return [REASONS[reason] for reason in self.reasons]


def doubts(levels: dict[str, str], *, without_ins: float) -> tuple[str, ...]:
    """Return the reasons to doubt, by code, from the names of the levels.

    Args:
        without_ins: what all but the INS weighs.
    """
    found = []
    name, given, born, ins = (levels[each] for each in ("name", "given", "born", "ins"))
    if ins == "equal" and without_ins < 0:
        found.append("collision")
    if ins in ("near", "different"):
        found.append("ins")
    if name in _SAME_NAME and born in _SAME_DAY and given in _OTHER_GIVEN and ins != "equal":
        found.append("twins")
    if given in _NO_GIVEN and ins != "equal":
        found.append("given")
    if born in _FAR_BORN:
        found.append("born")
    if name in _FAR_NAME and ins != "equal":
        found.append("name")
    if levels["sex"] == "different":
        found.append("sex")
    if "unknown" in (name, given, born):
        found.append("missing")
    if born in _VAGUE_BORN and ins != "equal":
        found.append("january")
    return tuple(found)


def decide(score: Score, *, model: Model | None = None) -> Decision:
    """Return what follows from a score."""
    model = model or load()
    names = ("name", "given", "born", "sex", "ins")
    without = score.weight - sum(each.weight for each in score.fields if each.name == "ins")
    reasons = doubts({name: score.level(name) for name in names}, without_ins=without)
    if score.weight >= model.automatic and not reasons:
        return Decision(Zone.AUTOMATIC, ())
    if score.weight >= model.doubtful or "collision" in reasons:
        return Decision(Zone.DOUBTFUL, reasons)
    return Decision(Zone.APART, reasons)
