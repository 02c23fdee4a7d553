"""What can be asked of subscriptions: those about a person, those to tell, those that are over."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import CharField, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.documents.models import Document
from carbet.coordination.notebook.models import Note
from carbet.coordination.subscriptions.choices import EventType, SubscriptionStatus
from carbet.coordination.subscriptions.models import CommunicationRequest, Subscription
from carbet.core.actor import DataCategory, Level, organization_key
from carbet.core.sharing import Visibility

SHOWN = 50
# How far back the gathering looks: a worker that was down for a day loses nothing.
LOOKED_BACK = timedelta(days=1)
MOST_AT_ONCE = 200


@dataclass(frozen=True)
class Seen:
    """Something that happened here and that a subscription waits for."""

    event_type: str
    source: str
    patient_id: int
    at: datetime
    author_name: str
    author_rpps: str
    category: int


def of_patient(*, patient_id: int) -> list[Subscription]:
    """Return the subscriptions about a person, active ones first, in one query."""
    rows = Subscription.objects.filter(patient_id=patient_id).select_related("organization")
    return list(rows.order_by("status", "-pk")[:SHOWN])


def events_of(*, patient_id: int) -> list[CommunicationRequest]:
    """Return what happened to a person as other systems are told, the latest first."""
    return list(CommunicationRequest.objects.filter(patient_id=patient_id).order_by("-pk")[:20])


def active(*, now: datetime) -> QuerySet[Subscription]:
    """Return the subscriptions that hold now, by the time they gave themselves."""
    return Subscription.objects.filter(
        Q(end_at__isnull=True) | Q(end_at__gt=now),
        status=SubscriptionStatus.ACTIVE,
        start_at__lte=now,
    )


def may_still_read(subscription: Subscription, *, category: int = 0) -> bool:
    """Tell whether the structure of a subscription may still read the record.

    Args:
        category: what must be open to it as well (`DataCategory`).
    """
    keys = care_teams.keys_of_level(
        patient_id=subscription.patient_id, level=Level.READ, category=DataCategory(category)
    )
    return organization_key(subscription.organization_id) in keys


def waiting_after(*, pk: int, most: int = MOST_AT_ONCE) -> list[Subscription]:
    """Return the active subscriptions that follow this one, by number."""
    rows = Subscription.objects.filter(status=SubscriptionStatus.ACTIVE, pk__gt=pk)
    return list(rows.order_by("pk")[:most])


def unseen(*, now: datetime) -> Iterator[Seen]:
    """Yield the notes and documents that a subscription waits for and that made no event yet.

    Asked every minute by the house itself, so that writing a note costs nothing more. What is shown
    to chosen members only is no event: its existence is theirs to know. An event has the category
    of what it comes from.
    """
    for event_type, prefix, rows in (
        (EventType.NOT, "note", Note.objects.filter(withdrawn_at__isnull=True)),
        (EventType.DOC, "document", Document.objects.filter(attached_to="", status="current")),
    ):
        shown = rows.exclude(visibility=Visibility.CHOSEN)
        for row in _waited_for(shown, event_type, prefix, now=now):
            yield Seen(
                event_type,
                f"{prefix}:{row['pk']}",
                row["patient_id"],
                row["recorded_at"],
                row["author_name"],
                row["rpps"] or "",
                row["category"],
            )


def _waited_for(
    rows: QuerySet[Any], event_type: str, prefix: str, *, now: datetime
) -> QuerySet[Any, dict[str, Any]]:
    waits = active(now=now).filter(
        patient_id=OuterRef("patient_id"),
        event_type=event_type,
        start_at__lte=OuterRef("recorded_at"),
    )
    source = Concat(Value(f"{prefix}:"), Cast(OuterRef("pk"), CharField()))
    known = CommunicationRequest.objects.filter(source=source)
    found = rows.filter(Exists(waits), ~Exists(known), recorded_at__gte=now - LOOKED_BACK)
    return found.order_by("pk").values(
        "pk",
        "patient_id",
        "recorded_at",
        "author_name",
        "category",
        rpps=F("author_role__practitioner__rpps"),
    )[:MOST_AT_ONCE]
