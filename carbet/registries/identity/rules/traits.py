"""Traits of an identity as its domain tells them: cleaned, compared, doubted."""

import re
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

from carbet.core import names
from carbet.registries.patients import rules as persons
from carbet.registries.patients.choices import DatePrecision, Gender

# Longest value kept of each text; a longer one is refused, never cut.
LONGEST = {
    "birth_family": 100,
    "used_family": 100,
    "used_given": 60,
    "birth_place_code": 5,
    "birth_place_name": 80,
    "address_line": 200,
    "postal_code": 10,
    "city": 80,
    "mother_name": 160,
    "father_name": 160,
}
LABELS = {
    "birth_family": "Nom de naissance",
    "birth_given": "Prénoms de naissance",
    "used_family": "Nom utilisé",
    "used_given": "Prénom utilisé",
    "gender": "Sexe",
    "birth_date": "Date de naissance",
    "birth_date_precision": "Précision de la date",
    "birth_place_code": "Code du lieu de naissance",
    "birth_place_name": "Lieu de naissance",
    "address_line": "Adresse",
    "postal_code": "Code postal",
    "city": "Commune",
    "phones": "Téléphones",
    "mother_name": "Mère",
    "father_name": "Père",
    "deceased_on": "Décès",
    "ins_recovered": "INS récupéré",
    "identity_checked": "Identité vérifiée sur pièce",
    "attributes": "Attributs",
}
_LEFT_TO_PEOPLE = persons.FORBIDDING_ATTRIBUTES | {"COLP", "COLV", "HOMA", "HOMD", "USUR"}
# Said of somebody whose identity nobody could check (RNIV, identité douteuse).
_CLAIMS = re.compile(r"^(?:X\s+)?(?:SE\s+DISANT|SOI\s+DISANT)\b|^X\s+SE\s+DISANT\b", re.IGNORECASE)
_NAMELESS = frozenset({"X", "XX", "XXX", "INCONNU", "INCONNUE", "ANONYME", "NN"})
# A newborn not yet named: kept as a person without given name.
_UNNAMED = frozenset({"BB", "BEBE", "NOUVEAU NE", "NOUVEAU", "SANS PRENOM", "SP", "NN", "X"})
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class Traits:
    """Strict and complementary traits of the RNIV, its two axes and attributes, as values."""

    birth_family: str = ""
    birth_given: tuple[str, ...] = ()
    used_family: str = ""
    used_given: str = ""
    gender: str = Gender.UNKNOWN.value
    birth_date: date | None = None
    birth_date_precision: str = DatePrecision.DAY.value
    birth_place_code: str = ""
    birth_place_name: str = ""
    address_line: str = ""
    postal_code: str = ""
    city: str = ""
    phones: tuple[str, ...] = ()
    mother_name: str = ""
    father_name: str = ""
    deceased_on: date | None = None
    ins_recovered: bool = False
    identity_checked: bool = False
    attributes: tuple[str, ...] = ()

    @property
    def is_doubtful(self) -> bool:
        """Tell whether the person may be another, or nobody."""
        return bool(persons.FORBIDDING_ATTRIBUTES & set(self.attributes))

    @property
    def is_left_to_people(self) -> bool:
        """Tell whether no machine says by itself who it is: in doubt, or with a known homonym."""
        return bool(_LEFT_TO_PEOPLE & set(self.attributes))


STORED_TRAITS = tuple(field.name for field in fields(Traits))
# The same as a record of Carbet calls them.
TRAITS_OF_PATIENT = frozenset(STORED_TRAITS) | {"phone", "identity_attributes"}


