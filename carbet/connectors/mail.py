"""Ordinary e-mail: notices without a name nor health content, by the region's SMTP server.

A demonstration has a stand-in, which sends nothing and gives back what would have left; elsewhere,
without a server, sending fails and the notice waits in the tray.
"""

import hashlib
from dataclasses import dataclass
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMessage

STAND_IN = "simulateur e-mail"


class NotConnected(Exception):
    """No mail server is set up here."""


@dataclass(frozen=True)
class Notice:
    """An e-mail to send. `key` is the same at each attempt."""

    key: str
    to: str
    subject: str
    body: str


@dataclass(frozen=True)
class Receipt:
    """Who took the notice, and under which number."""

    message_id: str
    carrier: str


def send(notice: Notice, *, stand_in: bool) -> Receipt:
    """Send a notice; the same key gives the same Message-ID, by which servers know a repeat.

    Raises:
        NotConnected: no server is set up, and this is no demonstration.
        OSError, smtplib.SMTPException: the server did not take it.
    """
    digest = hashlib.sha256(notice.key.encode()).hexdigest()[:24]
    if stand_in:
        return Receipt(f"<{digest}@simulateur.example>", STAND_IN)
    if not settings.EMAIL_HOST:
        raise NotConnected("aucun serveur d’e-mail n’est configuré (CARBET_SMTP_HOST)")
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2] or "localhost"
    message_id = f"<{digest}@{domain}>"
    EmailMessage(
        subject=notice.subject,
        body=notice.body,
        to=[notice.to],
        headers={"Message-ID": message_id, "Auto-Submitted": "auto-generated"},
    ).send()
    return Receipt(message_id, settings.EMAIL_HOST)
