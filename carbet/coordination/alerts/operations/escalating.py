"""Climb with an urgent alert that nobody reads: the circle's next role, then the team on duty."""

import uuid
from datetime import datetime

from django.conf import settings
from django.dispatch import Signal
from procrastinate.contrib.django import app

from carbet.coordination.alerts import rules
from carbet.coordination.alerts.choices import Closure, StepKind
from carbet.coordination.alerts.models import Alert, AlertStep, Escalation
from carbet.coordination.alerts.operations.raising import tell
from carbet.coordination.alerts.queries import duty, users
from carbet.core import live
from carbet.core.actor import Actor
from carbet.core.append import append
from carbet.core.audit import Trace
from carbet.core.operation import operation

# Sent with `patient_id`, `told` (a set of keys) and `now`; the circle's room answers with the keys
# that come next, or none.
seeking_next = Signal()


@operation("alert.escalate", action="E")
def escalate(trace: Trace, *, actor: Actor, now: datetime, occurrence: uuid.UUID) -> list[str]:
    """Climb one step with an urgent alert that nobody read. Return whom it was passed on to.

    A step that finds nobody new gives way to the next at once. Nothing happens before its time,
    nor once somebody has read: a job that comes twice changes nothing.
    """
    escalation = (
        Escalation.objects.select_for_update(skip_locked=True)
        .filter(occurrence=occurrence, closed_at__isnull=True, next_at__lte=now)
        .first()
    )
    if escalation is None:
        trace.about(entity="Escalation", reason="lue, ou pas encore l’heure")
        return []
    keys: list[str] = []
    chain = rules.chain(escalation.kind)
    while not keys and escalation.step < len(chain):
        keys = _next(chain[escalation.step], escalation, now=now)
        escalation.step += 1
    if keys:
        _pass_on(escalation, keys, now=now)
    else:
        escalation.closed_at, escalation.closure = now, Closure.NOBODY
        escalation.next_at = None
        append([AlertStep(occurrence=occurrence, at=now, kind=StepKind.NOBODY)])
    escalation.save()
    live.announce(escalation.told, "alert", now=now)
    trace.about(
        patient_id=escalation.patient_id,
        entity=escalation,
        reason=", ".join(keys) or "personne de plus à prévenir",
    )
    return keys


def _next(where: str, escalation: Escalation, *, now: datetime) -> list[str]:
    told = set(escalation.told)
    if where == rules.ON_DUTY:
        found = duty.keys_on_duty(patient_id=escalation.patient_id, now=now)
        return [key for key in found if key not in told]
    if escalation.patient_id is None:
        return []
    author = Alert.objects.filter(occurrence=escalation.occurrence).first()
    if author is not None and author.raised_by_role_id:
        told.add(f"role:{author.raised_by_role_id}")
    answers = seeking_next.send(
        sender=Escalation, patient_id=escalation.patient_id, told=told, now=now
    )
    return next((keys for _, keys in answers if keys), [])


def _pass_on(escalation: Escalation, keys: list[str], *, now: datetime) -> None:
    first = Alert.objects.filter(occurrence=escalation.occurrence).order_by("pk").first()
    tell(
        occurrence=escalation.occurrence,
        keys=keys,
        now=now,
        step=escalation.step,
        patient_id=escalation.patient_id,
        kind=escalation.kind,
        target=first.target if first else "",
        urgent=True,
        raised_by=first.raised_by if first else "",
        raised_by_role_id=first.raised_by_role_id if first else None,
        raised_at=now,
    )
    names = users.names_of(keys)
    append(
        [
            AlertStep(
                occurrence=escalation.occurrence,
                at=now,
                kind=StepKind.ESCALATED,
                who=names.get(key, "")[:300],
            )
            for key in keys
        ]
    )
    escalation.told = [*escalation.told, *keys]
    escalation.next_at = rules.next_step_at(
        escalation.kind, step=escalation.step, now=now, minutes=settings.ESCALATION_MINUTES
    )
    if escalation.next_at is not None:
        app.configure_task(
            "alerts.escalate", queue="outbox", schedule_at=escalation.next_at, priority=5
        ).defer(occurrence=str(escalation.occurrence))
