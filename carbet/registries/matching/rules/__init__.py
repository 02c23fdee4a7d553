"""Whether two sets of traits are one person: no database, no clock."""

from carbet.registries.matching.rules.decisions import Decision, Zone, decide
from carbet.registries.matching.rules.keys import blocking_keys
from carbet.registries.matching.rules.model import Model, load, parse
from carbet.registries.matching.rules.scoring import FieldScore, Score, explain, weigh
from carbet.registries.matching.rules.traits import Prepared, Traits, pack, prepare, unpack

__all__ = [
    "Decision",
    "FieldScore",
    "Model",
    "Prepared",
    "Score",
    "Traits",
    "Zone",
    "blocking_keys",
    "decide",
    "explain",
    "load",
    "pack",
    "parse",
    "prepare",
    "unpack",
    "weigh",
]
