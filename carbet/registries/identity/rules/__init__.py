"""What is true of identities: clean traits, what a machine may link, what contradicts."""

from carbet.registries.identity.rules.learning import COUNTS, Rates, Share, on_decisions, worse
from carbet.registries.identity.rules.traits import (
    STORED_TRAITS,
    TRAITS_OF_PATIENT,
    Traits,
    changes,
    cleaned,
    doubt_said,
    fitted,
    from_json,
    is_compatible,
    of_patient,
)

__all__ = [
    "COUNTS",
    "STORED_TRAITS",
    "TRAITS_OF_PATIENT",
    "Rates",
    "Share",
    "Traits",
    "changes",
    "cleaned",
    "doubt_said",
    "fitted",
    "from_json",
    "is_compatible",
    "of_patient",
    "on_decisions",
    "worse",
]
