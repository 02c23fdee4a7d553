"""What the worker does for secure mail: look into mailboxes, carry out what came."""

import contextlib
import smtplib
import threading
import time

from django.db import DataError, connection
from procrastinate.contrib.django import app

from carbet.connectors import mssante
from carbet.connectors.mssante.client import LARGEST_MAIL, SENT
from carbet.core import row_security
from carbet.core.clock import now as current_time
from carbet.interop.secure_mail import access, operations, queries
from carbet.interop.secure_mail.models import Mailbox
from carbet.interop.secure_mail.operations.holding import account_of
from carbet.interop.secure_mail.operations.waking import (
    COLLECT,
    PROCESS,
    WATCH,
    collect_soon,
    process_soon,
)

# The worker has other work: a full mailbox is emptied by turns.
TURN_SECONDS = 5.0
# Each mailbox watched is a connection and a thread of the worker; the others wait for the minute.
MOST_WATCHED = 100
_watched: dict[int, tuple[threading.Thread, threading.Event]] = {}


@app.task(name=COLLECT, queue="feed")
def collect(mailbox_id: int) -> None:
    """Take in what came to a mailbox: each mail is kept here before it is moved there."""
    now = current_time()
    with row_security.acting_as(access.HOUSE, now=now):
        mailbox = Mailbox.objects.filter(pk=mailbox_id, active=True).exclude(server="").first()
        if mailbox is None:
            return
        try:
            account = account_of(mailbox)
        except mssante.NotConnected as error:
            account, problem = None, str(error)
    if account is not None:
        try:
            problem = _collect(mailbox, account)
        except mssante.Denied as error:
            problem = str(error)
        except (OSError, smtplib.SMTPException) as error:
            problem = f"L’opérateur ne répond pas ({type(error).__name__})."
    operations.note_state(actor=access.HOUSE, now=current_time(), mailbox=mailbox, problem=problem)


def _collect(mailbox: Mailbox, account: mssante.Account) -> str:
    until = time.monotonic() + TURN_SECONDS
    problem = ""
    with mssante.opened(account) as session:
        while arrivals := session.arrivals():
            for each in arrivals:
                whole = each.size <= LARGEST_MAIL
                data = session.content(each.uid, headers_only=not whole)
                if not data:
                    continue
                try:
                    kept = operations.take(
                        actor=access.HOUSE,
                        now=current_time(),
                        mailbox=mailbox,
                        uid=each.uid,
                        uid_validity=session.validity,
                        data=data,
                        size=each.size,
                        whole=whole,
                    )
                except (DataError, ValueError) as error:
                    # It stays where it is, and stops nobody behind it.
                    problem = f"Un courrier n’a pas pu être gardé ({type(error).__name__})."
                    continue
                # Only now that the row and its bytes are on disk here.
                if kept is None:
                    session.take(each.uid, SENT)
                else:
                    session.take(each.uid)
                if time.monotonic() > until:
                    collect_soon(mailbox.pk)
                    return problem
            if len(arrivals) < 50 or problem:
                break
    return problem


@app.task(name=PROCESS, queue="feed")
def process() -> None:
    """Carry out what waits, for a while; then give way, and come back."""
    until = time.monotonic() + TURN_SECONDS
    while queries.is_waiting(now=current_time()):
        done = operations.process_next(actor=access.HOUSE, now=current_time())
        if done.retry_in is not None:
            process_soon(done.retry_in)
        if not done.worked:
            return
        if time.monotonic() > until:
            process_soon()
            return


@app.periodic(cron="* * * * *")
@app.task(name="secure_mail.sweep", queue="feed")
def sweep(timestamp: int) -> None:
    """Look into every mailbox, and carry out what lost its job: the worker was killed."""
    now = current_time()
    mailboxes = queries.looked_into(now=now)
    for mailbox in mailboxes:
        collect_soon(mailbox.pk)
    watch_all([mailbox.pk for mailbox in mailboxes])
    if queries.is_waiting(now=now):
        process_soon()


@app.task(name=WATCH, queue="feed")
def watch() -> None:
    """Watch the mailboxes as they are declared now."""
    watch_all([mailbox.pk for mailbox in queries.looked_into(now=current_time())])


def watch_all(mailbox_ids: list[int]) -> None:
    """Watch these mailboxes (IMAP IDLE), in threads that die with the worker; no longer others."""
    for number, (thread, stop) in list(_watched.items()):
        if number not in mailbox_ids:
            stop.set()
        if not thread.is_alive():
            del _watched[number]
    for number in mailbox_ids[:MOST_WATCHED]:
        if number not in _watched:
            stop = threading.Event()
            thread = threading.Thread(target=_watch, args=(number, stop), daemon=True)
            _watched[number] = (thread, stop)
            thread.start()


def _watch(mailbox_id: int, stop: threading.Event) -> None:
    """Call the worker each time that something comes; a lost connection is opened a minute later.

    What it misses is found by the minute's look.
    """
    try:
        with row_security.acting_as(access.HOUSE, now=current_time()):
            account = account_of(Mailbox.objects.get(pk=mailbox_id, active=True))
    except (mssante.NotConnected, Mailbox.DoesNotExist):
        return
    finally:
        connection.close()

    def told() -> None:
        try:
            collect_soon(mailbox_id)
        finally:
            connection.close()

    with contextlib.suppress(mssante.Denied, OSError):
        mssante.watch(account, told, stop)
