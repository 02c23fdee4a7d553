"""Answer a mail: the receipt that it asks for, or its return with a reason. Once each."""

from datetime import datetime
from typing import Any

from carbet.connectors import mssante
from carbet.core import outbox
from carbet.core.models import OutboxMessage
from carbet.interop.secure_mail.choices import ErrorCode, MailStatus
from carbet.interop.secure_mail.models import IncomingMail, Mailbox
from carbet.interop.secure_mail.operations.leaving import leave
from carbet.interop.secure_mail.operations.receiving import RECEIPT, RETURN
from carbet.interop.secure_mail.queries import raw_of
from carbet.interop.secure_mail.rules import reading, writing


def ask_receipt(row: IncomingMail, *, now: datetime) -> None:
    """Write the receipt of a mail that asks for one, in the operation under way."""
    head = reading.heading(raw_of(row))
    if row.answered or not head.asks_receipt or head.automatic or not head.message_id:
        return
    row.answered = True
    code = "" if row.status == MailStatus.FILED else row.code or ErrorCode.OTHER
    outbox.send(
        RECEIPT,
        {"mail_id": row.pk, "code": str(code), "at": now.isoformat()},
        idempotency_key=f"{RECEIPT}:{row.pk}",
        now=now,
    )


def ask_return(row: IncomingMail, *, code: str, now: datetime) -> None:
    """Write the mail by which somebody sends a mail back, in the operation under way."""
    outbox.send(
        RETURN,
        {"mail_id": row.pk, "code": code, "at": now.isoformat()},
        idempotency_key=f"{RETURN}:{row.pk}",
        now=now,
    )


@outbox.sender(RECEIPT, label="Accusé d’un courrier sécurisé")
def send_receipt(message: OutboxMessage) -> None:
    """Send the receipt of a mail."""
    row, mailbox, said = _answered(message)
    raw = raw_of(row)
    data = writing.receipt(raw, code=message.payload["code"], **said)
    leave(mailbox, said["message_id"], (row.sender,), data, message)


@outbox.sender(RETURN, label="Retour d’un courrier sécurisé")
def send_return(message: OutboxMessage) -> None:
    """Send a mail back to who wrote it."""
    row, mailbox, said = _answered(message)
    subject = said.pop("original_subject")
    data = writing.returned(
        subject=subject, code=message.payload["code"], reason=row.reason, **said
    )
    leave(mailbox, said["message_id"], (row.sender,), data, message)


def _answered(message: OutboxMessage) -> tuple[IncomingMail, Mailbox, dict[str, Any]]:
    row = IncomingMail.objects.get(pk=message.payload["mail_id"])
    mailbox = Mailbox.objects.get(pk=row.mailbox_id)
    if not row.sender:
        raise outbox.CannotBeSent("ce courrier n’a pas d’expéditeur")
    code = message.payload["code"]
    said = {
        "sender": mailbox.address,
        "to": row.sender,
        "message_id": mssante.new_message_id(mailbox.address, message.idempotency_key),
        "original_id": row.message_id,
        "original_subject": row.subject,
        "label": str(ErrorCode(code).label) if code else "",
        "at": datetime.fromisoformat(message.payload["at"]),
    }
    return row, mailbox, said
