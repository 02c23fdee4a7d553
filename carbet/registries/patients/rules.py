"""What is true of identity: status, matricule, age, what may leave the house."""

import re
from collections.abc import Iterable
from datetime import date
from typing import Any

from rapidfuzz import fuzz

from carbet.core import identifiers, names
from carbet.registries.matching.rules import Traits
from carbet.registries.patients.choices import DatePrecision, IdentityStatus

OLDEST_AGE = 125
_LETTERS = re.compile(r"[^\W\d_]")
_NOT_IN_A_NAME = re.compile(r"[^\w\s'’‘ʼ.\-]|[\d_]")

# The strict traits of the RNIV: what changes one of them undoes the tie with the INS.
STRICT_TRAITS = frozenset(
    {
        "birth_family",
        "birth_given",
        "gender",
        "birth_date",
        "birth_date_precision",
        "birth_place_code",
    }
)
FORBIDDING_ATTRIBUTES = frozenset({"FICT", "DOUT"})


def identity_status(
    *, ins_recovered: bool, identity_checked: bool, attributes: Iterable[str] = ()
) -> IdentityStatus:
    """Return the status of the RNIV from its two axes (RNIV 2.0, part 1).

    A doubtful or fictive identity is provisional, whatever else is known of it.
    """
    if FORBIDDING_ATTRIBUTES & set(attributes):
        return IdentityStatus.PROV
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
    """Return how close what was typed is to a full name, from 0 to 100 (the same words)."""
    return fuzz.token_set_ratio(names.comparison_form(typed), names.comparison_form(full_name))


def wrong_name(text: str) -> str:
    """Return why this cannot be a name, as a French sentence; nothing when it can."""
    if _NOT_IN_A_NAME.search(text):
        return "Écrivez des lettres, des espaces, des traits d’union et des apostrophes seulement."
    if text and not _LETTERS.search(text):
        return "Un nom contient au moins une lettre."
    return ""


def wrong_birth_date(birth_date: date, *, on: date) -> str:
    """Return why nobody alive can be born that day, as a French sentence; nothing when one can."""
    if birth_date > on:
        return "La date de naissance est dans le futur."
    if age(birth_date, on=on) > OLDEST_AGE:
        return f"Cette date donne plus de {OLDEST_AGE} ans : relisez l’année."
    return ""


def wrong_ins(text: str) -> str:
    """Return why this is no INS, as a French sentence; nothing when it is one (RNIV 2.0)."""
    number = text.replace(" ", "")
    if len(number) != 15 or not number.isascii() or not number.isalnum():
        return "Un INS comporte 15 caractères : 13 pour le matricule, 2 pour la clé."
    if not identifiers.is_ins(number):
        return "La clé ne correspond pas au matricule : relisez ce numéro chiffre par chiffre."
    return ""


def ins_doubts(ins: str, *, gender: str, birth_date: date, precision: str) -> list[str]:
    """Return what in a well-formed INS differs from the traits, as French sentences.

    A difference is no proof (changes of sex, dates unknown at birth): it asks for a second look.
    """
    read = identifiers.parse_ins(ins)
    doubts = []
    if gender in ("male", "female") and read.gender != gender:
        doubts.append("Le matricule INS indique un autre sexe.")
    if read.year_of_century != birth_date.year % 100:
        doubts.append("Le matricule INS indique une autre année de naissance.")
    elif precision != DatePrecision.YEAR and read.month not in (None, birth_date.month):
        doubts.append("Le matricule INS indique un autre mois de naissance.")
    return doubts


def traits_of(patient: Any, *, ins: str = "") -> Traits:
    """Return the traits of a person as they are compared with others."""
    return Traits(
        birth_family=patient.birth_family,
        birth_given=tuple(patient.birth_given),
        birth_date=patient.birth_date,
        birth_date_precision=patient.birth_date_precision,
        gender=patient.gender,
        birth_place_code=patient.birth_place_code,
        used_family=patient.used_family,
        used_given=patient.used_given,
        ins=ins,
        phone=patient.phone,
        address=patient.address_line,
        postal_code=patient.postal_code,
        city=patient.city,
    )


def traits_in(values: dict[str, Any]) -> Traits:
    """Return the traits that `register_patient` takes as they are compared with others."""
    told = {**_NOTHING_TOLD, **values}
    return Traits(
        birth_family=told["birth_family"],
        birth_given=tuple(told["birth_given"]),
        birth_date=told["birth_date"],
        birth_date_precision=told["birth_date_precision"] or "day",
        gender=told["gender"] or "unknown",
        birth_place_code=told["birth_place_code"],
        used_family=told["used_family"],
        used_given=told["used_given"],
        ins=told["ins"] or "",
        phone=told["phone"],
        address=told["address_line"],
        postal_code=told["postal_code"],
        city=told["city"],
    )


_NOTHING_TOLD = dict.fromkeys(
    (
        *("birth_date_precision", "gender", "birth_place_code", "used_family", "used_given"),
        *("ins", "phone", "address_line", "postal_code", "city"),
    ),
    "",
)
