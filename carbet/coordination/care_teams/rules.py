"""What is true of a circle: how far each member may go, who speaks for whom, until when."""

from datetime import datetime, timedelta

from carbet.coordination.care_teams.choices import ParticipantRole
from carbet.core.actor import ALL_DATA, DataCategory, Level
from carbet.registries.directory.choices import Category, Purpose

GLASS_HOURS = 4
INVITATION_DAYS = 14
GLASS_DURATION = timedelta(hours=GLASS_HOURS)
MANAGING_ROLES = frozenset({ParticipantRole.ATTENDING, ParticipantRole.COORDINATOR})


def level_of_member(*, category: str, role: str) -> Level:
    """Return how far a professional member may go in the record.

    The attending doctor and the coordinator manage the circle; carers read and write; an
    administrative member reads the circle only.
    """
    if role in MANAGING_ROLES:
        return Level.MANAGE
    if category == Category.ADMINISTRATIVE:
        return Level.READ
    return Level.WRITE


# Source: CSP L1110-4 and R1110-1: within a care team, each receives what their task needs.
_CATEGORIES = {
    Category.MEDICAL: ALL_DATA,
    Category.PARAMEDICAL: ALL_DATA,
    Category.COORDINATION: ALL_DATA,
    Category.SOCIAL: DataCategory.SOCIAL | DataCategory.ADMINISTRATIVE,
    Category.ADMINISTRATIVE: DataCategory.ADMINISTRATIVE,
}
_SOCIAL_PLACES = frozenset({Purpose.HOME_HELP, Purpose.SOCIAL})


def categories_of_member(*, category: str, role: str) -> DataCategory:
    """Return which data are open to a professional member, unless the person decided otherwise.

    Carers, the coordinator and whoever manages the circle see all; social workers and home helps
    see no medical data; administrative members see administrative data only.
    """
    if role in MANAGING_ROLES:
        return ALL_DATA
    return _CATEGORIES[Category(category)]


def categories_of_structure(purpose: str) -> DataCategory:
    """Return which data are open to all who work in a structure of the circle."""
    if purpose in _SOCIAL_PLACES:
        return DataCategory.SOCIAL | DataCategory.ADMINISTRATIVE
    return ALL_DATA


def is_present(started_at: datetime, ended_at: datetime | None, *, at: datetime) -> bool:
    """Tell whether a stay in the circle covers this moment; its end is exclusive."""
    return started_at <= at and (ended_at is None or ended_at > at)
