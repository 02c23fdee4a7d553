"""Read an alert, answer for it, or say that one no longer can."""

from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet
from procrastinate.contrib.django import app

from carbet.coordination.alerts import queries, rules
from carbet.coordination.alerts.choices import Closure, StepKind
from carbet.coordination.alerts.models import Alert, AlertStep, Escalation
from carbet.core import live
from carbet.core.actor import Actor
from carbet.core.append import append
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation


class UnableToTakeAlert(UnableTo):
    """Somebody else answers for it already, or it was never urgent."""


@operation("alert.read", action="U")
def mark_read(trace: Trace, *, actor: Actor, now: datetime, alert_ids: list[int]) -> int:
    """Mark the actor's alerts as read. Return how many were unread.

    An alert sent to a structure is read for all of it: its other screens are told. An urgent one
    climbs no further.
    """
    found = queries.unread_with_copies(actor=actor, alert_ids=alert_ids)
    return _mark(found, trace, actor, now)


@operation("alert.read_all", action="U")
def mark_all_read(trace: Trace, *, actor: Actor, now: datetime) -> int:
    """Mark everything that waits for the actor as read, urgent alerts excepted.

    An urgent alert is read one by one: nobody sweeps it away with the others.
    """
    return _mark(queries.unread(actor=actor).filter(urgent=False), trace, actor, now)


@operation("alert.take", action="U")
def take(trace: Trace, *, actor: Actor, now: datetime, alert: Alert) -> None:
    """Answer for an urgent alert (« je m’en occupe »): everyone who was told sees it.

    Raises:
        UnableToTakeAlert: it is not urgent, or somebody else answers for it.
    """
    escalation = _lock(alert)
    if escalation.closure == Closure.TAKEN and escalation.closed_by_key != _key(actor):
        raise UnableToTakeAlert(f"{escalation.closed_by} s’en occupe déjà.")
    if escalation.closure != Closure.TAKEN:
        _close(escalation, Closure.TAKEN, StepKind.TAKEN, actor=actor, now=now)
    found = queries.unread_with_copies(actor=actor, alert_ids=[alert.pk])
    found.update(read_at=now, read_by=actor.display_name)
    live.announce(escalation.told, "alert", now=now)
    trace.about(patient_id=alert.patient_id, entity=escalation)


@operation("alert.release", action="U")
def release(trace: Trace, *, actor: Actor, now: datetime, alert: Alert) -> None:
    """Say that one no longer answers for an urgent alert: it climbs again from now on.

    Raises:
        UnableToTakeAlert: one did not answer for it.
    """
    escalation = _lock(alert)
    if escalation.closure != Closure.TAKEN or escalation.closed_by_key != _key(actor):
        raise UnableToTakeAlert("Vous ne vous occupez pas de cette alerte.")
    escalation.closed_at, escalation.closure = None, ""
    escalation.closed_by = escalation.closed_by_key = ""
    escalation.next_at = rules.next_step_at(
        escalation.kind, step=escalation.step, now=now, minutes=settings.ESCALATION_MINUTES
    )
    escalation.save()
    _add_step(escalation, StepKind.RELEASED, actor=actor, now=now)
    if escalation.next_at is not None:
        app.configure_task(
            "alerts.escalate", queue="outbox", schedule_at=escalation.next_at, priority=5
        ).defer(occurrence=str(escalation.occurrence))
    live.announce(escalation.told, "alert", now=now)
    trace.about(patient_id=alert.patient_id, entity=escalation)


def _mark(alerts: QuerySet[Alert], trace: Trace, actor: Actor, now: datetime) -> int:
    waiting = list(alerts.values_list("recipient", "urgent", "occurrence"))
    count = alerts.update(read_at=now, read_by=actor.display_name) if waiting else 0
    urgent = {occurrence for _, is_urgent, occurrence in waiting if is_urgent}
    told = {recipient for recipient, _, _ in waiting}
    if urgent:
        climbing = Escalation.objects.select_for_update().filter(
            occurrence__in=urgent, closed_at__isnull=True
        )
        for escalation in climbing.order_by("pk"):
            _close(escalation, Closure.READ, StepKind.READ, actor=actor, now=now)
            told |= set(escalation.told)
    if count:
        live.announce(told, "alert", now=now)
    trace.about(entity=f"Alert x{count}")
    return count


def _close(escalation: Escalation, closure: str, step: str, *, actor: Actor, now: datetime) -> None:
    escalation.closed_at, escalation.closure, escalation.next_at = now, closure, None
    escalation.closed_by, escalation.closed_by_key = actor.display_name, _key(actor)
    escalation.save()
    _add_step(escalation, step, actor=actor, now=now)


def _add_step(escalation: Escalation, kind: str, *, actor: Actor, now: datetime) -> None:
    who = ", ".join(filter(None, (actor.display_name, actor.role_label)))
    append([AlertStep(occurrence=escalation.occurrence, at=now, kind=kind, who=who)])


def _lock(alert: Alert) -> Escalation:
    found = Escalation.objects.select_for_update().filter(occurrence=alert.occurrence).first()
    if found is None:
        raise UnableToTakeAlert("Cette alerte n’est pas de celles dont on répond.")
    return found


def _key(actor: Actor) -> str:
    return queries.own_key(actor)
