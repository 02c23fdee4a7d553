"""Receipts of business: sent to whoever asked for one, read when they come."""

import hashlib
from datetime import datetime

from carbet.coordination.documents.choices import Origin
from carbet.coordination.documents.models import Document, File
from carbet.core import outbox
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import operation
from carbet.interop.hospital_feed.choices import MessageStatus
from carbet.interop.hospital_feed.models import AwaitedReading, FeedRoute, HospitalMessage
from carbet.interop.hospital_feed.operations.effects import Effect, Task
from carbet.interop.hospital_feed.operations.keeping import route_of, text_of
from carbet.interop.hospital_feed.rules import documents, reading, receipts
from carbet.interop.hospital_feed.rules import header as headers
from carbet.interop.hospital_feed.rules.header import Unacceptable
from carbet.registries.directory.models import PractitionerRole

TOPIC = "feed.receipt"
_NOT_FILED = ("554", "document non intégré")


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


@operation("feed.tell_deposit", action="E")
def tell_deposit(
    trace: Trace, *, actor: Actor, now: datetime, document_id: int, number: int, refused: str
) -> bool:
    """Tell a hospital what the shared record answered of its document (Z01), if it awaits that.

    Args:
        number: the version of the file that was deposited.
        refused: the code of a refusal; nothing when the shared record took it.
    """
    file = (
        File.objects.filter(document_id=document_id, number=number)
        .exclude(document__origin__in=(Origin.HERE, Origin.WRITTEN))
        .first()
    )
    row = _bringer(file) if file is not None else None
    route = route_of(row) if row is not None else None
    if row is None or route is None or not route.receipts_host:
        trace.about(entity="HospitalMessage x0")
        return False
    outbox.send(
        TOPIC,
        {"message": row.pk, "accepted": not refused, "event": receipts.DEPOSITED, "code": refused},
        idempotency_key=f"{TOPIC}:deposit:{row.pk}:{number}:{refused or 'taken'}",
        now=now,
        patient_id=row.patient_id,
    )
    trace.about(patient_id=row.patient_id, entity=row, reason=refused or "pris par le DMP")
    return True


def _bringer(file: File) -> HospitalMessage | None:
    """Return the message that brought a file for the shared record, and awaits to hear of it.

    What a message brings is filed at the very moment at which the message is settled.
    """
    rows = HospitalMessage.objects.filter(
        patient_id=file.patient_id,
        type__in=("MDM", "ORU"),
        status=MessageStatus.DONE,
        settled_at=file.recorded_at,
    )
    for row in rows.order_by("pk")[:20]:
        try:
            message = reading.parse(headers.text_of(text_of(row), row.charset))
            said = documents.read(message, row.event)
        except Unacceptable:
            continue
        if not (said.wants_receipt and said.for_shared_record):
            continue
        if any(hashlib.sha256(each.data).hexdigest() == file.digest for each in said.carried):
            return row
    return None


def leaving(
    *,
    message_id: int,
    now: datetime,
    accepted: bool = True,
    event: str = receipts.FILED,
    reader: int | None = None,
    code: str = "",
    is_sandbox: bool = False,
) -> tuple[str, int, bytes] | None:
    """Return where a receipt goes and its text, None when its sender has no route any more.

    Args:
        reader: the role of who read the document (Z03).
        code: why the shared record refused it (Z01).
        is_sandbox: no true shared record answers here.
    """
    row = HospitalMessage.objects.get(pk=message_id)
    route = route_of(row)
    if route is None or not route.receipts_host or route.receipts_port is None:
        return None
    data = text_of(row)
    message = reading.parse(headers.text_of(data, row.charset))
    number, who = {
        receipts.DEPOSITED: (f"DMP{row.pk}.{now:%d%H%M%S}", ("", "")),
        receipts.FILED: (f"ZAM{row.pk}", next(iter(receipts.addressees(message)), ("", ""))),
        receipts.READ: (f"LU{row.pk}.{reader}", _reader(reader)),
    }[event]
    return (
        route.receipts_host.strip("[]"),
        route.receipts_port,
        receipts.written(
            headers.read(data, production=False),
            number=number,
            now=now,
            event=event,
            accepted=accepted,
            why=(code, "refusé par le DMP") if code else _NOT_FILED,
            addressee=who,
            is_test=is_sandbox and event == receipts.DEPOSITED,
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
