"""Software of others told of an event: a FHIR notification (NdE 3.0.0, flow 4) by HTTPS.

A demonstration has a stand-in, which calls nobody and gives back what would have left.
"""

import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

from carbet.connectors import http

STAND_IN = "simulateur de notification"


class Refused(Exception):
    """The software will never take this notification."""


@dataclass(frozen=True)
class Notification:
    """A notification to post: `body` is a CommunicationRequest in JSON. `key` tells a repeat."""

    key: str
    endpoint: str
    body: bytes


@dataclass(frozen=True)
class Receipt:
    """Who took the notification, and under which number of ours."""

    message_id: str
    carrier: str


def send(notification: Notification, *, stand_in: bool) -> Receipt:
    """Post a notification; the key lets the software know a repeat.

    Raises:
        Refused: it answers that the notification or the address is wrong.
        ConnectionError: it did not take it now.
    """
    digest = hashlib.sha256(notification.key.encode()).hexdigest()[:24]
    if stand_in:
        return Receipt(f"simulateur-{digest}", STAND_IN)
    status, _ = http.post(
        notification.endpoint,
        notification.body,
        headers={
            "Content-Type": "application/fhir+json; charset=utf-8",
            "Accept": "application/fhir+json",
            "Idempotency-Key": digest,
        },
    )
    if 300 <= status < 500 and status not in (408, 425, 429):
        raise Refused(f"le logiciel refuse la notification (statut {status})")
    if not 200 <= status < 300:
        raise ConnectionError(f"statut {status}")
    return Receipt(digest, urlsplit(notification.endpoint).hostname or "HTTPS")
