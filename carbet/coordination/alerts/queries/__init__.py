"""What can be asked of alerts: how many wait, which, what became of them, for whoever reads."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from carbet.coordination.alerts.models import (
    Alert,
    AlertDelivery,
    AlertPersonRule,
    AlertSetting,
    AlertStep,
    Escalation,
    PushDevice,
)
from carbet.core.actor import Actor, account_key, role_key
from carbet.registries.directory.models import PractitionerRole

PAGE = 25

# Each recipient's latest alerts come from its index: a page costs the same at any depth.
_LATEST = """
SELECT latest.id FROM unnest(%s::text[]) key, LATERAL (
  SELECT a.id FROM alerts_alert a
  WHERE a.recipient = key AND (NOT %s OR a.read_at IS NULL)
    AND (NOT %s OR a.urgent) AND (%s = '' OR a.kind = %s)
    AND (%s::timestamptz IS NULL OR (a.raised_at, a.id) < (%s::timestamptz, %s::bigint))
  ORDER BY a.raised_at DESC, a.id DESC LIMIT %s
) latest
"""


@dataclass(frozen=True)
class AlertPage:
    """One page of alerts, and the place where the next one begins (None at the end)."""

    alerts: list[Alert]
    next_before: tuple[datetime, int] | None


# Told as oneself and as one's structure, one thing that happened is one alert on screen.
SAME = ("occurrence",)


def unread_count(*, actor: Actor) -> int:
    """Return how many alerts wait for the actor, in one query."""
    return waiting(actor=actor).count()


def waiting(*, actor: Actor) -> QuerySet[Alert, dict[str, Any]]:
    """Return the things that wait for the actor, each once, for the count of the menu."""
    return unread(actor=actor).order_by().values(*SAME).distinct()


def unread(*, actor: Actor) -> QuerySet[Alert]:
    """Return the alerts that nobody has read yet among those sent to the actor."""
    return Alert.objects.filter(recipient__in=actor.grantees, read_at__isnull=True)


def unread_with_copies(*, actor: Actor, alert_ids: list[int]) -> QuerySet[Alert]:
    """Return these alerts where still unread, with their copies sent to the actor's other keys."""
    mine = Alert.objects.filter(pk__in=alert_ids, recipient__in=actor.grantees)
    copies = Q(pk__in=[])
    for same in mine.values(*SAME):
        copies |= Q(**same)
    return unread(actor=actor).filter(copies)


def alerts_for(
    *,
    actor: Actor,
    unread_only: bool = False,
    urgent_only: bool = False,
    kind: str = "",
    before: tuple[datetime, int] | None = None,
) -> AlertPage:
    """Return the actor's alerts, the latest first, 25 a page, each with its person, in one query.

    A person whose record is no longer open to the actor is None while `patient_id` is kept.
    """
    moment, last_id = before or (None, None)
    latest = RawSQL(  # noqa: S611 - the statement is ours, what it receives are parameters
        _LATEST,
        [
            list(actor.grantees),
            unread_only,
            urgent_only,
            kind,
            kind,
            moment,
            moment,
            last_id,
            PAGE + 1,
        ],
    )
    rows = list(
        Alert.objects.filter(pk__in=latest)
        .select_related("patient")
        .order_by("-raised_at", "-pk")[: PAGE + 1]
    )
    shown = rows[:PAGE]
    more = len(rows) > PAGE
    return AlertPage(_without_copies(shown), (shown[-1].raised_at, shown[-1].pk) if more else None)


def _without_copies(alerts: list[Alert]) -> list[Alert]:
    """Keep one alert of each thing that happened: unread first, then the one sent in person."""
    kept: dict[tuple[object, ...], Alert] = {}
    for alert in alerts:
        same = tuple(getattr(alert, name) for name in SAME)
        other = kept.get(same)
        if other is None or _rank(alert) > _rank(other):
            kept[same] = alert
    return list(kept.values())


def _rank(alert: Alert) -> tuple[bool, bool]:
    return alert.read_at is None, not alert.recipient.startswith("org:")


def urgent_unread(*, actor: Actor, most: int = 5) -> list[Alert]:
    """Return the urgent alerts that wait for the actor, each with its person, in one query."""
    return alerts_for(actor=actor, unread_only=True, urgent_only=True).alerts[:most]


def get_alert(*, actor: Actor, alert_id: int) -> Alert | None:
    """Return one of the actor's alerts with its person, or None."""
    return (
        Alert.objects.select_related("patient")
        .filter(pk=alert_id, recipient__in=actor.grantees)
        .first()
    )


def own_key(actor: Actor) -> str:
    """Return the key under which the actor's own wishes are kept: the role, or the account."""
    return role_key(actor.role_id) if actor.role_id else account_key(actor.account_id or 0)


def escalations(*, occurrences: list[UUID]) -> dict[UUID, Escalation]:
    """Return what became of these occurrences, those that climb or climbed, in one query."""
    found = Escalation.objects.filter(occurrence__in=occurrences) if occurrences else ()
    return {escalation.occurrence: escalation for escalation in found}


def steps(*, occurrence: UUID) -> list[AlertStep]:
    """Return what happened to an urgent alert, the first step first."""
    return list(AlertStep.objects.filter(occurrence=occurrence).order_by("at", "pk")[:50])


def caller(*, alert: Alert) -> PractitionerRole | None:
    """Return the professional who raised an alert, to be called back."""
    if alert.raised_by_role_id is None:
        return None
    return (
        PractitionerRole.objects.select_related("practitioner", "organization")
        .filter(pk=alert.raised_by_role_id)
        .first()
    )


def setting(*, actor: Actor) -> AlertSetting | None:
    """Return how the actor chose to be told, or None when nothing was chosen."""
    return AlertSetting.objects.filter(owner=own_key(actor)).first()


def devices(*, actor: Actor) -> list[PushDevice]:
    """Return the browsers that the actor is notified on."""
    mine = PushDevice.objects.filter(owner=own_key(actor), gone_at__isnull=True)
    return list(mine.order_by("-added_at")[:10])


def person_rules(*, actor: Actor) -> list[AlertPersonRule]:
    """Return what the actor chose for persons whose record is open, 50 at most."""
    mine = AlertPersonRule.objects.filter(owner=own_key(actor)).exclude(choice="all")
    rows = mine.select_related("patient").order_by("-updated_at")[:50]
    return [rule for rule in rows if rule.patient is not None]


def person_rule(*, actor: Actor, patient_id: int) -> AlertPersonRule | None:
    """Return what the actor chose for one person, or None."""
    return AlertPersonRule.objects.filter(owner=own_key(actor), patient_id=patient_id).first()


def deliveries(
    *, actor: Actor, occurrence: UUID | None = None, most: int = 10
) -> list[AlertDelivery]:
    """Return the latest notices to the actor, or those of one occurrence."""
    mine = AlertDelivery.objects.filter(owner=own_key(actor)).select_related("device")
    if occurrence is not None:
        mine = mine.filter(occurrence=occurrence)
    return list(mine.order_by("-pk")[:most])
