"""What an establishment is told when its numbers are crossed otherwise (ITI-10, ADT^A31)."""

from datetime import datetime

from carbet.interop.hospital_feed.rules.answers import Told, pid
from carbet.interop.hospital_feed.rules.header import CAYENNE, escaped


def written(
    told: Told, *, application: str, facility: str, number: str, now: datetime, is_test: bool
) -> bytes:
    """Return the notification: every number of one person that the establishment may know.

    Args:
        told: numbers only, the establishment's own first; no name goes with them.
        number: what we call the message (MSH-10), the same each time it is sent again.
    """
    at = f"{now.astimezone(CAYENNE):%Y%m%d%H%M%S%z}"
    ends = "|".join(("CARBET", "CARBET", escaped(application), escaped(facility)))
    lines = [
        (
            f"MSH|^~\\&|{ends}|{at}||ADT^A31^ADT_A05|{number[:20]}|{'D' if is_test else 'P'}|2.5"
            "|||||FRA|UNICODE UTF-8"
        ),
        f"EVN||{at}",
        pid(1, told).replace("PID|1|", "PID||", 1),
        "PV1||N",
    ]
    return ("\r".join(lines) + "\r").encode()
