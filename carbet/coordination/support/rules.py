"""What is true of a request: by when it must be answered, and in which order it waits."""

from datetime import datetime, timedelta

from carbet.coordination.support.choices import RequestStatus, Urgency

# How long the team has to answer, by urgency: what the labels of `Urgency` promise.
DELAYS = {
    Urgency.ASAP: timedelta(hours=48),
    Urgency.URGENT: timedelta(days=7),
    Urgency.ROUTINE: timedelta(days=30),
}
# The most urgent first.
RANKS = {Urgency.ASAP: 0, Urgency.URGENT: 1, Urgency.ROUTINE: 2}


def due_at(*, urgency: str, submitted_at: datetime) -> datetime:
    """Return by when a request must be answered."""
    return submitted_at + DELAYS[Urgency(urgency)]


def is_late(*, urgency: str, submitted_at: datetime, now: datetime) -> bool:
    """Tell whether a request still waits after its delay."""
    return now > due_at(urgency=urgency, submitted_at=submitted_at)


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
    """Tell whether a request still waits for an answer."""
    return status == RequestStatus.SUBMITTED
