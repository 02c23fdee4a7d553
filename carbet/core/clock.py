"""What time it is: asked once, at the edge, and handed inwards as an argument."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present moment, with its time zone (UTC)."""
    return datetime.now(UTC)
