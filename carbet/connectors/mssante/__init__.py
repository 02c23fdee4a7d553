"""Secure mail between health professionals (MSSanté): IMAP and submission, over TLS.

A demonstration has a stand-in, which accepts every letter, keeps nothing and says that it is one;
elsewhere, without an operator in the settings, sending fails and the letter waits in the tray.
"""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP

from django.conf import settings

from carbet.connectors.mssante.client import Account, Denied, Server, Session, opened, watch
from carbet.connectors.mssante.sending import Envelope, Uncertain, send_once

__all__ = [
    "STAND_IN",
    "Account",
    "Denied",
    "Envelope",
    "Letter",
    "NotConnected",
    "Receipt",
    "Server",
    "Session",
    "Uncertain",
    "new_message_id",
    "opened",
    "send",
    "send_once",
    "servers",
    "watch",
]

STAND_IN = "simulateur MSSanté"


class NotConnected(Exception):
    """No secure-mail operator is set up here."""


@dataclass(frozen=True)
class Letter:
    """A secure mail of the house itself to send. `key` is the same at each attempt."""

    key: str
    to: str
    subject: str
    body: str


@dataclass(frozen=True)
class Receipt:
    """What the operator answers. `carrier` names who took the letter."""

    message_id: str
    carrier: str


def servers() -> dict[str, Server]:
    """Return the operators that this house may speak to, by name (`CARBET_MSS_SERVERS`)."""
    return {server.name: server for server in map(Server.parse, settings.MSS_SERVERS)}


def new_message_id(address: str, key: uuid.UUID | str) -> str:
    """Return the Message-ID of a mail: the same key gives the same one."""
    digest = hashlib.sha256(str(key).encode()).hexdigest()[:32]
    domain = address.rpartition("@")[2] or "localhost"
    return f"<{digest}@{domain}>"


def send(letter: Letter, *, stand_in: bool, now: datetime | None = None) -> Receipt:
    """Send a letter of the house and return its receipt; twice with the same key is once.

    Raises:
        NotConnected: no operator is set up, and this is no demonstration.
        Uncertain, Denied, OSError: the operator did not take it, or it is not known yet.
    """
    house = settings.MSS_HOUSE
    if not house:
        if not stand_in:
            raise NotConnected("aucun opérateur MSSanté n’est configuré")
        digest = hashlib.sha256(letter.key.encode()).hexdigest()[:16]
        return Receipt(message_id=f"<{digest}@simulateur.mssante.example>", carrier=STAND_IN)
    account = Account(
        address=house["address"],
        username=house["username"],
        password=house["password"],
        server=Server.parse(house["server"]),
    )
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = account.address, letter.to
    message["Subject"] = letter.subject
    message["Message-ID"] = new_message_id(account.address, letter.key)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.body)
    envelope = Envelope(message["Message-ID"], (letter.to,), message.as_bytes())
    send_once(account, envelope, now=now)
    return Receipt(message["Message-ID"], account.server.name)
