"""Tell open screens that something changed: a kind to a grantee, delivered on commit."""

from collections.abc import Iterable
from datetime import datetime

from carbet.core.append import append
from carbet.core.models import LiveEvent

CHANNEL = "carbet_live"


def announce(recipients: Iterable[str], kind: str, *, now: datetime) -> None:
    """Write one live event a recipient; a trigger notifies the live server when it commits."""
    append(
        [
            LiveEvent(recipient=recipient, kind=kind, recorded_at=now)
            for recipient in set(recipients)
        ]
    )
