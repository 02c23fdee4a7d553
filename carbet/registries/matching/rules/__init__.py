"""Whether two sets of traits are one person: no database, no clock."""

from carbet.registries.matching.rules.decisions import Decision, Zone, decide, decide_levels
from carbet.registries.matching.rules.keys import batch_keys, blocking_keys, search_keys
from carbet.registries.matching.rules.model import Model, load, parse
from carbet.registries.matching.rules.scoring import STRICT, FieldScore, Score, explain, said, weigh
from carbet.registries.matching.rules.traits import Prepared, Traits, pack, prepare, unpack

__all__ = [
    "STRICT",
    "Decision",
    "FieldScore",
    "Model",
    "Prepared",
    "Score",
    "Traits",
    "Zone",
    "batch_keys",
    "blocking_keys",
    "decide",
    "decide_levels",
    "explain",
    "load",
    "pack",
    "parse",
    "prepare",
    "said",
    "search_keys",
    "unpack",
    "weigh",
]