class WrongTrait(ValueError):
    """A trait cannot be kept: a French sentence, and the field."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


def cleaned(traits: Traits, *, on: date) -> Traits:
    """Return the traits as they are kept: trimmed, a newborn's missing name left out, doubt marked.

    Raises:
        WrongTrait: too long, a sign that cannot be kept, a birth to come, or no name at all.
    """
    values: dict[str, Any] = {
        name: _text(getattr(traits, name), name, size) for name, size in LONGEST.items()
    }
    given = [_text(name, "birth_given", 60) for name in traits.birth_given]
    given = [
        name
        for rank, name in enumerate(given)
        if name and not (rank == 0 and names.comparison_form(name) in _UNNAMED)
    ]
    if len(given) > 20:
        raise WrongTrait("Plus de vingt prénoms : relisez-les.", "birth_given")
    phones = tuple(_text(phone, "phones", 30) for phone in traits.phones if phone.strip())[:10]
    if traits.gender not in Gender.values:
        raise WrongTrait("Ce sexe n’existe pas au référentiel.", "gender")
    if traits.birth_date is not None and (
        wrong := persons.wrong_birth_date(traits.birth_date, on=on)
    ):
        raise WrongTrait(wrong, "birth_date")
    if not (values["birth_family"] or values["used_family"]):
        raise WrongTrait("Il manque un nom.", "birth_family")
    attributes = set(traits.attributes)
    if doubt_said(values["birth_family"]):
        attributes.add("DOUT")
    return replace(
        traits,
        **values,
        birth_given=tuple(given),
        phones=phones,
        attributes=tuple(sorted(attributes)),
    )


def doubt_said(family: str) -> bool:
    """Tell whether the name says by itself that nobody knows it: "X se disant Dupont"."""
    return bool(_CLAIMS.search(family)) or names.comparison_form(family) in _NAMELESS


def changes(before: Traits, after: Traits) -> list[str]:
    """Return which traits differ."""
    return [name for name in STORED_TRAITS if getattr(before, name) != getattr(after, name)]


def is_compatible(before: Traits, after: Traits, probability: float) -> bool:
    """Tell whether new traits under one number can be a correction of the former ones.

    Two facts that do not move together by mistake (names, date) both changed: two persons.

    Args:
        probability: that both are the same person, of the matching.
    """
    if not before.birth_family or before.birth_date is None or after.birth_date is None:
        return True
    same_date = before.birth_date == after.birth_date
    same_given = bool(
        set(map(names.comparison_form, before.birth_given))
        & set(map(names.comparison_form, after.birth_given))
    ) or not (before.birth_given and after.birth_given)
    same_family = bool(
        {names.compact(n) for n in (before.birth_family, before.used_family) if n}
        & {names.compact(n) for n in (after.birth_family, after.used_family) if n}
    )
    if same_family + same_given + same_date >= 2:
        return True
    return probability >= 0.5


def _text(value: str, name: str, size: int) -> str:
    text = " ".join(value.split())
    if _UNWRITABLE.search(value):
        raise WrongTrait(f"{LABELS[name]} : un signe ne peut pas être gardé.", name)
    if len(text) > size:
        raise WrongTrait(f"{LABELS[name]} : {size} caractères au plus.", name)
    return text


def fitted(traits: Traits) -> Traits:
    """Return the traits of a record, already checked at its own door, with doubt marked."""
    attributes = set(traits.attributes)
    if doubt_said(traits.birth_family):
        attributes.add("DOUT")
    return replace(traits, attributes=tuple(sorted(attributes)))


def from_json(kept: dict[str, Any]) -> Traits:
    """Return traits as they were kept beside a collision."""
    values = {name: value for name, value in kept.items() if name in STORED_TRAITS}
    for name in ("birth_given", "phones", "attributes"):
        values[name] = tuple(values.get(name) or ())
    for name in ("birth_date", "deceased_on"):
        values[name] = date.fromisoformat(values[name]) if values.get(name) else None
    return Traits(**values)


def of_patient(patient: Any) -> Traits:
    """Return the traits of a record of Carbet."""
    return Traits(
        birth_family=patient.birth_family,
        birth_given=tuple(patient.birth_given),
        used_family=patient.used_family,
        used_given=patient.used_given,
        gender=str(patient.gender),
        birth_date=patient.birth_date,
        birth_date_precision=str(patient.birth_date_precision),
        birth_place_code=patient.birth_place_code,
        birth_place_name=patient.birth_place_name,
        address_line=patient.address_line,
        postal_code=patient.postal_code,
        city=patient.city,
        phones=(patient.phone,) if patient.phone else (),
        deceased_on=patient.deceased_on,
        ins_recovered=patient.ins_recovered,
        identity_checked=patient.identity_checked,
        attributes=tuple(sorted(patient.identity_attributes)),
    )
