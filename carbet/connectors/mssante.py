"""Secure mail between health professionals (MSSanté): one letter out, one receipt back.

The operator's sending API is not connected yet. A demonstration has a stand-in, which accepts every
letter, keeps nothing and says that it is one; elsewhere, sending fails and the letter waits in the
tray.
"""

import hashlib
from dataclasses import dataclass

STAND_IN = "simulateur MSSanté"


class NotConnected(Exception):
    """No secure-mail operator is set up here."""


@dataclass(frozen=True)
class Letter:
    """A secure mail to send. `key` is the same at each attempt: one letter leaves."""

    key: str
    to: str
    subject: str
    body: str


@dataclass(frozen=True)
class Receipt:
    """What the operator answers. `carrier` names who took the letter."""

    message_id: str
    carrier: str


def send(letter: Letter, *, stand_in: bool) -> Receipt:
    """Send a letter and return its receipt; twice with the same key is once.

    Raises:
        NotConnected: no operator is set up, and this is no demonstration.
    """
    if not stand_in:
        raise NotConnected("aucun opérateur MSSanté n’est configuré")
    digest = hashlib.sha256(letter.key.encode()).hexdigest()[:16]
    return Receipt(message_id=f"<{digest}@simulateur.mssante.example>", carrier=STAND_IN)
