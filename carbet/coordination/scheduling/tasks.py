"""What the worker does for the agenda: write the next visits of series, remind persons."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone
from procrastinate.contrib.django import app

from carbet.connectors import mail
from carbet.coordination.scheduling.choices import AppointmentStatus
from carbet.coordination.scheduling.models import Appointment, AppointmentSeries
from carbet.coordination.scheduling.operations import extend
from carbet.coordination.scheduling.operations.reminding import BATCH, remind
from carbet.coordination.scheduling.operations.series import HORIZON
from carbet.core import outbox, row_security
from carbet.core.actor import internal
from carbet.core.clock import now as current_time
from carbet.core.models import OutboxMessage
from carbet.registries.accounts.models import Account

HOUSE = internal("agenda")
SUBJECT = "Rappel de rendez-vous"
# No name, no place, no reason: who receives it signs in to know more.
BODY = """Bonjour,

Un rendez-vous est prévu {on}.
Pour le voir, l'accepter ou l'annuler : {address}

Ce message ne contient aucune information de santé. Si vous n'êtes pas concerné, ignorez-le.
"""


@app.periodic(cron="20 2 * * *")
@app.task(name="scheduling.extend_series", queue="agenda")
def extend_series(timestamp: int) -> None:
    """Keep the visits of each series written up to the horizon, one transaction a series."""
    now = current_time()
    with row_security.acting_as(HOUSE, now=now):
        due = list(
            AppointmentSeries.objects.filter(
                ended_at__isnull=True, written_until__lt=now + HORIZON - timedelta(days=1)
            ).order_by("written_until")[:BATCH]
        )
    for series in due:
        extend(actor=HOUSE, now=now, series=series, until=now + HORIZON)


@app.periodic(cron="*/15 * * * *")
@app.task(name="scheduling.remind", queue="agenda")
def remind_persons(timestamp: int) -> None:
    """Remind persons who have their own door of what is agreed for the day to come."""
    now = current_time()
    with row_security.acting_as(HOUSE, now=now):
        due = list(
            Appointment.objects.filter(
                status=AppointmentStatus.BOOKED,
                reminded_at__isnull=True,
                patient__isnull=False,
                start__gt=now,
                start__lte=now + timedelta(hours=24),
            ).order_by("start", "pk")[:BATCH]
        )
    for appointment in due:
        remind(actor=HOUSE, now=now, appointment=appointment)


@outbox.sender("appointment.reminder", label="Rappel de rendez-vous")
def send_reminder(message: OutboxMessage) -> None:
    """Remind one account by e-mail, with a day and an hour and nothing else."""
    account = Account.objects.filter(pk=message.payload["account"], is_active=True).first()
    if account is None:
        raise outbox.CannotBeSent("ce compte est fermé")
    start = datetime.fromisoformat(message.payload["start"])
    local = timezone.localtime(start, ZoneInfo(account.time_zone))
    notice = mail.Notice(
        key=message.idempotency_key,
        to=account.email,
        subject=SUBJECT,
        body=BODY.format(on=f"le {local:%d/%m} à {local:%H h %M}", address=settings.PUBLIC_URL),
    )
    try:
        receipt = mail.send(notice, stand_in=settings.DEMONSTRATION)
    except mail.NotConnected as error:
        raise outbox.CannotBeSent(str(error)) from error
    message.payload = message.payload | {
        "receipt": receipt.message_id,
        "carrier": receipt.carrier,
    }
