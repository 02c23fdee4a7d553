"""What each rule looks for in dated facts. A finding proposes, a person decides.

Thresholds and their sources: docs/rules/detection.md.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from carbet.coordination.detection.choices import RuleCode, Severity
from carbet.core.actor import DataCategory

MONTH, SIX_MONTHS, WEEK = timedelta(days=31), timedelta(days=183), timedelta(days=7)
ADULT = 18


@dataclass(frozen=True, slots=True)
class Fact:
    """One dated fact: what it is ("measure", "note", "visit", "event", "assessment"), its row."""

    kind: str
    pk: int
    at: datetime
    label: str
    value: Decimal = Decimal(0)
    category: DataCategory = DataCategory.MEDICAL


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one person; each list from the oldest to the latest.

    Weights in kg, saturations in %, pains from 0 to 10, `gir` from 1 (most dependent) to 6,
    `burdens` the mini-Zarit from 0 to 7. `quiet_since` is the last sign of life in the record of a
    person whose case is open, None for whoever has none.
    """

    birth_date: date | None = None
    weights: Sequence[Fact] = ()
    pains: Sequence[Fact] = ()
    saturations: Sequence[Fact] = ()
    falls: Sequence[Fact] = ()
    missed: Sequence[Fact] = ()
    admissions: Sequence[Fact] = ()
    gir: Sequence[Fact] = ()
    burdens: Sequence[Fact] = ()
    quiet_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule proposes to look at: why in a sentence, on which facts, how soon."""

    rule: RuleCode
    reason: str
    evidence: tuple[Fact, ...]
    severity: Severity = Severity.MODERATE
    category: DataCategory = DataCategory.MEDICAL
    latest_at: datetime = field(kw_only=True)


def look(facts: Facts, *, now: datetime) -> list[Finding]:
    """Return what the rules propose to look at now, in the order of the rules."""
    found = (rule(facts, now) for rule in RULES.values())
    return [finding for finding in found if finding is not None]


def weight_loss(facts: Facts, now: datetime) -> Finding | None:
    """5 % in a month or 10 % in six months, adults (HAS 2019 and 2021: phenotypic criterion)."""
    if len(facts.weights) < 2 or not _is_adult(facts, now):
        return None
    last = facts.weights[-1]
    if last.at < now - MONTH:
        return None
    for period, said, least, severe in (
        (MONTH, "un mois", Decimal(5), Decimal(10)),
        (SIX_MONTHS, "six mois", Decimal(10), Decimal(15)),
    ):
        before = [each for each in facts.weights[:-1] if last.at - period <= each.at < last.at]
        if not before:
            continue
        highest = max(before, key=lambda each: each.value)
        lost = (highest.value - last.value) * 100 / highest.value
        if lost >= least:
            return Finding(
                RuleCode.WEIGHT_LOSS,
                f"{_number(highest.value - last.value)} kg perdus en {said} :"
                f" {_number(highest.value)} kg, puis {_number(last.value)} kg"
                f" ({_number(lost, 1)} %). Seuil : {least} %.",
                (highest, last),
                Severity.HIGH if lost >= severe else Severity.MODERATE,
                latest_at=last.at,
            )
    return None


def weight_gain(facts: Facts, now: datetime) -> Finding | None:
    """3 kg in a week, adults: a sign to look at in heart failure (HAS, parcours 2014)."""
    if len(facts.weights) < 2 or not _is_adult(facts, now):
        return None
    last = facts.weights[-1]
    if last.at < now - WEEK:
        return None
    before = [each for each in facts.weights[:-1] if last.at - WEEK <= each.at < last.at]
    lowest = min(before, key=lambda each: each.value, default=None)
    if lowest is None or last.value - lowest.value < 3:
        return None
    return Finding(
        RuleCode.WEIGHT_GAIN,
        f"{_number(last.value - lowest.value)} kg pris en une semaine :"
        f" {_number(lowest.value)} kg, puis {_number(last.value)} kg. Seuil : 3 kg.",
        (lowest, last),
        Severity.HIGH,
        latest_at=last.at,
    )


def falls(facts: Facts, now: datetime) -> Finding | None:
    """Falls noted on three days of 90 (two in a year are already repeated falls: HAS 2009)."""
    within = _within(facts.falls, timedelta(days=90), now)
    by_day = {each.at.date(): each for each in within}
    if len(by_day) < 3:
        return None
    evidence = tuple(sorted(by_day.values(), key=lambda each: each.at))
    return Finding(
        RuleCode.FALLS,
        f"{len(evidence)} chutes notées en 90 jours. Seuil : trois.",
        evidence,
        Severity.HIGH,
        _widest(evidence),
        latest_at=evidence[-1].at,
    )


def missed_visits(facts: Facts, now: datetime) -> Finding | None:
    """Two visits in 30 days at which the person was not there (local)."""
    evidence = _within(facts.missed, timedelta(days=30), now)
    if len(evidence) < 2:
        return None
    return Finding(
        RuleCode.MISSED_VISITS,
        f"{len(evidence)} rendez-vous manqués en 30 jours. Seuil : deux.",
        evidence,
        category=DataCategory.SOCIAL,
        latest_at=evidence[-1].at,
    )


def admissions(facts: Facts, now: datetime) -> Finding | None:
    """Two admissions in 90 days."""
    evidence = _within(facts.admissions, timedelta(days=90), now)
    if len(evidence) < 2:
        return None
    return Finding(
        RuleCode.ADMISSIONS,
        f"{len(evidence)} hospitalisations en 90 jours. Seuil : deux.",
        evidence,
        Severity.HIGH,
        latest_at=evidence[-1].at,
    )


def pain(facts: Facts, now: datetime) -> Finding | None:
    """Pain of 7 or more on two days of one week, the last included (numeric scale: severe)."""
    within = _within(facts.pains, WEEK, now)
    strong = {each.at.date(): each for each in within if each.value >= 7}
    if len(strong) < 2 or within[-1].value < 7:
        return None
    evidence = tuple(sorted(strong.values(), key=lambda each: each.at))
    return Finding(
        RuleCode.PAIN,
        f"Douleur à 7 sur 10 ou plus, {len(evidence)} jours sur les sept derniers."
        " Seuil : deux jours.",
        evidence,
        Severity.HIGH,
        latest_at=evidence[-1].at,
    )


def oxygen(facts: Facts, now: datetime) -> Finding | None:
    """The latest saturation, of two days at most, below 90 %."""
    within = _within(facts.saturations, timedelta(days=2), now)
    if not within or within[-1].value >= 90:
        return None
    last = within[-1]
    return Finding(
        RuleCode.OXYGEN,
        f"Dernière saturation à {_number(last.value)} %. Seuil : 90 %.",
        (last,),
        Severity.HIGH,
        latest_at=last.at,
    )


def dependence(facts: Facts, now: datetime) -> Finding | None:
    """A lower GIR than the time before: the person needs more help (AGGIR)."""
    if len(facts.gir) < 2 or facts.gir[-1].at < now - SIX_MONTHS:
        return None
    before, last = facts.gir[-2:]
    if last.value >= before.value:
        return None
    return Finding(
        RuleCode.DEPENDENCE,
        f"GIR {_number(before.value)} le {_day(before.at)}, GIR {_number(last.value)} le"
        f" {_day(last.at)} : l’autonomie diminue.",
        (before, last),
        Severity.HIGH if before.value - last.value >= 2 else Severity.MODERATE,
        _widest((before, last)),
        latest_at=last.at,
    )


def caregiver(facts: Facts, now: datetime) -> Finding | None:
    """A mini-Zarit of 5 or more: a heavy burden (scale from 0 to 7)."""
    if not facts.burdens or facts.burdens[-1].at < now - SIX_MONTHS:
        return None
    last = facts.burdens[-1]
    if last.value < 5:
        return None
    return Finding(
        RuleCode.CAREGIVER,
        f"Mini-Zarit à {_number(last.value)} sur 7 le {_day(last.at)} : fardeau élevé. Seuil : 5.",
        (last,),
        category=last.category,
        latest_at=last.at,
    )


def silence(facts: Facts, now: datetime) -> Finding | None:
    """Nothing written, measured or visited for 30 days while a case is open (local)."""
    since = facts.quiet_since
    if since is None or now - since < timedelta(days=30):
        return None
    return Finding(
        RuleCode.SILENCE,
        f"Rien dans le dossier depuis {(now - since).days} jours alors que l’appui est ouvert."
        " Seuil : 30 jours.",
        (),
        category=DataCategory.SOCIAL,
        latest_at=since,
    )


RULES: dict[RuleCode, Callable[[Facts, datetime], Finding | None]] = {
    RuleCode.WEIGHT_LOSS: weight_loss,
    RuleCode.WEIGHT_GAIN: weight_gain,
    RuleCode.FALLS: falls,
    RuleCode.MISSED_VISITS: missed_visits,
    RuleCode.ADMISSIONS: admissions,
    RuleCode.PAIN: pain,
    RuleCode.OXYGEN: oxygen,
    RuleCode.DEPENDENCE: dependence,
    RuleCode.CAREGIVER: caregiver,
    RuleCode.SILENCE: silence,
}

# --- Falls in a text ------------------------------------------------------------------------------

_FALL = re.compile(r"\b(chut(?:es?|ees?|er)|(?:re)?tomb(?:es?|ees?|er))\b")
# Up to four words before: « pas de chute », « aucune nouvelle chute », « risque élevé de chute ».
_DENIED = re.compile(
    r"\b(pas|aucune?|sans|ni|jamais|risques?|prevention|prevenir|eviter|peur|crainte|craint|anti)\b"
    r"(?:\W+\w+){0,3}\W*$"
)
# What falls without being somebody: « température tombée à 37 », « tension tombée ».
_THING = re.compile(
    r"\b(temperature|fievre|tension|poids|saturation|glycemie|cheveux|nuit|pluie|panne|reseau)\b"
    r"(?:\W+\w+){0,2}\W*$"
)


def speaks_of_fall(text: str) -> bool:
    """Tell whether a text reports a fall: a word for it that nothing just before denies."""
    bare = unicodedata.normalize("NFD", text.lower())
    plain = "".join(sign for sign in bare if not unicodedata.combining(sign))
    for sentence in re.split(r"[.,;:!?\n]", plain):
        for found in _FALL.finditer(sentence):
            before = sentence[: found.start()]
            if not _DENIED.search(before) and not _THING.search(before):
                return True
    return False


def _within(facts: Sequence[Fact], period: timedelta, now: datetime) -> tuple[Fact, ...]:
    return tuple(each for each in facts if now - period <= each.at <= now)


def _is_adult(facts: Facts, now: datetime) -> bool:
    born = facts.birth_date
    return born is not None and (now.date() - born).days >= ADULT * 365.25


def _widest(facts: Sequence[Fact]) -> DataCategory:
    """Return the category that opens to nobody more than each of the facts."""
    return (
        DataCategory.SOCIAL
        if all(each.category == DataCategory.SOCIAL for each in facts)
        else DataCategory.MEDICAL
    )


def _number(value: Decimal, digits: int = 2) -> str:
    """Return a number as one writes it in French: « 61,4 »."""
    said = f"{value:.{digits}f}"
    return (said.rstrip("0").rstrip(".") if "." in said else said).replace(".", ",")


def _day(moment: datetime) -> str:
    return f"{moment:%d/%m/%Y}"
