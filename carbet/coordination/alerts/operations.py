"""What can be done with alerts: raise one to several recipients, mark it as read."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet

from carbet.coordination.alerts import queries
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
    """Mark the actor's alerts as read. Return how many were unread.

    An alert sent to a structure is read for all of it: its other screens are told.
    """
    found = queries.unread_with_copies(actor=actor, alert_ids=alert_ids)
    return _mark(found, trace, actor, now)


@operation("alert.read_all", action="U")
def mark_all_read(trace: Trace, *, actor: Actor, now: datetime) -> int:
    """Mark everything that waits for the actor as read, urgent alerts excepted.

    An urgent alert is read one by one: nobody sweeps it away with the others.
    """
    return _mark(queries.unread(actor=actor).filter(urgent=False), trace, actor, now)


def _mark(alerts: QuerySet[Alert], trace: Trace, actor: Actor, now: datetime) -> int:
    recipients = set(alerts.values_list("recipient", flat=True))
    count = alerts.update(read_at=now, read_by=actor.display_name) if recipients else 0
    if count:
        live.announce(recipients, "alert", now=now)
    trace.about(entity=f"Alert x{count}")
    return count
