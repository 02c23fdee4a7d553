"""Carry out what came: a receipt noted, documents filed by identity, else a tray."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, transaction

from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation
from carbet.core.outbox import backoff
from carbet.interop.secure_mail import access
from carbet.interop.secure_mail.choices import ErrorCode, MailStatus
from carbet.interop.secure_mail.models import IncomingMail, Mailbox, OutgoingMail
from carbet.interop.secure_mail.operations.answering import ask_receipt
from carbet.interop.secure_mail.operations.filing import file_all, identify
from carbet.interop.secure_mail.queries import raw_of
from carbet.interop.secure_mail.rules import contents, reading
from carbet.interop.secure_mail.rules.contents import Doubtful, Refused

MOST_ATTEMPTS = 6
NO_ARCHIVE = "Courrier sans archive IHE_XDM.zip : à lire, puis à classer."


@dataclass(frozen=True)
class Done:
    """What one turn did: whether there was anything to do."""

    worked: bool
    retry_in: timedelta | None = None


@operation("secure_mail.process")
def process_next(trace: Trace, *, actor: Actor, now: datetime) -> Done:
    """Carry out the oldest mail whose turn it is; its effect and its state are one commit.

    What fails by accident is tried again, then waits in the tray: no mail is lost.
    """
    row = (
        IncomingMail.objects.select_for_update(skip_locked=True)
        .filter(status=MailStatus.WAITING, due_at__lte=now)
        .order_by("pk")
        .first()
    )
    if row is None:
        trace.about(entity="IncomingMail x0")
        return Done(worked=False)
    row.attempts += 1
    retry_in = None
    try:
        with transaction.atomic():
            asked = _carry_out(row, now=now)
    except Refused as error:
        asked = _stop(row, MailStatus.QUARANTINED, error.code, error.reason, now=now)
    except Doubtful as error:
        asked = _stop(row, MailStatus.TO_FILE, error.code, error.reason, now=now)
    except UnableTo as error:
        asked = _stop(row, MailStatus.TO_FILE, ErrorCode.OTHER, error.message, now=now)
    except (OperationalError, InterfaceError):
        # The database itself: this transaction is lost, and the mail is still to be done.
        raise
    except Exception as error:  # noqa: BLE001 - whatever a room raises is shown
        asked = False
        said = f"Essai {row.attempts} : {type(error).__name__}"
        if row.attempts >= MOST_ATTEMPTS:
            asked = _stop(row, MailStatus.TO_FILE, ErrorCode.OTHER, said, now=now)
        else:
            retry_in = backoff(row.attempts)
            row.due_at, row.reason = now + retry_in, said
    if asked:
        ask_receipt(row, now=now)
    row.save()
    trace.about(patient_id=row.patient_id, entity=row, reason=row.get_status_display())
    return Done(worked=True, retry_in=retry_in)


def _carry_out(row: IncomingMail, *, now: datetime) -> bool:
    """Carry out one mail. Return whether a receipt is to be written if it asks for one."""
    mail = reading.read(raw_of(row))
    mailbox = Mailbox.objects.get(pk=row.mailbox_id)
    if mail.receipt is not None:
        _note_receipt(row, mailbox, mail.receipt, now=now)
        return False
    found = contents.carried(mail)
    if not found:
        # A letter between people: no system's receipt is due.
        _stop(row, MailStatus.TO_FILE, "", NO_ARCHIVE, now=now)
        return False
    patient = identify(mailbox, found)
    numbers, new = file_all(row, found, patient, actor=access.receiver(mailbox), now=now)
    row.status, row.code, row.settled_at = MailStatus.FILED, "", now
    row.patient_id, row.document_ids = patient.pk, numbers
    row.reason = "" if new else "Déjà dans le dossier."
    return True


def _note_receipt(
    row: IncomingMail, mailbox: Mailbox, receipt: reading.Receipt, *, now: datetime
) -> None:
    """Write what a receipt says on the mail that it answers."""
    row.status, row.settled_at = MailStatus.RECEIPT, now
    known = ErrorCode.values
    row.code = receipt.code if receipt.code in known else ErrorCode.OTHER if receipt.code else ""
    sent = (
        OutgoingMail.objects.select_for_update()
        .filter(mailbox=mailbox, message_id=receipt.original)
        .first()
        if receipt.original
        else None
    )
    if sent is None:
        row.reason = "Accusé d’un courrier que Carbet n’a pas envoyé."
        return
    row.reason = "Accusé d’un document envoyé."
    said = {
        "from": row.sender,
        "code": row.code,
        "label": str(ErrorCode(row.code).label) if row.code else "Intégré",
        "detail": receipt.label,
        "at": now.isoformat(),
    }
    # Anybody may write to a mailbox: only who was written to is believed.
    if row.sender not in sent.recipients:
        row.reason = "Accusé venu d’une adresse à qui rien n’a été envoyé."
        return
    if not any(each["from"] == row.sender for each in sent.receipts):
        sent.receipts = [*sent.receipts, said]
        sent.save(update_fields=["receipts"])


def _stop(row: IncomingMail, status: str, code: str, reason: str, *, now: datetime) -> bool:
    row.status, row.code, row.reason = status, code, reason[:300]
    return True
