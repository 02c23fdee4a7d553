"""Tell establishments that ask for it whose numbers are crossed otherwise (ITI-10), in order.

A route says where. Decisions on identities are committed in the order of their numbers; each route
remembers the last one told. One message of the outbox carries a few decisions, and the next one is
written once it left or failed: an establishment hears of them in their order. What is told is what
is true when it leaves, and only where it differs from what was told before.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from carbet.core import outbox, row_security
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.models import OutboxMessage
from carbet.core.operation import operation
from carbet.interop.hospital_feed import access
from carbet.interop.hospital_feed.models import FeedRoute, ToldIdentity
from carbet.interop.hospital_feed.queries import asking
from carbet.interop.hospital_feed.rules import updates
from carbet.interop.hospital_feed.rules.answers import Told, pid
from carbet.registries.identity import queries as identities
from carbet.registries.identity.models import LocalIdentity

TOPIC = "feed.update"
# Decisions told by one message of the outbox: what is sent again when a line is cut.
MOST_DECISIONS = 50


def awaited() -> bool:
    """Tell whether any establishment asks to be told."""
    return FeedRoute.objects.filter(active=True).exclude(updates_host="").exists()


def is_late(*, now: datetime) -> bool:
    """Tell whether an establishment was not told of the latest decisions yet."""
    with row_security.acting_as(access.HOUSE, now=now, operation=TOPIC):
        last = identities.last_decision()
        behind = FeedRoute.objects.filter(active=True, updates_after__lt=last)
        return behind.exclude(updates_host="").exists()


@operation("feed.tell_updates", action="C")
def tell_updates(trace: Trace, *, actor: Actor, now: datetime) -> int:
    """Write what each establishment is to be told of the latest decisions. Return how many await.

    An establishment whose former message has not left yet waits for it.
    """
    written = 0
    last = identities.last_decision()
    routes = FeedRoute.objects.select_for_update().filter(active=True, updates_after__lt=last)
    for route in routes.exclude(updates_host="").order_by("pk"):
        if _leaving(route):
            continue
        crossing = identities.crossed_since(
            route.updates_after, organization_id=route.organization_id, most=MOST_DECISIONS
        )
        route.updates_after = crossing.last
        route.save(update_fields=["updates_after"])
        written += 1
        if crossing.identities:
            outbox.send(
                TOPIC,
                {"route": route.pk, "identities": [each.pk for each in crossing.identities]},
                idempotency_key=f"{TOPIC}:{route.pk}:{crossing.last}",
                now=now,
            )
    trace.about(entity=f"FeedRoute x{written}")
    return written


def _leaving(route: FeedRoute) -> bool:
    waiting = OutboxMessage.objects.filter(topic=TOPIC, status=OutboxMessage.Status.PENDING)
    return waiting.filter(payload__route=route.pk).exists()


@dataclass(frozen=True)
class Update:
    """One notification to send, and what to remember once it is taken."""

    data: bytes
    identity: LocalIdentity
    digest: str


def leaving(
    route: FeedRoute,
    wanted: list[int],
    *,
    number: int,
    is_repeat: bool,
    now: datetime,
    is_test: bool,
) -> Iterator[Update]:
    """Return the notifications of these identities that say something new, one by one.

    Args:
        number: of the message of the outbox: a repeat bears the same MSH-10.
        is_repeat: what left before may have been taken without an answer: all is told again.
    """
    asker = access.asker(route)
    before = dict(
        ToldIdentity.objects.filter(route=route, identity__in=wanted).values_list(
            "identity_id", "digest"
        )
    )
    found = LocalIdentity.objects.filter(pk__in=wanted, state="active").select_related("domain")
    for identity in found.order_by("pk"):
        with row_security.acting_as(asker, now=now, operation=asking.UPDATE):
            told = asking.crossed(actor=asker, route=route, identity=identity, now=now)
        alone = _digest(Told(told.numbers[:1]))
        digest = _digest(told)
        if not is_repeat and before.get(identity.pk, alone) == digest:
            continue
        yield Update(
            updates.written(
                told,
                application=route.application,
                facility=route.facility,
                number=f"X{number}.{identity.pk}",
                now=now,
                is_test=is_test,
            ),
            identity,
            digest,
        )


def keep_told(route: FeedRoute, update: Update, *, now: datetime) -> None:
    """Remember what an establishment was told."""
    ToldIdentity.objects.update_or_create(
        route=route,
        identity=update.identity,
        defaults={"digest": update.digest, "told_at": now},
    )


@operation("feed.doubt_told", action="E")
def doubt_told(
    trace: Trace, *, actor: Actor, now: datetime, route_id: int, wanted: list[int]
) -> None:
    """Remember that what an establishment knows of these identities is not known any more.

    A message that failed may have been taken in part: the next one tells them whatever it says.
    """
    for identity_id in wanted:
        ToldIdentity.objects.update_or_create(
            route_id=route_id,
            identity_id=identity_id,
            defaults={"digest": "", "told_at": now},
        )
    trace.about(entity=f"ToldIdentity x{len(wanted)}")


def _digest(told: Told) -> str:
    return hashlib.sha256(pid(1, told).encode()).hexdigest()
