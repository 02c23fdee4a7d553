"""Receipts of business: sent to whoever asked for one, read when they come."""

from datetime import datetime

from carbet.coordination.documents.models import Document
from carbet.core import outbox
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import operation
from carbet.interop.hospital_feed.choices import MessageStatus
from carbet.interop.hospital_feed.models import AwaitedReading, FeedRoute, HospitalMessage
from carbet.interop.hospital_feed.operations.effects import Effect, Task
from carbet.interop.hospital_feed.operations.keeping import route_of, text_of
from carbet.interop.hospital_feed.rules import header as headers
from carbet.interop.hospital_feed.rules import reading, receipts
from carbet.registries.directory.models import PractitionerRole

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


def await_reading(task: Task, document: Document) -> None:
    """Remember that the sender awaits to be told once somebody has read the document."""
    if task.route.receipts_host:
        AwaitedReading.objects.get_or_create(
            message=task.row, document=document, defaults={"filed_at": task.now}
        )


@operation("feed.reading.tell", action="C")
def tell_reading(
    trace: Trace, *, actor: Actor, now: datetime, awaited_id: int, role_id: int | None
) -> None:
    """Tell a sender that its document was opened, once.

    Args:
        role_id: of who opened it first.
    """
    row = (
        AwaitedReading.objects.select_for_update(of=("self",))
        .select_related("message", "document")
        .get(pk=awaited_id)
    )
    patient_id = row.document.patient_id
    trace.about(patient_id=patient_id, entity=row.document, reason="lu, l’établissement l’apprend")
    if row.told_at is not None:
        return
    row.told_at = now
    row.save(update_fields=["told_at"])
    outbox.send(
        TOPIC,
        {"message": row.message_id, "event": receipts.READ, "reader": role_id},
        idempotency_key=f"{TOPIC}:read:{row.pk}",
        now=now,
        patient_id=patient_id,
    )


def leaving(
    *,
    message_id: int,
    now: datetime,
    accepted: bool = True,
    event: str = receipts.FILED,
    reader: int | None = None,
) -> tuple[str, int, bytes] | None:
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
            number=f"ZAM{row.pk}" if event == receipts.FILED else f"LU{row.pk}.{reader}",
            now=now,
            event=event,
            accepted=accepted,
            why="document non intégré",
            addressee=next(iter(receipts.addressees(message)), ("", ""))
            if event == receipts.FILED
            else _reader(reader),
        ),
    )


def _reader(role_id: int | None) -> tuple[str, str]:
    """Return the national identifier and the secure address of whoever read a document."""
    role = PractitionerRole.objects.filter(pk=role_id).select_related("practitioner").first()
    if role is None or not role.practitioner.rpps:
        return "", ""
    return f"8{role.practitioner.rpps}", role.secure_email


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
