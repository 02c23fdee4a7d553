"""Say which establishment a sender is: without a route, what it sends waits."""

import re
import uuid
from datetime import datetime

from django.db import IntegrityError, transaction

from carbet.core import row_security
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation
from carbet.interop.hospital_feed import access
from carbet.interop.hospital_feed.choices import MessageStatus
from carbet.interop.hospital_feed.models import FeedRoute, HospitalMessage
from carbet.interop.hospital_feed.operations.waking import wake
from carbet.registries.directory.models import Organization
from carbet.registries.identity import queries as identities

_ADDRESS = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9.-]{0,190}|\[[0-9A-Fa-f:]{2,45}\]):([0-9]{1,5})", re.ASCII
)


class UnableToRoute(UnableTo):
    """The route cannot be opened as given."""


@operation("feed.open_route", action="C")
def open_route(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    facility: str,
    organization: Organization,
    application: str = "",
    receipts_to: str = "",
    updates_to: str = "",
    gesture: uuid.UUID | None = None,
) -> FeedRoute:
    """Let a sender in, as an establishment; what waited for a route gets another turn.

    Args:
        facility: MSH-4 as it is sent; `application`, MSH-3, when it must be told apart.
        receipts_to: where its receipts of business go, "host:port"; nowhere when empty.
        updates_to: where it is told that its identities are crossed otherwise, from now on.

    Raises:
        UnableToAct: the actor does not operate the house.
        UnableToRoute: no facility, an address that is none, or the sender has a route.
    """
    house = access.keeper(actor)
    facility, application = facility.strip(), application.strip()
    if not facility:
        raise UnableToRoute("Indiquez le code de l’établissement émetteur.", field="facility")
    host, port = _address(receipts_to.strip(), field="receipts_to")
    told_host, told_port = _address(updates_to.strip(), field="updates_to")
    done = FeedRoute.objects.filter(gesture=gesture).first() if gesture else None
    if done is not None:
        trace.about(entity=done)
        return done
    row = FeedRoute(
        facility=facility,
        application=application,
        organization=organization,
        receipts_host=host,
        receipts_port=port,
        updates_host=told_host,
        updates_port=told_port,
        created_at=now,
        created_by=actor.display_name,
        updated_at=now,
        gesture=gesture,
    )
    with row_security.acting_as(house, now=now, operation="feed.open_route"):
        row.updates_after = identities.last_decision()
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise UnableToRoute("Cet émetteur a déjà une route.", field="facility") from error
    with row_security.acting_as(house, now=now, operation="feed.open_route"):
        waited = HospitalMessage.objects.filter(
            status=MessageStatus.DEAD, error_place="MSH-4", facility=facility
        )
        if application:
            waited = waited.filter(application=application)
        waited.update(status=MessageStatus.WAITING, attempts=0, due_at=now)
        wake()
    trace.about(entity=row, reason=facility)
    return row


@operation("feed.close_route")
def close_route(trace: Trace, *, actor: Actor, now: datetime, route_id: int) -> FeedRoute:
    """Close a route: what its sender sends waits again.

    Raises:
        UnableToAct: the actor does not operate the house.
        UnableToRoute: it is closed already.
    """
    access.keeper(actor)
    row = FeedRoute.objects.select_for_update().filter(pk=route_id, active=True).first()
    if row is None:
        raise UnableToRoute("Cette route est déjà fermée.")
    row.active, row.updated_at = False, now
    row.save(update_fields=["active", "updated_at"])
    trace.about(entity=row, reason=row.facility)
    return row


def _address(text: str, *, field: str) -> tuple[str, int | None]:
    """Return the host and the port of "host:port", or nothing.

    Raises:
        UnableToRoute: it is no address.
    """
    if not text:
        return "", None
    found = _ADDRESS.fullmatch(text)
    if found is None or not 0 < int(found[2]) < 65_536:
        raise UnableToRoute(
            "Un nom ou une adresse, deux points et un port : 10.1.2.3:2576.", field=field
        )
    return found[1], int(found[2])
