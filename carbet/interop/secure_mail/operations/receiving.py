"""Take a mail in: kept whole, before anything is read in it or moved on its server."""

from datetime import datetime

from django.db import connection

from carbet.connectors import mssante
from carbet.core import sealing
from carbet.core.actor import Actor
from carbet.core.append import append
from carbet.core.audit import Trace
from carbet.core.operation import operation
from carbet.interop.secure_mail.choices import ErrorCode, MailStatus
from carbet.interop.secure_mail.models import RAW_KIND, IncomingMail, Mailbox, OutgoingMail, RawMail
from carbet.interop.secure_mail.operations.waking import process_soon
from carbet.interop.secure_mail.rules import reading

# Topics of the outbox: what answers a mail, once each.
RECEIPT, RETURN = "secure_mail.receipt", "secure_mail.return"
TOO_LONG = "Ce courrier pèse plus de 45 Mo : il reste entier sur le serveur, sans être lu."


@operation("secure_mail.take", action="C")
def take(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    mailbox: Mailbox,
    uid: int,
    uid_validity: int,
    data: bytes,
    size: int,
    whole: bool = True,
) -> IncomingMail | None:
    """Keep a mail as it came; the same one again is one. None for our own copy of what we sent.

    Args:
        whole: `data` is all of it, not its header alone.
    """
    head = reading.heading(data)
    if _is_ours(mailbox, head):
        trace.about(entity="IncomingMail x0", reason="copie d’un envoi")
        return None
    with connection.cursor() as cursor:
        # Moved on its server means on disk here, whatever the database's own habit.
        cursor.execute("SET LOCAL synchronous_commit TO on")
    row, created = IncomingMail.objects.get_or_create(
        mailbox=mailbox,
        message_id=head.message_id,
        digest=head.digest,
        defaults={
            "owner": mailbox.owner,
            "received_at": now,
            "uid": uid,
            "uid_validity": uid_validity,
            "size": size,
            "sender": head.sender,
            "subject": head.subject,
            "due_at": now,
            "status": MailStatus.WAITING if whole else MailStatus.QUARANTINED,
            "code": "" if whole else ErrorCode.OTHER,
            "reason": "" if whole else TOO_LONG,
        },
    )
    if created:
        key = sealing.sealing_key()
        sealed = sealing.sealed(data, key=key, file_id=row.pk, rank=0, kind=RAW_KIND)
        append(
            [RawMail(mail_id=row.pk, data=sealed, sealed_with=key, whole=whole, recorded_at=now)]
        )
        process_soon()
    trace.about(entity=row, reason="" if created else "déjà reçu")
    return row


def _is_ours(mailbox: Mailbox, head: reading.Heading) -> bool:
    """Tell whether this is the copy that comes back of a document, a receipt or a return sent."""
    if not head.message_id or head.sender != mailbox.address:
        return False
    if OutgoingMail.objects.filter(mailbox=mailbox, message_id=head.message_id).exists():
        return True
    answered = IncomingMail.objects.filter(mailbox=mailbox, message_id=head.in_reply_to)
    return any(
        mssante.new_message_id(mailbox.address, f"{topic}:{number}") == head.message_id
        for number in answered.values_list("pk", flat=True)
        for topic in (RECEIPT, RETURN)
    )
