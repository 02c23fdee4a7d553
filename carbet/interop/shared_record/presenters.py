"""What a page shows of deposits."""

from dataclasses import dataclass
from datetime import datetime

from carbet.core.models import OutboxMessage
from carbet.interop.shared_record.queries import Standing

_SAID = {
    OutboxMessage.Status.PENDING: ("En chemin", "info"),
    OutboxMessage.Status.SENT: ("Déposé", "success"),
    OutboxMessage.Status.FAILED: ("Refusé", "danger"),
    OutboxMessage.Status.CANCELLED: ("Abandonné", "neutral"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One deposit: of which version, by whom, how far."""

    number: int
    name: str
    asked_at: datetime
    label: str
    tone: str
    error: str
    carrier: str
    settled_at: datetime | None


def line(standing: Standing) -> Line:
    """Return a deposit as the page shows it."""
    row, message = standing.deposit, standing.message
    status = OutboxMessage.Status(message.status) if message else OutboxMessage.Status.PENDING
    label, tone = _SAID[status]
    return Line(
        number=row.number,
        name=row.asked_by_name,
        asked_at=row.asked_at,
        label=label,
        tone=tone,
        error=message.last_error if message else "",
        carrier=str(message.payload.get("carrier", "")) if message else "",
        settled_at=message.settled_at if message else None,
    )
