"""Tell open screens that something changed: a kind to a grantee, delivered on commit."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Max

from carbet.core import operation, row_security
from carbet.core.actor import SYSTEM, Actor
from carbet.core.append import append
from carbet.core.models import LiveEvent

CHANNEL = "carbet_live"
# The key that every professional's screens listen to: what changes for all is told once.
EVERYONE = "everyone"
KEPT = timedelta(days=1)
OVERLAP = timedelta(seconds=10)


def announce(recipients: Iterable[str], kind: str, *, now: datetime) -> None:
    """Tell each recipient once; a trigger notifies the live server when the event commits.

    Within an operation, all that it announces is written together when it ends.
    """
    trace = operation.current()
    said = {(event.recipient, event.kind) for event in trace.announced} if trace else set()
    events = [
        LiveEvent(recipient=recipient, kind=kind, recorded_at=now)
        for recipient in set(recipients)
        if (recipient, kind) not in said
    ]
    if trace:
        trace.announced.extend(events)
    else:
        append(events)


def missed(recipients: frozenset[str], *, last: int | None, now: datetime) -> list[tuple[int, str]]:
    """Return the latest event of each kind that a screen may have missed, oldest first.

    A screen that comes back says the last event it heard; one that opens is given what happened
    while its page was made. An event written before another may be committed after it: we look a
    little further back than asked. Hearing one twice is harmless.
    """
    actor = Actor(kind=SYSTEM, grantees=tuple(sorted(recipients)))
    with row_security.acting_as(actor, now=now):
        since = now - OVERLAP
        if last is not None:
            heard = LiveEvent.objects.filter(pk=last, recipient__in=recipients).first()
            # Forgotten after a day: then everything that is kept.
            since = heard.recorded_at - OVERLAP if heard else now - KEPT
        rows = (
            LiveEvent.objects.filter(recipient__in=recipients, recorded_at__gt=since)
            .values_list("kind")
            .annotate(latest=Max("pk"))
            .order_by("latest")
        )
        return [(number, kind) for kind, number in rows]
