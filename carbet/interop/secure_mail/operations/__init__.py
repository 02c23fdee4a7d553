"""What can be done with secure mail: hold a mailbox, receive, file, decide, send, answer."""

from carbet.interop.secure_mail.operations.deciding import (
    UnableToDecide,
    file_by_hand,
    quarantine,
    reconsider,
    return_to_sender,
)
from carbet.interop.secure_mail.operations.holding import (
    UnableToHold,
    close_mailbox,
    declare_mailbox,
    note_state,
)
from carbet.interop.secure_mail.operations.processing import process_next
from carbet.interop.secure_mail.operations.receiving import take
from carbet.interop.secure_mail.operations.sending import (
    UnableToSend,
    cancel_mail,
    retry_mail,
    send_document,
)

__all__ = [
    "UnableToDecide",
    "UnableToHold",
    "UnableToSend",
    "cancel_mail",
    "close_mailbox",
    "declare_mailbox",
    "file_by_hand",
    "note_state",
    "process_next",
    "quarantine",
    "reconsider",
    "retry_mail",
    "return_to_sender",
    "send_document",
    "take",
]
