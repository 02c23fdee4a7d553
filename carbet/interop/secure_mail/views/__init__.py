"""Pages of secure mail."""

from carbet.interop.secure_mail.views.equipping import equipment
from carbet.interop.secure_mail.views.holding import close, mailboxes
from carbet.interop.secure_mail.views.receiving import (
    attachment,
    decide,
    file,
    mail,
    reconsider,
    tray,
)
from carbet.interop.secure_mail.views.sending import cancel, retry, send, sent

__all__ = [
    "attachment",
    "cancel",
    "close",
    "decide",
    "equipment",
    "file",
    "mail",
    "mailboxes",
    "reconsider",
    "retry",
    "send",
    "sent",
    "tray",
]
