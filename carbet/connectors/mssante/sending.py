"""Send a mail once, whatever is killed meanwhile.

Submission has no key of its own: a crash after the operator took a mail, and before we wrote it
down, would send it twice. So the mailbox itself keeps the log. A copy is put in a folder of ours
before anything is said to the operator, and the sender is among the recipients: the operator takes
the mail for all of them or for none. When a try finds its own copy arrived, the mail has left. When
it finds only the first copy, it waits: an hour without its own copy means that it never left.
"""

import smtplib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from carbet.connectors.mssante.client import (
    INBOX,
    SENDING,
    SENT,
    TAKEN,
    Account,
    Denied,
    opened,
    submit,
)

UNCERTAIN_FOR = timedelta(hours=1)


class Uncertain(Exception):
    """A former try may have left: it is too early to try again before `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__("un premier envoi est peut-être parti : nouvel essai plus tard")
        self.until = until


@dataclass(frozen=True)
class Envelope:
    """A mail ready to leave, under its Message-ID."""

    message_id: str
    recipients: tuple[str, ...]
    data: bytes = field(repr=False)


def send_once(
    account: Account,
    envelope: Envelope,
    *,
    now: datetime | None = None,
    uncertain_for: timedelta = UNCERTAIN_FOR,
) -> None:
    """Send a mail unless it has left already.

    Raises:
        Uncertain: a former try began less than `uncertain_for` ago, and nothing says how it ended.
        Denied, OSError, smtplib.SMTPException: the operator did not take it.
    """
    moment = now or datetime.now(UTC)
    with opened(account) as session:
        if any(session.holds(folder, envelope.message_id) for folder in (INBOX, SENT, TAKEN)):
            session.forget_intent(envelope.message_id)
            return
        begun = session.holds(SENDING, envelope.message_id)
        if begun is not None:
            if moment - begun < uncertain_for:
                raise Uncertain(begun + uncertain_for)
            session.forget_intent(envelope.message_id)
        session.keep(SENDING, envelope.data)
        try:
            submit(account, envelope.data, [*envelope.recipients, account.address])
        except Exception as error:
            # An SMTPException is an OSError too.
            if isinstance(error, (Denied, smtplib.SMTPResponseException)):
                # The operator answered no, for good or for now: nothing left.
                session.forget_intent(envelope.message_id)
            raise
