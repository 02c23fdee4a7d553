"""Web push (RFC 8030, 8291, 8292): a sealed notice to a browser, through its maker's service.

An address comes from a browser, so from anyone: only the push services of the browsers' makers are
called. A demonstration has a stand-in, which seals the notice as for a true device, sends nothing
and gives back what would have left.
"""

import base64
import json
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from django.conf import settings

from carbet.connectors import http

STAND_IN = "simulateur de notifications"
# Exact hosts, or a dot and the domain of the regional hosts of a maker.
SERVICES = (
    "fcm.googleapis.com",
    "updates.push.services.mozilla.com",
    "web.push.apple.com",
    ".notify.windows.com",
    ".push.apple.com",
)
TTL_SECONDS = 24 * 3600


class NotADevice(Exception):
    """The address or the keys are not those of a browser."""


class Gone(Exception):
    """The device has withdrawn: its address no longer leads anywhere."""


@dataclass(frozen=True)
class Device:
    """Where a browser receives: an address of its maker's service, and the keys to seal with."""

    endpoint: str
    p256dh: str
    auth: str


@dataclass(frozen=True)
class Push:
    """A notice: a title, a sentence and a page, no name nor health content. `tag` replaces."""

    title: str
    body: str
    url: str
    tag: str
    urgent: bool = False


@dataclass(frozen=True)
class Receipt:
    """Who took the notice."""

    message_id: str
    carrier: str


def check(device: Device) -> None:
    """Refuse what is not the address and the keys of a browser.

    Raises:
        NotADevice: another host, another scheme, keys that seal nothing.
    """
    parts = urlsplit(device.endpoint)
    try:
        port = parts.port
    except ValueError:
        port = 0
    host = parts.hostname or ""
    known = any(
        host.endswith(service) if service.startswith(".") else host == service
        for service in SERVICES
    )
    plain = parts.scheme == "https" and port in (None, 443) and parts.username is None
    if not (known and plain) or len(device.endpoint) > 1000:
        raise NotADevice("service de notification inconnu")
    try:
        _seal(device, b"{}")
    except Exception as error:
        raise NotADevice("clés de notification illisibles") from error


def send(push: Push, device: Device, *, stand_in: bool) -> Receipt:
    """Seal a notice for a device and hand it to its service.

    Raises:
        NotADevice: the address is not one of a push service.
        Gone: the device has withdrawn.
        ConnectionError: the service did not take it now.
    """
    check(device)
    content = _seal(
        device,
        json.dumps(
            {"title": push.title, "body": push.body, "url": push.url, "tag": push.tag}
        ).encode(),
    )
    if stand_in:
        return Receipt("", STAND_IN)
    parts = urlsplit(device.endpoint)
    from py_vapid import Vapid

    signed = Vapid.from_pem(settings.PUSH_PRIVATE_KEY.encode()).sign(
        {"aud": f"{parts.scheme}://{parts.netloc}", "sub": settings.PUSH_CONTACT}
    )
    status, _ = http.post(
        device.endpoint,
        content,
        headers={
            **signed,
            "Content-Type": "application/octet-stream",
            "Content-Encoding": "aes128gcm",
            "TTL": str(TTL_SECONDS),
            "Urgency": "high" if push.urgent else "normal",
        },
    )
    if status in (404, 410):
        raise Gone
    if not 200 <= status < 300:
        raise ConnectionError(f"statut {status}")
    return Receipt("", parts.hostname or "")


@cache
def public_key() -> str:
    """Return the key that browsers subscribe with (base64url of the uncompressed point)."""
    key = serialization.load_pem_private_key(settings.PUSH_PRIVATE_KEY.encode(), password=None)
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()


def _seal(device: Device, content: bytes) -> bytes:
    from pywebpush import WebPusher

    subscription = {
        "endpoint": device.endpoint,
        "keys": {"p256dh": device.p256dh, "auth": device.auth},
    }
    sealed = WebPusher(subscription).encode(content, content_encoding="aes128gcm")
    return bytes(sealed["body"])
