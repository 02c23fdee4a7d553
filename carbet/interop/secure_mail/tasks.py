"""What the worker does for secure mail: look into mailboxes, carry out what came."""

import smtplib
import time

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
    collect_soon,
    process_soon,
)

# The worker has other work: a full mailbox is emptied by turns.
TURN_SECONDS = 5.0


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
    with mssante.opened(account) as session:
        while arrivals := session.arrivals():
            for each in arrivals:
                whole = each.size <= LARGEST_MAIL
                data = session.content(each.uid, headers_only=not whole)
                if not data:
                    continue
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
                # Only now that the row and its bytes are on disk here.
                if kept is None:
                    session.take(each.uid, SENT)
                else:
                    session.take(each.uid)
                if time.monotonic() > until:
                    collect_soon(mailbox.pk)
                    return ""
            if len(arrivals) < 50:
                break
    return ""


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
    for mailbox in queries.looked_into(now=now):
        collect_soon(mailbox.pk)
    if queries.is_waiting(now=now):
        process_soon()
