"""What the feed hears of the house: the shared record answered, identities were decided on."""

from typing import Any

from django.dispatch import receiver

from carbet.connectors import dmp
from carbet.core import outbox
from carbet.core.clock import now as current_time
from carbet.core.models import OutboxMessage
from carbet.interop.hospital_feed import access
from carbet.interop.hospital_feed.operations import receipts, updates, wake_updates
from carbet.registries.identity.operations import decided


@receiver(outbox.settled)
def tell_deposit(sender: Any, *, message: OutboxMessage, **_: Any) -> None:
    """Tell the hospital that sent it. What never reached the shared record is no answer of its."""
    said = message.payload
    if message.topic != dmp.TOPIC or "document" not in said:
        return
    was_taken = message.status == OutboxMessage.Status.SENT
    if was_taken or "refused" in said:
        receipts.tell_deposit(
            actor=access.HOUSE,
            now=current_time(),
            document_id=said["document"],
            number=said["number"],
            refused="" if was_taken else next(iter(said["refused"]), "XDSRegistryError")[:100],
        )


@receiver(decided)
def tell_whose_numbers_are_crossed(sender: Any, **_: Any) -> None:
    """Call the worker once the decision is there, where an establishment asks to be told."""
    if updates.awaited():
        wake_updates()


@receiver(outbox.settled)
def tell_the_next(sender: Any, *, message: OutboxMessage, **_: Any) -> None:
    """Go on with the decisions that waited for a former message to leave."""
    if message.topic != updates.TOPIC:
        return
    if message.status == OutboxMessage.Status.FAILED:
        updates.doubt_told(
            actor=access.HOUSE,
            now=current_time(),
            route_id=message.payload["route"],
            wanted=message.payload["identities"],
        )
    wake_updates()
