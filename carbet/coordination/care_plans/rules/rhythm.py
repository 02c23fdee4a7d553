"""What a frequency in words proposes as a rhythm of visits: a person reads it, and changes it."""

import re
import unicodedata
from datetime import date

from carbet.coordination.scheduling.rules.recurrence import (
    DAILY,
    DAYS,
    MONTHLY,
    WEEKLY,
    Recurrence,
)

_NUMBERS = {"un": 1, "une": 1, "deux": 2, "trois": 3, "quatre": 4, "cinq": 5, "six": 6, "sept": 7}
_DAY_NAMES = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
# So many times a week, as far apart as the week allows, Sunday last.
_SPREAD = {
    1: ("MO",),
    2: ("MO", "TH"),
    3: ("MO", "WE", "FR"),
    4: ("MO", "TU", "TH", "FR"),
    5: ("MO", "TU", "WE", "TH", "FR"),
    6: ("MO", "TU", "WE", "TH", "FR", "SA"),
}
_COUNT = r"(\d{1,2}|un|une|deux|trois|quatre|cinq|six|sept)"
_A_WEEK = re.compile(rf"{_COUNT} ?(?:fois|x|passages?|seances?|visites?)?[ /]*(?:par|/|la) ?sem")
_A_MONTH = re.compile(rf"{_COUNT} ?(?:fois|x|passages?|seances?|visites?)?[ /]*(?:par|/) ?mois")
_EACH_WEEKS = re.compile(rf"(?:toutes les|chaque) (?:{_COUNT} )?semaines?")
_EACH_MONTHS = re.compile(rf"(?:tous les|chaque) (?:{_COUNT} )?mois")
_EACH_DAY = re.compile(r"(?:tous les|chaque) jours?|quotidien|par jour|/ ?jour|/ ?j\b")
_EACH_QUARTER = re.compile(r"par trimestre|trimestriel|tous les trimestres")
_A_SIGN = re.compile(r"[^a-z0-9/]+")


def proposed_rhythm(frequency: str, *, until: date | None = None) -> Recurrence | None:
    """Return the rhythm that a frequency in words proposes; None when it says none known here.

    More than one visit a day is proposed as one a day: a person adds the others.
    """
    text = _plain(frequency)
    named = tuple(
        day for day, name in zip(DAYS, _DAY_NAMES, strict=True) if re.search(rf"\b{name}s?\b", text)
    )
    if named:
        return Recurrence(WEEKLY, days=named, until=until)
    if found := _A_WEEK.search(text):
        times = _number(found[1])
        if times in _SPREAD:
            return Recurrence(WEEKLY, days=_SPREAD[times], until=until)
        return Recurrence(DAILY, until=until) if times >= 7 else None
    if "hebdomadaire" in text:
        return Recurrence(WEEKLY, until=until)
    if found := _EACH_WEEKS.search(text):
        return Recurrence(WEEKLY, interval=_number(found[1]), until=until)
    if _EACH_DAY.search(text):
        return Recurrence(DAILY, until=until)
    if found := _A_MONTH.search(text):
        times = _number(found[1])
        if times == 1:
            return Recurrence(MONTHLY, until=until)
        return Recurrence(WEEKLY, interval=2 if times == 2 else 1, until=until)
    if found := _EACH_MONTHS.search(text):
        return Recurrence(MONTHLY, interval=_number(found[1]), until=until)
    if "mensuel" in text:
        return Recurrence(MONTHLY, until=until)
    if _EACH_QUARTER.search(text):
        return Recurrence(MONTHLY, interval=3, until=until)
    return None


def _plain(text: str) -> str:
    bare = unicodedata.normalize("NFKD", text.lower())
    kept = "".join(letter for letter in bare if not unicodedata.combining(letter))
    return _A_SIGN.sub(" ", kept).strip()


def _number(text: str | None) -> int:
    if not text:
        return 1
    return min(52, max(1, int(text) if text.isdecimal() else _NUMBERS.get(text, 1)))
