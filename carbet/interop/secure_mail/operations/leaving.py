"""Hand a mail to the operator of its mailbox, once whatever is killed meanwhile."""

from carbet.connectors import mssante
from carbet.core import outbox
from carbet.core.models import OutboxMessage
from carbet.interop.secure_mail.models import Mailbox
from carbet.interop.secure_mail.operations.holding import account_of

UNCERTAIN = "un premier envoi est peut-être parti"


def leave(
    mailbox: Mailbox,
    message_id: str,
    recipients: tuple[str, ...],
    data: bytes,
    message: OutboxMessage,
) -> None:
    """Send a mail, or say when to try again; the stand-in of a demonstration takes everything.

    Raises:
        outbox.CannotBeSent: the operator refuses for good, or the mailbox is closed.
        outbox.NotBefore: a former try may have left.
        OSError: the operator does not answer now.
    """
    if not mailbox.active:
        raise outbox.CannotBeSent("la boîte d’envoi est fermée")
    if not mailbox.server:
        message.payload = message.payload | {"carrier": mssante.STAND_IN}
        return
    try:
        account = account_of(mailbox)
    except mssante.NotConnected as error:
        raise outbox.CannotBeSent(str(error)) from error
    try:
        mssante.send_once(account, mssante.Envelope(message_id, recipients, data))
    except mssante.Uncertain as error:
        raise outbox.NotBefore(error.until, str(error)) from error
    except mssante.Denied as error:
        raise outbox.CannotBeSent(str(error)) from error
    message.payload = message.payload | {"carrier": mailbox.server}
