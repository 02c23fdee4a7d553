"""What is true of a circle: how far each member may go, who speaks for whom, until when."""

from datetime import datetime, timedelta

from carbet.coordination.care_teams.choices import ParticipantRole
from carbet.core.actor import Level
from carbet.registries.directory.choices import Category

GLASS_HOURS = 4
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


def is_present(started_at: datetime, ended_at: datetime | None, *, at: datetime) -> bool:
    """Tell whether a stay in the circle covers this moment; its end is exclusive."""
    return started_at <= at and (ended_at is None or ended_at > at)
