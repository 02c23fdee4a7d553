"""When a disruption of a service holds, and what is said of the service meanwhile."""

from datetime import datetime, timedelta

from carbet.portal.choices import DisruptionKind, DisruptionState

# A maintenance is said on the tile of its service from so long before.
SAID_BEFORE = timedelta(days=7)
# What is further than this, before or after, is a mistake of typing.
FURTHEST_BEFORE = timedelta(days=90)
FURTHEST_AFTER = timedelta(days=366)
# Two clocks may differ: an incident "now" may come from a screen a little ahead.
_CLOCKS = timedelta(minutes=10)


def state(
    *,
    kind: str,
    starts_at: datetime,
    ends_at: datetime | None,
    ended_at: datetime | None,
    now: datetime,
) -> DisruptionState:
    """Return where a disruption is.

    A maintenance ends at its hour by itself; an incident lasts until somebody says that it ended,
    whatever end was hoped for.
    """
    if ended_at is not None:
        return DisruptionState.CANCELLED if ended_at < starts_at else DisruptionState.ENDED
    if kind == DisruptionKind.MAINTENANCE and ends_at is not None and ends_at <= now:
        return DisruptionState.ENDED
    return DisruptionState.PLANNED if starts_at > now else DisruptionState.UNDER_WAY


def badge(*, kind: str, state: DisruptionState) -> tuple[str, str]:
    """Return what the tile of the service says, in words, with its tone."""
    if state == DisruptionState.PLANNED:
        return "Maintenance prévue", "info"
    return (
        ("Incident", "danger") if kind == DisruptionKind.INCIDENT else ("En maintenance", "warning")
    )


def wrong(
    *, kind: str, starts_at: datetime, ends_at: datetime | None, now: datetime
) -> tuple[str, str] | None:
    """Return the field whose value makes no sense and why, in French, or None."""
    if not now - FURTHEST_BEFORE <= starts_at <= now + FURTHEST_AFTER:
        return "starts_at", "Cette date est trop loin : vérifiez l’année et le mois."
    if ends_at is not None and ends_at <= starts_at:
        return "ends_at", "La fin doit venir après le début."
    if ends_at is not None and ends_at > now + FURTHEST_AFTER:
        return "ends_at", "Cette date est trop loin : vérifiez l’année et le mois."
    if kind == DisruptionKind.INCIDENT:
        if starts_at > now + _CLOCKS:
            return "starts_at", "Un incident a déjà commencé : pour plus tard, « maintenance »."
    elif ends_at is None:
        return "ends_at", "Dites quand la maintenance doit finir."
    elif ends_at <= now:
        return "ends_at", "Cette maintenance serait déjà finie."
    return None
