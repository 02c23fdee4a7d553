"""What can be done with figures: let them follow what moved, or count everything again."""

from datetime import datetime

from django.db import connection

from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import operation

# Changes taken at once: a second's work, so that a long queue never holds one transaction.
BATCH = 5_000


@operation("activity.refresh")
def refresh_figures(trace: Trace, *, actor: Actor, now: datetime, most: int = BATCH) -> int:
    """Let the sums follow at most `most` changes, the oldest first. Return how many they were."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT activity_refresh(%s)", [most])
        taken = int(cursor.fetchone()[0])
    trace.about(entity=f"Change x{taken}")
    return taken


@operation("activity.rebuild")
def rebuild_figures(trace: Trace, *, actor: Actor, now: datetime) -> None:
    """Forget every sum and count everything again: changes wait, to be taken by the refresh."""
    with connection.cursor() as cursor:
        # Everybody is written down again: longer than a page may take.
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SELECT activity_forget()")
    trace.about(entity="Tally")
