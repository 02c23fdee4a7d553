"""How a subscription and an event are shown: who is told of what, by which way, since when."""

from dataclasses import dataclass
from datetime import datetime

from carbet.coordination.subscriptions import rules
from carbet.coordination.subscriptions.choices import ChannelType, EventType, SubscriptionStatus
from carbet.coordination.subscriptions.models import CommunicationRequest, Subscription

TONES = {
    SubscriptionStatus.ACTIVE: "success",
    SubscriptionStatus.ERROR: "danger",
    SubscriptionStatus.OFF: "neutral",
}


@dataclass(frozen=True)
class SubscriptionLine:
    """One line: the address of a subscriber is never shown whole."""

    pk: int
    event: str
    subscriber: str
    structure: str
    way: str
    since: datetime
    until: datetime | None
    notified_at: datetime | None
    notified_count: int
    status: str
    tone: str
    stop_reason: str
    stopped_at: datetime | None
    active: bool


def line(row: Subscription) -> SubscriptionLine:
    """Return a subscription as a line."""
    status = SubscriptionStatus(row.status)
    way = f"{ChannelType(row.channel).label} {rules.masked(row.channel, row.endpoint)}"
    return SubscriptionLine(
        pk=row.pk,
        event=EventType(row.event_type).label,
        subscriber=row.subscriber_name or row.subscriber_value,
        structure=row.organization.name,
        way=way,
        since=row.start_at,
        until=row.end_at,
        notified_at=row.notified_at,
        notified_count=row.notified_count,
        status=status.label,
        tone=TONES[status],
        stop_reason=row.stop_reason,
        stopped_at=row.stopped_at,
        active=status == SubscriptionStatus.ACTIVE,
    )


def event_line(row: CommunicationRequest) -> tuple[str, str, datetime]:
    """Return what happened, who said so, and when it was."""
    what = EventType(row.event_type).label
    who = row.requester_name or row.requester_value
    return f"{what} (annulé)" if row.revoked_at else what, who, row.event_at
