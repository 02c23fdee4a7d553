"""What the worker does for subscriptions: gather events, tell subscribers, stop what is over."""

import orjson
from django.conf import settings
from procrastinate.contrib.django import app

from carbet.connectors import event_notifications, mail, sms
from carbet.coordination.subscriptions import fhir, operations
from carbet.coordination.subscriptions.choices import ChannelType
from carbet.coordination.subscriptions.models import CommunicationRequest, Subscription
from carbet.core import outbox
from carbet.core.actor import internal
from carbet.core.clock import now as current_time
from carbet.core.models import OutboxMessage
from carbet.registries.patients import fhir as patients
from carbet.registries.patients.models import Patient

HOUSE = internal("abonnements")
SUBJECT = "Carbet : un événement vous attend"
TEXT = "Un événement auquel vous êtes abonné a eu lieu."
BODY = f"""Bonjour,

{TEXT}

Consultez-le dans votre logiciel, ou connectez-vous à Carbet : {{address}}

Ce message ne contient ni nom ni information de santé.
"""


@app.periodic(cron="* * * * *")
@app.task(name="subscriptions.gather", queue="outbox")
def gather(timestamp: int) -> None:
    """Make events of what was written and that somebody subscribed to."""
    operations.gather(actor=HOUSE, now=current_time())


@app.periodic(cron="27 * * * *")
@app.task(name="subscriptions.review", queue="outbox")
def review(timestamp: int) -> None:
    """Stop what is over, and what belongs to a structure that left the circle."""
    after: int | None = 0
    while after is not None:
        after = operations.review(actor=HOUSE, now=current_time(), after=after)


@outbox.sender("event.notify", label="Notification d’un événement (NdE)")
def notify(message: OutboxMessage) -> None:
    """Tell one subscriber of one event, unless the subscription holds no more."""
    now = current_time()
    row = Subscription.objects.select_for_update().get(pk=message.payload["subscription"])
    if not operations.check(row, actor=HOUSE, now=now):
        message.payload = message.payload | {"carrier": f"non envoyé : {row.stop_reason}"}
        return
    event = CommunicationRequest.objects.get(pk=message.payload["event"])
    try:
        carrier = _send(message.idempotency_key, row, event)
    except (mail.NotConnected, sms.NotConnected, sms.Refused, event_notifications.Refused) as error:
        raise outbox.CannotBeSent(str(error)) from error
    operations.told(row, now=now)
    message.payload = message.payload | {"carrier": carrier}


def _send(key: str, row: Subscription, event: CommunicationRequest) -> str:
    stand_in = settings.DEMONSTRATION
    if row.channel == ChannelType.EMAIL:
        body = BODY.format(address=settings.PUBLIC_URL)
        notice = mail.Notice(key=key, to=row.endpoint, subject=SUBJECT, body=body)
        return mail.send(notice, stand_in=stand_in).carrier
    if row.channel == ChannelType.SMS:
        return sms.send(sms.Text(key, row.endpoint, f"Carbet : {TEXT}"), stand_in=stand_in).carrier
    [person] = patients.resources(Patient.objects.filter(pk=row.patient_id))
    body = orjson.dumps(fhir.notification(event, person, row, now=current_time()))
    told = event_notifications.Notification(key, row.endpoint, body)
    return event_notifications.send(told, stand_in=stand_in).carrier
