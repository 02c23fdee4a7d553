"""Text messages: notices without a name nor health content, by the region's SMS gateway.

The gateway is any that takes `POST {"to", "text"}` in JSON with a bearer token and an
`Idempotency-Key`, and answers 2xx. A demonstration has a stand-in, which sends nothing and gives
back what would have left.
"""

import hashlib
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

from carbet.connectors import http

STAND_IN = "simulateur SMS"
LONGEST = 160


class NotConnected(Exception):
    """No gateway is set up here."""


class Refused(Exception):
    """The gateway will never take this message."""


@dataclass(frozen=True)
class Text:
    """A text message to send, 160 signs at most. `key` is the same at each attempt."""

    key: str
    to: str
    text: str


@dataclass(frozen=True)
class Receipt:
    """Who took the message, and under which number."""

    message_id: str
    carrier: str


def send(text: Text, *, stand_in: bool) -> Receipt:
    """Send a text message; the key lets the gateway know a repeat.

    Raises:
        NotConnected: no gateway is set up, and this is no demonstration.
        Refused: the gateway says that the number or the message is wrong.
        ConnectionError: it did not take it now.
    """
    digest = hashlib.sha256(text.key.encode()).hexdigest()[:24]
    if stand_in:
        return Receipt(f"simulateur-{digest}", STAND_IN)
    if not settings.SMS_URL:
        raise NotConnected("aucune passerelle SMS n’est configurée (CARBET_SMS_URL)")
    status, answer = http.post(
        settings.SMS_URL,
        json.dumps({"to": text.to, "text": text.text[:LONGEST]}).encode(),
        headers={
            "Content-Type": "application/json",
            "Authorization": f"Bearer {settings.SMS_TOKEN}",
            "Idempotency-Key": digest,
        },
    )
    if status in (400, 404, 422):
        raise Refused(f"la passerelle refuse ce message (statut {status})")
    if not 200 <= status < 300:
        raise ConnectionError(f"statut {status}")
    try:
        said = json.loads(answer)
    except ValueError:
        said = {}
    number = said.get("id", "") if isinstance(said, dict) else ""
    return Receipt(str(number)[:100] or digest, urlsplit(settings.SMS_URL).hostname or "SMS")
