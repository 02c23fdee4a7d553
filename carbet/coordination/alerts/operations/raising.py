"""Raise an alert to several recipients, and tell each by the ways they chose."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.conf import settings
from django.db.models import Model
from procrastinate.contrib.django import app

from carbet.coordination.alerts import rules
from carbet.coordination.alerts.choices import Channel, StepKind
from carbet.coordination.alerts.models import Alert, AlertDelivery, AlertStep, Escalation
from carbet.coordination.alerts.queries import users
from carbet.core import live, outbox
from carbet.core.actor import Actor
from carbet.core.append import append
from carbet.core.audit import Trace
from carbet.core.operation import operation


def raise_alert(
    *,
    actor: Actor,
    now: datetime,
    patient_id: int | None,
    recipients: Iterable[str],
    kind: str,
    target: str = "",
    urgent: bool = False,
) -> None:
    """Ask recipients to look, within the operation under way: their open screens know on commit.

    Nobody is alerted of what they did themselves. The alert names a kind and a place only. A worker
    tells those who look at no screen; an urgent alert climbs until somebody reads it.
    """
    own = {f"role:{actor.role_id}"} if actor.role_id else set()
    keys = set(recipients) - own
    climbs = rules.next_step_at(kind, step=0, now=now, minutes=settings.ESCALATION_MINUTES)
    occurrence = uuid.uuid4()
    climbing, raised = [], []
    if urgent and climbs is not None:
        climbing = [
            Escalation(
                occurrence=occurrence,
                patient_id=patient_id,
                kind=kind,
                next_at=climbs,
                told=sorted(keys),
            )
        ]
        raised = [AlertStep(occurrence=occurrence, at=now, kind=StepKind.RAISED)]
    tell(
        occurrence=occurrence,
        keys=keys,
        now=now,
        patient_id=patient_id,
        kind=kind,
        target=target,
        urgent=urgent,
        raised_by=actor.display_name,
        raised_by_role_id=actor.role_id,
        raised_at=now,
        along=(climbing, raised),
    )


def tell(
    *,
    occurrence: uuid.UUID,
    keys: Iterable[str],
    now: datetime,
    step: int = 0,
    along: Sequence[Sequence[Model]] = (),
    **said: object,
) -> None:
    """Write an alert a recipient, refresh their screens, and have the others told outside.

    What is written `along` goes in the same statement. With nobody to tell, it is written alone:
    the clock climbs from there.
    """
    keys = sorted(keys)
    alerts = [Alert(occurrence=occurrence, step=step, recipient=key, **said) for key in keys]  # type: ignore[arg-type]
    append(alerts, *along)
    if not keys:
        return
    live.announce(keys, "alert", now=now)
    app.configure_task("alerts.dispatch", queue="outbox", priority=5).defer(
        occurrence=str(occurrence), step=step
    )


@operation("alert.dispatch", action="E")
def dispatch(trace: Trace, *, actor: Actor, now: datetime, occurrence: uuid.UUID, step: int) -> int:
    """Tell those who were alerted by the ways they chose. Return how many notices were written.

    The house itself does it, for one occurrence, once: the same notice twice is one.
    """
    if step == 0:
        _time_the_climb(occurrence)
    alerts = list(Alert.objects.filter(occurrence=occurrence, step=step, read_at__isnull=True))
    count = 0
    for user in users.told_by(alerts, now=now):
        for channel, device_id in users.ways(user):
            due_at = rules.told_at(user.wishes, urgent=user.urgent, at=now)
            count += _write(
                owner=user.owner,
                channel=channel,
                device_id=device_id,
                occurrence=occurrence if due_at <= now else None,
                urgent=user.urgent,
                now=now,
                due_at=due_at,
                key=f"alert:{occurrence}" if due_at <= now else f"alerts:{due_at:%Y%m%dT%H%M}",
            )
    trace.about(
        patient_id=alerts[0].patient_id if alerts else None, entity=f"AlertDelivery x{count}"
    )
    return count


def _time_the_climb(occurrence: uuid.UUID) -> None:
    """Set the job that climbs at its very minute, when the alert is one that climbs."""
    waiting = Escalation.objects.filter(occurrence=occurrence, next_at__isnull=False)
    for next_at in waiting.values_list("next_at", flat=True):
        app.configure_task(
            "alerts.escalate", queue="outbox", schedule_at=next_at, priority=5
        ).defer(occurrence=str(occurrence))


@operation("alert.digest", action="E")
def send_digests(trace: Trace, *, actor: Actor, now: datetime) -> int:
    """Write the day's digest of those for whom it is due. Return how many were written."""
    due = users.digests_due(now=now)
    for user in due:
        _write(
            owner=user.owner,
            channel=Channel.MAIL,
            device_id=None,
            occurrence=None,
            urgent=False,
            now=now,
            due_at=now,
            key=f"digest:{user.day:%Y%m%d}",
            digest=True,
        )
        users.remember_digest(owner=user.owner, day=user.day, now=now)
    trace.about(entity=f"AlertDelivery x{len(due)}")
    return len(due)


def _write(
    *,
    owner: str,
    channel: str,
    device_id: int | None,
    occurrence: uuid.UUID | None,
    urgent: bool,
    now: datetime,
    due_at: datetime,
    key: str,
    digest: bool = False,
) -> int:
    whole = ":".join(filter(None, (key, owner, channel, str(device_id or ""))))
    delivery, created = AlertDelivery.objects.get_or_create(
        key=whole,
        defaults={
            "owner": owner,
            "channel": channel,
            "device_id": device_id,
            "occurrence": occurrence,
            "urgent": urgent,
            "digest": digest,
            "created_at": now,
            "due_at": due_at,
        },
    )
    if created:
        outbox.send(
            f"alert.{channel}",
            {"delivery": delivery.pk},
            idempotency_key=whole,
            now=now,
            due_at=due_at,
        )
    return int(created)
