"""Call the worker: something waits to be carried out."""

import contextlib
from datetime import timedelta

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

PROCESS = "feed.process"
TELL_UPDATES = "feed.tell_updates"


def wake() -> None:
    """Ask the worker to carry out what waits, unless somebody asked already."""
    with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
        app.configure_task(PROCESS, queue="feed", queueing_lock=PROCESS).defer()


def wake_updates() -> None:
    """Ask the worker to tell whose identities are crossed otherwise, unless somebody asked."""
    with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
        app.configure_task(TELL_UPDATES, queue="feed", queueing_lock=TELL_UPDATES).defer()


def wake_later(wait: timedelta) -> None:
    """Ask the worker to look again later, when a message is to be tried again."""
    seconds = int(wait.total_seconds()) + 1
    app.configure_task(PROCESS, queue="feed", schedule_in={"seconds": seconds}).defer()
