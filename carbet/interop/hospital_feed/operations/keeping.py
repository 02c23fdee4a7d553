"""What was kept of a message, and whose it is."""

from carbet.core import sealing
from carbet.interop.hospital_feed.models import FeedRoute, HospitalMessage, RawMessage


def text_of(row: HospitalMessage) -> bytes:
    """Return the bytes of a message, as last mended."""
    text = RawMessage.objects.filter(message_id=row.pk).latest("number")
    return sealing.opened(
        bytes(text.data),
        key=text.sealed_with,
        file_id=row.pk,
        rank=text.number,
        kind="hospital message",
    )


def route_of(row: HospitalMessage) -> FeedRoute | None:
    """Return the route of the sender of a message."""
    return route_for(row.facility, row.application)


def route_for(facility: str, application: str) -> FeedRoute | None:
    """Return the route of a sender: the one of its application first."""
    found = FeedRoute.objects.select_related("organization").filter(
        facility=facility, application__in=("", application), active=True
    )
    return found.order_by("-application").first()
