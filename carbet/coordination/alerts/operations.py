"""What can be done with alerts: raise one to several recipients, mark it as read."""

from collections.abc import Iterable
from datetime import datetime

from carbet.coordination.alerts.models import Alert
from carbet.core import live
from carbet.core.actor import Actor
from carbet.core.append import append
from carbet.core.audit import Trace
from carbet.core.operation import operation


def raise_alert(
    *,
    actor: Actor,
    now: datetime,
    patient_id: int | None,
    recipients: Iterable[str],
    kind: str,
    target: str = "",
    urgent: bool = False,
) -> None:
    """Ask recipients to look, within the operation under way: their open screens know on commit.

    Nobody is alerted of what they did themselves. The alert names a kind and a place only.
    """
    own = {f"role:{actor.role_id}"} if actor.role_id else set()
    keys = set(recipients) - own
    append(
        [
            Alert(
                patient_id=patient_id,
                recipient=key,
                kind=kind,
                urgent=urgent,
                target=target,
                raised_by=actor.display_name,
                raised_at=now,
            )
            for key in sorted(keys)
        ]
    )
    live.announce(keys, "alert", now=now)


@operation("alert.read", action="U")
def mark_read(trace: Trace, *, actor: Actor, now: datetime, alert_ids: list[int]) -> int:
    """Mark the actor's alerts as read. Return how many were unread."""
    count = Alert.objects.filter(
        pk__in=alert_ids, recipient__in=actor.grantees, read_at__isnull=True
    ).update(read_at=now, read_by=actor.display_name)
    trace.about(entity=f"Alert x{count}")
    return count
