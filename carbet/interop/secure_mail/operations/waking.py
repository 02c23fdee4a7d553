"""Call the worker: a mailbox to look into, a mail to carry out."""

import contextlib
from datetime import timedelta

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

COLLECT, PROCESS = "secure_mail.collect", "secure_mail.process"
WATCH = "secure_mail.watch"


def collect_soon(mailbox_id: int) -> None:
    """Ask the worker to look into a mailbox, unless somebody asked already."""
    # No lock while it runs: a worker that is killed would keep it, and two looks at once are safe.
    with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
        app.configure_task(
            COLLECT, queue="feed", queueing_lock=f"{COLLECT}:{mailbox_id}"
        ).defer(mailbox_id=mailbox_id)  # fmt: skip


def watch_soon() -> None:
    """Ask the worker to watch the mailboxes as they are declared now."""
    with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
        app.configure_task(WATCH, queue="feed", queueing_lock=WATCH).defer()


def process_soon(wait: timedelta | None = None) -> None:
    """Ask the worker to carry out what waits, now or later."""
    if wait is not None:
        seconds = int(wait.total_seconds()) + 1
        app.configure_task(PROCESS, queue="feed", schedule_in={"seconds": seconds}).defer()
        return
    with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
        app.configure_task(PROCESS, queue="feed", queueing_lock=PROCESS).defer()
