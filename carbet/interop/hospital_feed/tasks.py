"""What the worker does for the feed: carry out what was received, and find what was forgotten."""

import time

from django.conf import settings
from procrastinate.contrib.django import app

from carbet.connectors import mllp
from carbet.core import outbox, row_security
from carbet.core.clock import now as current_time
from carbet.core.models import OutboxMessage
from carbet.interop.hospital_feed import access, operations, queries
from carbet.interop.hospital_feed.models import FeedRoute
from carbet.interop.hospital_feed.operations import receipts, updates
from carbet.interop.hospital_feed.operations.waking import PROCESS, TELL_UPDATES
from carbet.interop.hospital_feed.rules.receipts import answer_of

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


@app.periodic(cron="* * * * *")
@app.task(name="feed.readings", queue="feed")
def tell_readings(timestamp: int) -> None:
    """Tell the senders that await it which of their documents were opened."""
    now = current_time()
    for awaited_id, role_id in queries.readings_to_tell(now=now):
        receipts.tell_reading(actor=access.HOUSE, now=now, awaited_id=awaited_id, role_id=role_id)


@outbox.sender(receipts.TOPIC, label="Accusé métier (HL7 v2) à un hôpital")
def send_receipt(message: OutboxMessage) -> None:
    """Send a receipt of business where its route says; the same number each time."""
    now = current_time()
    with row_security.acting_as(access.HOUSE, now=now, operation=receipts.TOPIC):
        leaving = receipts.leaving(
            message_id=message.payload["message"],
            now=message.created_at,
            is_sandbox=settings.DEMONSTRATION,
            **{
                name: message.payload[name]
                for name in ("accepted", "event", "reader", "code")
                if name in message.payload
            },
        )
    if leaving is None:
        raise outbox.CannotBeSent("la route de cet établissement est fermée")
    host, port, data = leaving
    with _line(host, port) as client:
        _check(answer_of(client.send(data)))


@app.periodic(cron="* * * * *")
@app.task(name="feed.sweep_updates", queue="feed")
def sweep_updates(timestamp: int) -> None:
    """Tell what lost its job, and what waited for a former message to leave."""
    if updates.is_late(now=current_time()):
        operations.wake_updates()


@app.task(name=TELL_UPDATES, queue="feed")
def tell_updates() -> None:
    """Tell establishments whose identities are crossed otherwise, a few decisions at a time."""
    now = current_time()
    if updates.is_late(now=now):
        updates.tell_updates(actor=access.HOUSE, now=now)


@outbox.sender(updates.TOPIC, label="Identités croisées autrement (HL7 v2) à un hôpital")
def send_updates(message: OutboxMessage) -> None:
    """Tell an establishment of each of its identities that is crossed otherwise, in order."""
    now = current_time()
    with row_security.acting_as(access.HOUSE, now=now, operation=updates.TOPIC):
        route = FeedRoute.objects.filter(pk=message.payload["route"], active=True).first()
        if route is None or not route.updates_host or route.updates_port is None:
            raise outbox.CannotBeSent("la route de cet établissement est fermée")
        refused = 0
        with _line(route.updates_host.strip("[]"), route.updates_port) as client:
            for each in updates.leaving(
                route,
                message.payload["identities"],
                number=message.pk,
                is_repeat=message.attempts > 1,
                now=now,
                is_test=settings.DEMONSTRATION,
            ):
                answer = answer_of(client.send(each.data))
                if answer in _REFUSALS:
                    refused += 1
                    continue
                _check(answer)
                updates.keep_told(route, each, now=now)
    if refused:
        raise outbox.CannotBeSent(f"refusé par l’établissement : {refused} identités")


_REFUSALS = ("AE", "AR", "CE", "CR")


def _line(host: str, port: int) -> mllp.Client:
    """Open a line to an establishment, if its address is allowed."""
    try:
        return mllp.Client(
            host,
            port,
            allowed=settings.MLLP_ALLOWED,
            tls=mllp.client_tls(
                settings.MLLP_TLS_CERTIFICATE, settings.MLLP_TLS_KEY, settings.MLLP_TLS_SENDERS
            ),
        )
    except mllp.NotAllowed as error:
        raise outbox.CannotBeSent("cette adresse n’est pas dans CARBET_MLLP_ALLOWED") from error


def _check(answer: str) -> None:
    if answer in _REFUSALS:
        raise outbox.CannotBeSent(f"refusé par l’établissement ({answer})")
    if answer not in ("AA", "CA"):
        raise mllp.NoAnswer("réponse illisible")
