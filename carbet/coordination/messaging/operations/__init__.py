"""What can be done in threads: open, write, read, invite, leave, close with a decision, reopen.

Every change of a thread takes its row's lock first: lines have one order, whoever writes at once.
"""

from carbet.coordination.messaging.operations.closing import close_thread, reopen_thread
from carbet.coordination.messaging.operations.inviting import (
    add_participants,
    leave_thread,
    remove_participant,
)
from carbet.coordination.messaging.operations.opening import open_thread
from carbet.coordination.messaging.operations.within import (
    OF_DIRECTORY,
    GestureAlreadyUsed,
    UnableToClose,
    UnableToInvite,
    UnableToWriteMessage,
    may_remove,
)
from carbet.coordination.messaging.operations.writing import (
    mark_read,
    send_message,
    set_archived,
    set_muted,
)

__all__ = [
    "OF_DIRECTORY",
    "GestureAlreadyUsed",
    "UnableToClose",
    "UnableToInvite",
    "UnableToWriteMessage",
    "add_participants",
    "close_thread",
    "leave_thread",
    "mark_read",
    "may_remove",
    "open_thread",
    "remove_participant",
    "reopen_thread",
    "send_message",
    "set_archived",
    "set_muted",
]
