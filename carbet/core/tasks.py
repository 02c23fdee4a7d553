"""What the worker does for the foundations: deliver, mend stalled jobs, clear old events."""

import contextlib
from datetime import timedelta

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from carbet.core import live, outbox, row_security
from carbet.core.actor import internal
from carbet.core.clock import now as current_time
from carbet.core.models import LiveEvent, OutboxMessage

SWEEP_AFTER = timedelta(minutes=10)


@app.task(name="core.deliver", queue="outbox")
def deliver(message_id: int) -> None:
    """Send one outbox message; a failure is tried again later, then shown in the tray."""
    now = current_time()
    with row_security.acting_as(internal("outbox"), now=now, operation="outbox.deliver"):
        message = (
            OutboxMessage.objects.select_for_update(skip_locked=True)
            .filter(pk=message_id, status=OutboxMessage.Status.PENDING)
            .first()
        )
        if message is None:
            return
        message.attempts += 1
        try:
            send = outbox.SENDERS.get(message.topic)
            if send is None:
                raise outbox.CannotBeSent(f"aucun connecteur pour « {message.topic} »")
            with transaction.atomic():
                send(message)
        except outbox.CannotBeSent as error:
            message.status, message.settled_at = OutboxMessage.Status.FAILED, now
            message.last_error = str(error)[:500]
        except outbox.NotBefore as error:
            message.attempts -= 1
            message.last_error, message.due_at = str(error)[:500], error.moment
            deliver.configure(schedule_at=error.moment).defer(message_id=message_id)
        except Exception as error:  # noqa: BLE001 - whatever a connector raises is shown
            message.last_error = f"{type(error).__name__} : {error}"[:500]
            if message.attempts >= outbox.MAX_ATTEMPTS:
                message.status, message.settled_at = OutboxMessage.Status.FAILED, now
            else:
                wait = outbox.backoff(message.attempts)
                message.due_at = now + wait
                deliver.configure(schedule_in={"seconds": int(wait.total_seconds())}).defer(
                    message_id=message_id
                )
        else:
            message.status, message.settled_at = OutboxMessage.Status.SENT, now
            message.last_error = ""
        message.save()
        if message.status != OutboxMessage.Status.PENDING:
            # Whoever listens may fail: what left has left all the same.
            outbox.settled.send_robust(sender=deliver, message=message)


@app.periodic(cron="*/10 * * * *")
@app.task(name="core.sweep_outbox", queue="outbox")
def sweep_outbox(timestamp: int) -> None:
    """Give a job back to messages that lost theirs: after a restore, or a job removed by hand."""
    with row_security.acting_as(internal("outbox"), operation="outbox.sweep"):
        late = OutboxMessage.objects.filter(
            status=OutboxMessage.Status.PENDING, due_at__lt=current_time() - SWEEP_AFTER
        ).order_by("due_at")[:500]
        for message_id in late.values_list("pk", flat=True):
            with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
                deliver.configure(queueing_lock=f"deliver:{message_id}").defer(
                    message_id=message_id
                )


@app.periodic(cron="*/5 * * * *")
@app.task(name="core.mend_stalled_jobs", queue="outbox", pass_context=True)
async def mend_stalled_jobs(context, timestamp: int) -> None:
    """Retry the jobs whose worker died without a word."""
    manager = context.app.job_manager
    await manager.prune_stalled_workers(seconds_since_heartbeat=60)
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=60):
        await manager.retry_job(job)


@app.periodic(cron="7 3 * * *")
@app.task(name="core.remove_old_jobs", queue="outbox", pass_context=True)
async def remove_old_jobs(context, timestamp: int) -> None:
    """Forget the jobs that succeeded more than three days ago."""
    await context.app.job_manager.delete_old_jobs(nb_hours=72)


@app.periodic(cron="17 * * * *")
@app.task(name="core.clear_live_events", queue="outbox")
def clear_live_events(timestamp: int) -> None:
    """Forget live events older than a day: a screen cut for longer reloads."""
    horizon = current_time() - live.KEPT
    with row_security.acting_as(internal("ménage"), operation="live.clear"):
        LiveEvent.objects.filter(recorded_at__lt=horizon).delete()
