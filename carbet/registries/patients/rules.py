"""What is true of identity: status, matricule, age, what may leave the house."""

from datetime import date

from rapidfuzz import fuzz

from carbet.core import names
from carbet.registries.patients.choices import IdentityStatus

FORBIDDING_ATTRIBUTES = frozenset({"FICT", "DOUT"})


def identity_status(*, ins_recovered: bool, identity_checked: bool) -> IdentityStatus:
    """Return the status of the RNIV from its two axes (RNIV 2.0, part 1)."""
    if ins_recovered:
        return IdentityStatus.QUAL if identity_checked else IdentityStatus.RECUP
    return IdentityStatus.VALI if identity_checked else IdentityStatus.PROV


def ins_may_leave(status: IdentityStatus, attributes: list[str]) -> bool:
    """Tell whether the INS matricule may be sent: only of a qualified identity, never in doubt."""
    return status == IdentityStatus.QUAL and not FORBIDDING_ATTRIBUTES & set(attributes)


def age(birth_date: date, *, on: date) -> int:
    """Return the age in whole years."""
    before_birthday = (on.month, on.day) < (birth_date.month, birth_date.day)
    return on.year - birth_date.year - before_birthday


def closeness(typed: str, full_name: str) -> float:
    """Return how close what was typed is to a full name, from 0 (nothing) to 100 (the same words)."""
    return fuzz.token_set_ratio(names.comparison_form(typed), names.comparison_form(full_name))
