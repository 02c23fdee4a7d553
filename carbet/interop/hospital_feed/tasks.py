"""What the worker does for the feed: carry out what was received, and find what was forgotten."""

import time

from procrastinate.contrib.django import app

from carbet.core.clock import now as current_time
from carbet.interop.hospital_feed import access, operations, queries
from carbet.interop.hospital_feed.operations.waking import PROCESS

# The worker has other work: a long queue is carried out by turns.
TURN_SECONDS = 2.0


@app.task(name=PROCESS, queue="feed")
def process() -> None:
    """Carry out what waits, for a while; then give way, and come back."""
    until = time.monotonic() + TURN_SECONDS
    while queries.is_waiting(now=current_time()):
        done = operations.process_next(actor=access.HOUSE, now=current_time())
        if done.retry_in is not None:
            operations.wake_later(done.retry_in)
        if not done.worked:
            return
        if time.monotonic() > until:
            operations.wake()
            return


@app.periodic(cron="* * * * *")
@app.task(name="feed.sweep", queue="feed")
def sweep(timestamp: int) -> None:
    """Carry out what lost its job: the worker or the listener was killed."""
    if queries.is_waiting(now=current_time()):
        operations.wake()
