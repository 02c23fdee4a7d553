"""How mails are shown: to whom, from whom, what became of them, what somebody may decide."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from carbet.core import home
from carbet.core.actor import Actor
from carbet.core.models import OutboxMessage
from carbet.interop.secure_mail import queries
from carbet.interop.secure_mail.choices import ErrorCode, MailStatus, SendingStatus
from carbet.interop.secure_mail.models import IncomingMail, OutgoingMail
from carbet.interop.secure_mail.rules.reading import PREFIX

TONES = {
    MailStatus.WAITING: ("info", "clock"),
    MailStatus.FILED: ("success", "check"),
    MailStatus.TO_FILE: ("warning", "people"),
    MailStatus.QUARANTINED: ("danger", "danger"),
    MailStatus.RECEIPT: ("neutral", "check"),
    MailStatus.RETURNED: ("neutral", "arrow-right"),
}
SENDING_TONES = {
    SendingStatus.PENDING: ("info", "clock"),
    SendingStatus.SENT: ("success", "check"),
    SendingStatus.FAILED: ("danger", "danger"),
    SendingStatus.CANCELLED: ("neutral", "close"),
}
# The tabs, what needs somebody first.
SHOWN = [
    (status.value, str(status.label))
    for status in (
        MailStatus.TO_FILE,
        MailStatus.QUARANTINED,
        MailStatus.FILED,
        MailStatus.RECEIPT,
        MailStatus.RETURNED,
        MailStatus.WAITING,
    )
]


@dataclass(frozen=True)
class MailLine:
    """A mail that came, as its owner sees it."""

    pk: int
    title: str
    sender: str
    received_at: datetime
    status: str
    label: str
    tone: str
    icon: str
    code: str
    code_label: str
    reason: str
    settled_by: str
    patient_id: int | None
    size: int
    may_file: bool
    may_decide: bool
    may_reconsider: bool


def mail_line(row: IncomingMail) -> MailLine:
    """Return a mail as a line."""
    status = MailStatus(row.status)
    tone, icon = TONES[status]
    by_hand = status == MailStatus.FILED and bool(row.settled_by_name) and not row.reason
    return MailLine(
        pk=row.pk,
        title=row.subject.removeprefix(PREFIX) or "Sans objet",
        sender=row.sender or "Expéditeur absent",
        received_at=row.received_at,
        status=status.value,
        label=str(status.label),
        tone=tone,
        icon=icon,
        code=row.code,
        code_label=str(ErrorCode(row.code).label) if row.code else "",
        reason=row.reason,
        settled_by=row.settled_by_name,
        patient_id=row.patient_id,
        size=row.size,
        may_file=status == MailStatus.TO_FILE,
        may_decide=status in (MailStatus.TO_FILE, MailStatus.QUARANTINED),
        may_reconsider=status == MailStatus.QUARANTINED or by_hand,
    )


@dataclass(frozen=True)
class SentLine:
    """A mail that leaves or left, as its owner sees it."""

    pk: int
    title: str
    recipients: list[str]
    mailbox: str
    requested_at: datetime
    author: str
    label: str
    tone: str
    icon: str
    error: str
    due_at: datetime | None
    simulated: bool
    receipts: list[dict[str, str]]
    may_cancel: bool
    may_retry: bool


def sent_line(row: OutgoingMail, message: OutboxMessage | None) -> SentLine:
    """Return a mail sent as a line; what failed says so by its row in the outbox."""
    status = SendingStatus(row.status)
    if status == SendingStatus.PENDING and message is not None:
        status = SendingStatus(message.status)
    tone, icon = SENDING_TONES[status]
    waiting = status == SendingStatus.PENDING
    return SentLine(
        pk=row.pk,
        title=row.title,
        recipients=[
            "la boîte de la personne" if row.to_patient and n == len(row.recipients) else each
            for n, each in enumerate(row.recipients, 1)
        ],
        mailbox=row.mailbox.address,
        requested_at=row.requested_at,
        author=row.author_name,
        label=str(status.label),
        tone=tone,
        icon=icon,
        error=message.last_error if message and status != SendingStatus.SENT else "",
        due_at=message.due_at if message and waiting and message.attempts else None,
        simulated=bool(message) and not row.mailbox.server,
        receipts=row.receipts,
        may_cancel=status in (SendingStatus.PENDING, SendingStatus.FAILED),
        may_retry=status == SendingStatus.FAILED,
    )


def to_file(*, actor: Actor, now: datetime) -> QuerySet[IncomingMail, dict[str, Any]] | None:
    """Return the mails that wait for the actor's decision, the latest first."""
    return queries.to_file(actor=actor)


def to_file_line(row: dict[str, Any], *, now: datetime) -> home.Line:
    """Return a mail to file as a line of the front page."""
    return home.Line(
        title=row["subject"].removeprefix(PREFIX) or "Sans objet",
        href=reverse("secure_mail:mail", args=[row["pk"]]),
        text=row["reason"],
        at=home.moment(row["received_at"]),
    )


HOME = home.Block(
    key="mail",
    title="Courriers à classer",
    icon="mail",
    rows=to_file,
    line=to_file_line,
    more=("secure_mail:tray", "Tout le courrier"),
    order=55,
    aside=True,
)
