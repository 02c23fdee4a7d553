"""What is true of a request and of a case: delays, order, what makes a situation complex."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from carbet.coordination.support.choices import (
    OPEN_REQUESTS,
    Complexity,
    RequestStatus,
    RequestStepKind,
    Urgency,
)

# How long the team has to answer, by urgency: what the labels of `Urgency` promise.
DELAYS = {
    Urgency.ASAP: timedelta(hours=48),
    Urgency.URGENT: timedelta(days=7),
    Urgency.ROUTINE: timedelta(days=30),
}
# The most urgent first.
RANKS = {Urgency.ASAP: 0, Urgency.URGENT: 1, Urgency.ROUTINE: 2}
# A team opens again what it closed less than a year ago; later, a new request is made.
REOPENED_WITHIN = timedelta(days=365)
# A request may be written down some days after it was made (a call, a letter), no more.
WRITTEN_WITHIN = timedelta(days=365)


def due_at(*, urgency: str, submitted_at: datetime) -> datetime:
    """Return by when a request must be answered."""
    return submitted_at + DELAYS[Urgency(urgency)]


def moved_on(due: datetime, *, asked_at: datetime, given_at: datetime) -> datetime:
    """Return the delay moved on by the time that the requester took to complete the request."""
    return due + max(given_at - asked_at, timedelta(0))


def span(duration: timedelta) -> str:
    """Return a duration as one says it, in its largest unit: « 3 jours », « 5 h », « 12 min »."""
    minutes = max(int(duration.total_seconds() // 60), 0)
    if minutes < 1:
        return "moins d’une minute"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} jours"


def waits(status: str) -> bool:
    """Tell whether a request still waits for the answer of the team."""
    return status in OPEN_REQUESTS


def is_told(kind: str) -> bool:
    """Tell whether a step is for the requester: how the team sorts is its own affair."""
    return kind != RequestStepKind.TRIAGED


def waits_for_requester(status: str) -> bool:
    """Tell whether the requester must complete it first: the delay does not run."""
    return status == RequestStatus.INCOMPLETE


# --- What makes a situation complex ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Factor:
    """One thing that makes a situation complex, and how much it weighs."""

    code: str
    group: str
    label: str
    weight: int


# A local scale, which helps to sort and decides nothing: docs/rules/complexity.md.
FACTORS = (
    Factor("chronic", "Santé", "Plusieurs maladies chroniques ou un traitement lourd", 2),
    Factor("admissions", "Santé", "Deux hospitalisations ou passages aux urgences en six mois", 2),
    Factor("mental", "Santé", "Troubles cognitifs ou psychiques", 2),
    Factor("autonomy", "Santé", "A besoin d’aide pour se laver, s’habiller, manger, se lever", 2),
    Factor("moment", "Santé", "Grossesse à risque, enfant en situation de handicap, fin de vie", 2),
    Factor("age", "Santé", "75 ans ou plus", 1),
    Factor("alone", "Entourage", "Vit sans aide sur qui compter", 2),
    Factor("caregiver", "Entourage", "Aidant épuisé, malade ou absent", 2),
    Factor("danger", "Entourage", "Violence, négligence ou danger à domicile", 3),
    Factor("housing", "Conditions de vie", "Logement précaire, sans eau ou sans électricité", 1),
    Factor("remote", "Conditions de vie", "Commune sans route : fleuve, piste ou avion", 2),
    Factor("language", "Conditions de vie", "A besoin d’un interprète", 1),
    Factor("rights", "Droits et soins", "Droits non ouverts ou rompus", 2),
    Factor("no_doctor", "Droits et soins", "Sans médecin traitant, ou soins interrompus", 2),
    Factor("many", "Droits et soins", "Cinq intervenants ou plus, ou en désaccord", 1),
    Factor("refusal", "Droits et soins", "Refuse des soins ou des aides", 1),
)
BY_CODE = {factor.code: factor for factor in FACTORS}
COMPLEX_FROM, VERY_COMPLEX_FROM = 5, 10


@dataclass(frozen=True, slots=True)
class Weight:
    """What the factors come to."""

    score: int
    level: Complexity
    factors: tuple[Factor, ...]


def complexity(codes: Iterable[str]) -> Weight:
    """Return the score, its level and the factors that explain it, in the order of the scale.

    Raises:
        ValueError: a code that is not of the scale.
    """
    said = set(codes)
    if unknown := said - BY_CODE.keys():
        raise ValueError(f"not a factor: {sorted(unknown)}")
    found = tuple(factor for factor in FACTORS if factor.code in said)
    score = sum(factor.weight for factor in found)
    level = Complexity.SIMPLE
    if score >= VERY_COMPLEX_FROM:
        level = Complexity.VERY_COMPLEX
    elif score >= COMPLEX_FROM:
        level = Complexity.COMPLEX
    return Weight(score, level, found)


def known_factors(
    *, birth_date: date, on: date, reach: Sequence[str], needs_interpreter: bool
) -> list[str]:
    """Return the factors that the identity alone shows: proposed, never imposed.

    Args:
        reach: how the commune is reached ("road", "river", "air"), nothing when unknown.
    """
    age = on.year - birth_date.year - ((on.month, on.day) < (birth_date.month, birth_date.day))
    found = ["age"] if age >= 75 else []
    if reach and "road" not in reach:
        found.append("remote")
    if needs_interpreter:
        found.append("language")
    return found


# --- Cases ----------------------------------------------------------------------------------------


def may_reopen(*, closed_at: datetime, now: datetime) -> bool:
    """Tell whether a case may still be opened again."""
    return now - closed_at < REOPENED_WITHIN
