"""Receipts of business: sent to whoever asked for one, read when they come."""

from datetime import datetime

from carbet.core import outbox
from carbet.interop.hospital_feed.choices import MessageStatus
from carbet.interop.hospital_feed.models import FeedRoute, HospitalMessage
from carbet.interop.hospital_feed.operations.effects import Effect, Task
from carbet.interop.hospital_feed.operations.keeping import route_of, text_of
from carbet.interop.hospital_feed.rules import header as headers
from carbet.interop.hospital_feed.rules import reading, receipts

TOPIC = "feed.receipt"


def ask(row: HospitalMessage, route: FeedRoute, *, accepted: bool, now: datetime) -> None:
    """Send a receipt of the document that a message brought, once, where its sender awaits it."""
    if not route.receipts_host:
        return
    outbox.send(
        TOPIC,
        {"message": row.pk, "accepted": accepted},
        idempotency_key=f"{TOPIC}:{row.pk}",
        now=now,
        patient_id=row.patient_id,
    )


def leaving(*, message_id: int, accepted: bool, now: datetime) -> tuple[str, int, bytes] | None:
    """Return where a receipt goes and its text, None when its sender has no route any more."""
    row = HospitalMessage.objects.get(pk=message_id)
    route = route_of(row)
    if route is None or not route.receipts_host or route.receipts_port is None:
        return None
    data = text_of(row)
    message = reading.parse(headers.text_of(data, row.charset))
    return (
        route.receipts_host.strip("[]"),
        route.receipts_port,
        receipts.written(
            headers.read(data, production=False),
            number=f"ZAM{row.pk}",
            now=now,
            accepted=accepted,
            why="document non intégré",
            addressee=next(iter(receipts.addressees(message)), ("", "")),
        ),
    )


def record(task: Task) -> Effect:
    """Read a receipt: it is joined to the message of which it speaks, when that came through here.

    Raises:
        Unacceptable: with the exact place.
    """
    said = receipts.read(task.message, task.row.event)
    msh = task.message.required("MSH")
    original = (
        HospitalMessage.objects.filter(
            control_id=said.original,
            application=msh.component(5),
            facility=msh.component(6),
            type__in=("MDM", "ORU"),
        )
        .order_by("-pk")
        .first()
    )
    answer = "oui" if said.accepted else f"non, {said.error or 'sans raison dite'}"
    if original is None:
        return Effect(
            f"{said.label} : {answer}. Le message dont il parle n’est pas passé par ici.",
            status=MessageStatus.IGNORED,
        )
    return Effect(f"{said.label} du n° {original.pk} : {answer}.", original.patient_id)
