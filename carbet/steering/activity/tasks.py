"""What the worker does for steering: let the figures follow what moved, every minute."""

from procrastinate.contrib.django import app

from carbet.core import clock, row_security
from carbet.steering.activity import operations, queries
from carbet.steering.activity.access import HOUSE

# A minute's share of a long queue: the next minute goes on.
MOST_BATCHES = 40


@app.periodic(cron="* * * * *")
@app.task(name="activity.refresh", queue="activity", queueing_lock="activity.refresh")
def refresh(timestamp: int) -> None:
    """Let the figures follow; without a change nothing is written."""
    follow()


def follow() -> None:
    """Take what waits, batch by batch, each in a transaction of its own."""
    for _ in range(MOST_BATCHES):
        now = clock.now()
        with row_security.acting_as(HOUSE, now=now):
            waits = queries.changes_wait()
        if not waits or not operations.refresh_figures(actor=HOUSE, now=now):
            return
