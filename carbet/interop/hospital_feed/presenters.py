"""How messages and stays are shown: to an operator without anybody's name, to carers with words."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from carbet.interop.hospital_feed.choices import (
    STOPPED,
    EncounterStatus,
    ErrorCode,
    MessageStatus,
    MovementKind,
    MovementStatus,
    PatientClass,
)
from carbet.interop.hospital_feed.models import Encounter, HospitalMessage, Movement
from carbet.interop.hospital_feed.operations import is_domain_unknown
from carbet.interop.hospital_feed.rules.mending import is_mendable

TONES = {
    MessageStatus.WAITING: "info",
    MessageStatus.BLOCKED: "neutral",
    MessageStatus.HELD: "warning",
    MessageStatus.DEAD: "danger",
    MessageStatus.DONE: "success",
    MessageStatus.IGNORED: "neutral",
    MessageStatus.ABANDONED: "neutral",
    MessageStatus.REFUSED: "danger",
}
ICONS = {
    MessageStatus.WAITING: "clock",
    MessageStatus.BLOCKED: "clock",
    MessageStatus.HELD: "people",
    MessageStatus.DEAD: "danger",
    MessageStatus.DONE: "check",
    MessageStatus.IGNORED: "check",
    MessageStatus.ABANDONED: "close",
    MessageStatus.REFUSED: "danger",
}
# The tabs of the tray, what needs somebody first.
SHOWN = [
    (status, MessageStatus(status).label)
    for status in (
        MessageStatus.DEAD,
        MessageStatus.HELD,
        MessageStatus.REFUSED,
        MessageStatus.WAITING,
        MessageStatus.BLOCKED,
        MessageStatus.DONE,
        MessageStatus.IGNORED,
        MessageStatus.ABANDONED,
    )
]


@dataclass(frozen=True)
class MessageLine:
    """One message as an operator sees it: never whom it concerns."""

    pk: int
    what: str
    facility: str
    application: str
    control_id: str
    received_at: datetime
    settled_at: datetime | None
    status: str
    label: str
    tone: str
    icon: str
    attempts: int
    mended: int
    code: str
    code_label: str
    place: str
    reason: str
    those_behind: int
    behind: int | None
    size: int
    stopped: bool
    # Whether a field may be written anew here, and whether an identity domain is to be accepted.
    mendable: bool
    new_domain: bool


def message_line(row: HospitalMessage) -> MessageLine:
    """Return a message as a line."""
    status = MessageStatus(row.status)
    return MessageLine(
        pk=row.pk,
        what="^".join(filter(None, (row.type, row.event))) or "Illisible",
        facility=row.facility,
        application=row.application,
        control_id=row.control_id,
        received_at=row.received_at,
        settled_at=row.settled_at,
        status=status.value,
        label=status.label,
        tone=TONES[status],
        icon=ICONS[status],
        attempts=row.attempts,
        mended=row.mended,
        code=row.error_code,
        code_label=ErrorCode(row.error_code).label if row.error_code else "",
        place=row.error_place,
        reason=row.reason,
        those_behind=getattr(row, "those_behind", 0),
        behind=row.behind_id,
        size=row.size,
        stopped=status in STOPPED,
        mendable=status in STOPPED and is_mendable(row.error_place),
        new_domain=status in STOPPED and is_domain_unknown(row),
    )


def seconds(value: float | None) -> str:
    """Return a length of time in words: "0,4 s", "3 min"."""
    if value is None:
        return "—"
    if value < 60:
        return f"{value:.1f} s".replace(".", ",")
    return f"{value / 60:.0f} min" if value < 5400 else f"{value / 3600:.0f} h"


@dataclass(frozen=True)
class StayLine:
    """One stay as carers see it."""

    pk: int
    what: str
    where: str
    unit: str
    status: str
    tone: str
    started_at: datetime | None
    ended_at: datetime | None
    movements: list[tuple[str, datetime, str, bool]]


_STAY_TONES = {
    EncounterStatus.PLANNED: "info",
    EncounterStatus.IN_PROGRESS: "warning",
    EncounterStatus.FINISHED: "success",
    EncounterStatus.CANCELLED: "neutral",
}


def stay_lines(stays: list[Encounter], movements: list[Movement]) -> list[StayLine]:
    """Return stays as lines, each with its movements: (what, when, unit, taken back)."""
    held: dict[int, list[tuple[str, datetime, str, bool]]] = defaultdict(list)
    for row in movements:
        taken_back = row.status == MovementStatus.CANCELLED
        held[row.encounter_id].append(
            (MovementKind(row.kind).label, row.started_at, row.unit, taken_back)
        )
    return [
        StayLine(
            pk=stay.pk,
            what=PatientClass(stay.patient_class).label,
            where=stay.organization.name,
            unit=stay.unit,
            status=EncounterStatus(stay.status).label,
            tone=_STAY_TONES[EncounterStatus(stay.status)],
            started_at=stay.started_at,
            ended_at=stay.ended_at,
            movements=held[stay.pk],
        )
        for stay in stays
    ]
