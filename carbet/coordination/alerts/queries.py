"""What can be asked of alerts: how many wait, which, for whoever reads."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from carbet.coordination.alerts.models import Alert
from carbet.core.actor import Actor

PAGE = 25

# Each recipient's latest alerts come from its index: a page costs the same at any depth.
_LATEST = """
SELECT latest.id FROM unnest(%s::text[]) key, LATERAL (
  SELECT a.id FROM alerts_alert a
  WHERE a.recipient = key AND (NOT %s OR a.read_at IS NULL)
    AND (%s::timestamptz IS NULL OR (a.raised_at, a.id) < (%s::timestamptz, %s::bigint))
  ORDER BY a.raised_at DESC, a.id DESC LIMIT %s
) latest
"""


@dataclass(frozen=True)
class AlertPage:
    """One page of alerts, and the place where the next one begins (None at the end)."""

    alerts: list[Alert]
    next_before: tuple[datetime, int] | None


def unread_count(*, actor: Actor) -> int:
    """Return how many alerts wait for the actor, in one query."""
    return unread(actor=actor).count()


def unread(*, actor: Actor) -> QuerySet[Alert]:
    """Return the alerts that nobody has read yet among those sent to the actor."""
    return Alert.objects.filter(recipient__in=actor.grantees, read_at__isnull=True)


def alerts_for(
    *,
    actor: Actor,
    unread_only: bool = False,
    before: tuple[datetime, int] | None = None,
) -> AlertPage:
    """Return the actor's alerts, the latest first, 25 a page, each with its person, in one query.

    A person whose record is no longer open to the actor is None while `patient_id` is kept.
    """
    moment, last_id = before or (None, None)
    latest = RawSQL(  # noqa: S611 - the statement is ours, what it receives are parameters
        _LATEST, [list(actor.grantees), unread_only, moment, moment, last_id, PAGE + 1]
    )
    rows = list(
        Alert.objects.filter(pk__in=latest)
        .select_related("patient")
        .order_by("-raised_at", "-pk")[: PAGE + 1]
    )
    alerts = rows[:PAGE]
    more = len(rows) > PAGE
    return AlertPage(alerts, (alerts[-1].raised_at, alerts[-1].pk) if more else None)


def get_alert(*, actor: Actor, alert_id: int) -> Alert | None:
    """Return one of the actor's alerts with its person, or None."""
    return (
        Alert.objects.select_related("patient")
        .filter(pk=alert_id, recipient__in=actor.grantees)
        .first()
    )
