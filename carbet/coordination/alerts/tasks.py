"""What the worker does for alerts: tell outside, climb when nobody reads, the day's digest."""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from procrastinate.contrib.django import app

from carbet.connectors import mail, sms, web_push
from carbet.coordination.alerts import operations, rules
from carbet.coordination.alerts.choices import DeliveryStatus
from carbet.coordination.alerts.models import Alert, AlertDelivery, AlertSetting, Escalation
from carbet.coordination.alerts.queries import users
from carbet.core import outbox, row_security
from carbet.core.actor import internal
from carbet.core.clock import now as current_time
from carbet.core.models import OutboxMessage

HOUSE = internal("alertes")
MOST_AT_ONCE = 100
MAIL_BODY = """Bonjour,

{text}

Connectez-vous à Carbet pour lire : {address}

Ce message ne contient ni nom ni information de santé. Pour changer vos préférences :
{preferences}
"""


@app.task(name="alerts.dispatch", queue="outbox")
def dispatch(occurrence: str, step: int = 0) -> None:
    """Tell those who were alerted by the ways they chose."""
    operations.dispatch(actor=HOUSE, now=current_time(), occurrence=UUID(occurrence), step=step)


@app.task(name="alerts.escalate", queue="outbox")
def escalate(occurrence: str) -> None:
    """Climb one step, if its time has come and nobody has read."""
    operations.escalate(actor=HOUSE, now=current_time(), occurrence=UUID(occurrence))


@app.periodic(cron="* * * * *")
@app.task(name="alerts.escalate_due", queue="outbox")
def escalate_due(timestamp: int) -> None:
    """Climb with what is due and lost its job: nothing urgent waits for a restart."""
    now = current_time()
    with row_security.acting_as(HOUSE, now=now):
        due = list(
            Escalation.objects.filter(next_at__lte=now, closed_at__isnull=True)
            .order_by("next_at")
            .values_list("occurrence", flat=True)[:MOST_AT_ONCE]
        )
    for occurrence in due:
        operations.escalate(actor=HOUSE, now=now, occurrence=occurrence)


@app.periodic(cron="*/5 * * * *")
@app.task(name="alerts.digest", queue="outbox")
def digest(timestamp: int) -> None:
    """Write the digests that are due, by batches."""
    while operations.send_digests(actor=HOUSE, now=current_time()) >= users.MOST_DIGESTS:
        pass


@outbox.sender("alert.push", label="Notification d’alerte")
def send_push(message: OutboxMessage) -> None:
    """Notify one device, unless the alert was read meanwhile."""
    delivery = _delivery(message)
    if (text := _text(delivery)) is None:
        return
    device = delivery.device
    if device is None or device.gone_at is not None:
        _settle(delivery, DeliveryStatus.DROPPED, why="appareil retiré")
        return
    push = web_push.Push(
        title="Carbet",
        body=text,
        url="/alertes/",
        tag=str(delivery.occurrence or "alertes"),
        urgent=delivery.urgent,
    )
    address = web_push.Device(device.endpoint, device.p256dh, device.auth)
    try:
        receipt = web_push.send(push, address, stand_in=settings.DEMONSTRATION)
    except (web_push.Gone, web_push.NotADevice):
        device.gone_at = current_time()
        device.save(update_fields=["gone_at"])
        _settle(delivery, DeliveryStatus.DROPPED, why="appareil retiré")
        return
    _settle(delivery, DeliveryStatus.SENT, text=text, carrier=receipt.carrier)
    message.payload = message.payload | {"carrier": receipt.carrier}


@outbox.sender("alert.mail", label="E-mail d’alerte")
def send_mail(message: OutboxMessage) -> None:
    """Write one e-mail, unless everything was read meanwhile."""
    delivery = _delivery(message)
    if (text := _text(delivery)) is None:
        return
    to = users.address_of(delivery.owner)
    if not to:
        _settle(delivery, DeliveryStatus.DROPPED, why="compte fermé")
        return
    notice = mail.Notice(
        key=message.idempotency_key,
        to=to,
        subject="Carbet : une alerte urgente" if delivery.urgent else "Carbet : des alertes",
        body=MAIL_BODY.format(
            text=text,
            address=f"{settings.PUBLIC_URL}/alertes/",
            preferences=f"{settings.PUBLIC_URL}/alertes/preferences/",
        ),
    )
    try:
        receipt = mail.send(notice, stand_in=settings.DEMONSTRATION)
    except mail.NotConnected as error:
        raise outbox.CannotBeSent(str(error)) from error
    _settle(delivery, DeliveryStatus.SENT, text=text, carrier=receipt.carrier)
    message.payload = message.payload | {
        "receipt": receipt.message_id,
        "carrier": receipt.carrier,
        "to": f"{to[:2]}…@{to.partition('@')[2]}",
    }


@outbox.sender("alert.sms", label="SMS d’alerte")
def send_sms(message: OutboxMessage) -> None:
    """Send one text message, unless everything was read meanwhile."""
    delivery = _delivery(message)
    if (text := _text(delivery)) is None:
        return
    setting = AlertSetting.objects.filter(owner=delivery.owner).first()
    if setting is None or not setting.phone:
        _settle(delivery, DeliveryStatus.DROPPED, why="numéro retiré")
        return
    try:
        receipt = sms.send(
            sms.Text(message.idempotency_key, setting.phone, f"Carbet : {text}"),
            stand_in=settings.DEMONSTRATION,
        )
    except (sms.NotConnected, sms.Refused) as error:
        raise outbox.CannotBeSent(str(error)) from error
    _settle(delivery, DeliveryStatus.SENT, text=text, carrier=receipt.carrier)
    message.payload = message.payload | {
        "receipt": receipt.message_id,
        "carrier": receipt.carrier,
        "to": f"…{setting.phone[-2:]}",
    }


def _delivery(message: OutboxMessage) -> AlertDelivery:
    return AlertDelivery.objects.select_related("device").get(pk=message.payload["delivery"])


def _text(delivery: AlertDelivery) -> str | None:
    """Return what to say now, or None, the delivery settled, when nothing waits any more."""
    if delivery.occurrence is not None:
        waiting = Alert.objects.filter(
            occurrence=delivery.occurrence,
            recipient__in=users.keys_of(delivery.owner),
            read_at__isnull=True,
        )
        count, urgent = int(waiting.exists()), int(delivery.urgent)
    elif delivery.digest:
        count, urgent = users.unread_of(delivery.owner, since=delivery.created_at - users.DIGEST_OF)
    else:
        # What gathered during the quiet hours; they never last a day.
        count, urgent = users.unread_of(
            delivery.owner, since=delivery.created_at - timedelta(minutes=1)
        )
    if not count:
        _settle(delivery, DeliveryStatus.DROPPED, why="tout est lu")
        return None
    return rules.words(count=count, urgent=min(urgent, count))


def _settle(
    delivery: AlertDelivery, status: str, *, text: str = "", carrier: str = "", why: str = ""
) -> None:
    delivery.status, delivery.text = status, text
    delivery.carrier, delivery.why = carrier[:100], why
    delivery.settled_at = current_time()
    delivery.save()
