"""What the feed hears of the house: the shared record answered about a document."""

from typing import Any

from django.dispatch import receiver

from carbet.connectors import dmp
from carbet.core import outbox
from carbet.core.clock import now as current_time
from carbet.core.models import OutboxMessage
from carbet.interop.hospital_feed import access
from carbet.interop.hospital_feed.operations import receipts


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
