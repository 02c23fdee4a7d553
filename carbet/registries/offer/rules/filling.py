"""How complete and fresh an offer is, as the national indicator counts it.

Source: ROR filling indicators of the ANS (views `SuiviPeuplementROR_UE` and `_EG`), restated: an
offer is finalised when its seven flags are true, under way when one at least is; a structure is
finalised when it has an offer and all are, under way when one at least is under way.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from carbet.registries.offer.choices import Domain, Filling, Flag

YEAR = timedelta(days=365)
# From this many offers on, a quarter of them must be fresh; below, one.
MANY_OFFERS = 8
SHARE_OF_MANY = 0.25

_CATEGORIES = {
    Domain.COORDINATION: "604 606",
    Domain.ELDERLY: "202 207 381 500 501 502",
    Domain.DISABILITY: (
        "182 183 186 188 189 190 192 194 195 196 221 238 246 249 252 253 255 379 382 390 395 396"
        " 402 437 445 446 448 449"
    ),
    Domain.HOME: "209 354 460",
    Domain.CITY: "603 124",
    Domain.HEALTH: (
        "101 106 109 114 122 127 128 129 131 141 146 156 161 166 292 355 362 365 366 412 415 425"
        " 430 444 638 696 697 698"
    ),
}
_DOMAINS = {code: domain for domain, codes in _CATEGORIES.items() for code in codes.split()}
# Whose offers must say which kind of organization they are: care and help at home.
_KINDS_ASKED = frozenset({"209", "354", "460"})
_CITY_SECTORS = frozenset({"SA05", "SA07", "SA08", "SA09"})


@dataclass(frozen=True, slots=True)
class Offer:
    """What is said of one service, with its structure: all that the indicator looks at."""

    field: str = ""
    # Of the structure in FINESS, and of the offer itself (J238).
    structure_category: str = ""
    category: str = ""
    activities: Sequence[str] = ()
    care_mode: str = ""
    publics: Sequence[str] = ()
    age_low: int | None = None
    age_high: int | None = None
    address_line: str = ""
    commune: str = ""
    postal_code: str = ""
    contacts: Sequence[str] = ()
    updated_at: datetime | None = None


def flags(offer: Offer) -> dict[Flag, bool | None]:
    """Return each flag, in the order in which a form asks for it; None does not apply.

    A category is asked of care and help at home only. The national
    query asks the ages of those cared for; a public said by its code says as much here.
    """
    ages = offer.age_low is not None and offer.age_high is not None
    return {
        Flag.FIELD: bool(offer.field),
        Flag.CATEGORY: bool(offer.category) if offer.structure_category in _KINDS_ASKED else None,
        Flag.ACTIVITY: any(offer.activities),
        Flag.CARE_MODE: bool(offer.care_mode),
        Flag.PUBLIC: any(offer.publics) or ages,
        Flag.ADDRESS: bool(offer.address_line and offer.commune and offer.postal_code),
        Flag.CONTACT: any(offer.contacts),
    }


def missing(offer: Offer) -> list[Flag]:
    """Return the flags that are not true."""
    return [flag for flag, said in flags(offer).items() if said is False]


def state_of_offer(said: Mapping[Flag, bool | None]) -> Filling:
    """Return the state of an offer from its flags."""
    if all(each is not False for each in said.values()):
        return Filling.FINALISED
    return Filling.UNDER_WAY if any(said.values()) else Filling.TO_DO


def state_of_structure(offers: Iterable[Filling]) -> Filling:
    """Return the state of a structure from those of its offers."""
    states = list(offers)
    if states and all(state == Filling.FINALISED for state in states):
        return Filling.FINALISED
    # One finalised beside one to do is to do, as the national query counts it.
    return Filling.UNDER_WAY if Filling.UNDER_WAY in states else Filling.TO_DO


def is_fresh(updated: Sequence[datetime | None], *, now: datetime) -> bool:
    """Tell whether a structure keeps its offers: RE1.2.

    Without any offer there is nothing to keep; below eight, one updated within a year; from eight
    on, a quarter of them.
    """
    if not updated:
        return True
    recent = sum(at is not None and now - at <= YEAR for at in updated)
    if len(updated) < MANY_OFFERS:
        return recent >= 1
    return recent >= SHARE_OF_MANY * len(updated)


def domain(category: str, sector: str = "") -> Domain:
    """Return the domain of a FINESS category, or of the sector of a city practice."""
    if category in _DOMAINS:
        return _DOMAINS[category]
    return Domain.CITY if sector in _CITY_SECTORS else Domain.OTHER


def quarter_of(day: date) -> date:
    """Return the first day of the quarter of a day."""
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


def name_of_quarter(first: date) -> str:
    """Say a quarter: « T4 2026 »."""
    return f"T{(first.month - 1) // 3 + 1} {first.year}"
