"""Take messages in: on disk before anything is answered, many at once."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection

from carbet.connectors.mllp import Arrival, Fault
from carbet.core import sealing
from carbet.core.actor import Actor
from carbet.core.append import append
from carbet.core.audit import Trace
from carbet.core.operation import operation
from carbet.interop.hospital_feed.choices import ErrorCode, MessageStatus
from carbet.interop.hospital_feed.models import HospitalMessage, RawMessage
from carbet.interop.hospital_feed.rules import header as headers
from carbet.interop.hospital_feed.rules.header import Header, Unacceptable

# What is kept of what was refused: enough to see what it was.
KEPT_OF_REFUSED = 64 * 1024
_FAULTS = {
    Fault.GARBAGE: (ErrorCode.SEGMENT, "Ce n’est pas un message entouré par MLLP."),
    Fault.TOO_LONG: (ErrorCode.TYPE, "Message de plus de 32 Mo."),
    Fault.CUT: (ErrorCode.SEGMENT, "Message coupé avant sa fin."),
}


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one arrival: `code` AA or AR, and its number here."""

    header: Header
    code: str
    number: int
    repeated: bool = False


@operation("feed.receive", action="C")
def receive(
    trace: Trace, *, actor: Actor, now: datetime, arrivals: Sequence[Arrival]
) -> list[Taken]:
    """Keep what arrived, whole, in one transaction. Return what to answer to each.

    The same message sent again is answered the same and kept once. What cannot be taken in is kept
    too, cut short, with the reason.
    """
    read = [(arrival, header_of(arrival)) for arrival in arrivals]
    rows = [_row(arrival, header, now=now) for arrival, header in read]
    with connection.cursor() as cursor:
        # Acknowledged means on disk, whatever the server's own habit.
        cursor.execute("SET LOCAL synchronous_commit TO on")
    known = _known(rows)
    new: dict[tuple[str, str, str], HospitalMessage] = {}
    for row in rows:
        if _identity(row) not in known:
            new.setdefault(_identity(row), row)
    kept = HospitalMessage.objects.bulk_create(new.values())
    number_of = known | {_identity(row): row.pk for row in kept}
    data = {_identity(row): arrival.frame.data for row, arrival in zip(rows, arrivals, strict=True)}
    append([_text(row, data[_identity(row)], now=now) for row in kept])
    trace.about(entity=f"HospitalMessage x{len(kept)}")
    fresh = {id(row) for row in kept}
    return [
        Taken(
            header=header,
            code="AR" if header.fault else "AA",
            number=number_of[_identity(row)],
            repeated=id(row) not in fresh,
        )
        for (_, header), row in zip(read, rows, strict=True)
    ]


def answer(taken: Taken, *, now: datetime) -> bytes | None:
    """Return the acknowledgement of an arrival, None when it must not be answered."""
    if not taken.header.answers:
        return None
    return headers.acknowledgement(
        taken.header,
        code=taken.code,
        number=f"{taken.number}.{now:%f}",
        now=now,
        fault=taken.header.fault,
    )


def header_of(arrival: Arrival) -> Header:
    """Return what an arrival says of itself; its fault, when it cannot be taken in."""
    if arrival.frame.fault:
        code, message = _FAULTS[arrival.frame.fault]
        fault = Unacceptable(code, message, "MSH")
        # What says who sent it is worth answering to, even when the rest is missing.
        said = headers.read(arrival.frame.data, production=False)
        return Header(
            application=said.application,
            facility=said.facility,
            type=said.type,
            event=said.event,
            control_id=said.control_id,
            fault=fault,
        )
    return headers.read(arrival.frame.data, production=not settings.DEMONSTRATION)


def _row(arrival: Arrival, header: Header, *, now: datetime) -> HospitalMessage:
    data = arrival.frame.data
    row = HospitalMessage(
        received_at=now,
        peer=arrival.peer[:45],
        application=header.application,
        facility=header.facility,
        type=header.type,
        event=header.event,
        control_id=header.control_id,
        version=header.version,
        charset=header.charset,
        sent_at=header.sent_at,
        size=len(data),
        digest=hashlib.sha256(data).hexdigest(),
        due_at=now,
    )
    if header.fault is not None:
        row.status, row.settled_at = MessageStatus.REFUSED, now
        row.error_code, row.error_place = header.fault.code, header.fault.place
        row.reason = header.fault.message[:300]
    else:
        row.keys = headers.order_keys(data, facility=header.facility)
    return row


def _identity(row: HospitalMessage) -> tuple[str, str, str]:
    return row.facility, row.control_id, row.digest


def _known(rows: list[HospitalMessage]) -> dict[tuple[str, str, str], int]:
    found = HospitalMessage.objects.filter(
        digest__in={row.digest for row in rows},
        control_id__in={row.control_id for row in rows},
        facility__in={row.facility for row in rows},
    ).values_list("facility", "control_id", "digest", "pk")
    return {(facility, control_id, digest): pk for facility, control_id, digest, pk in found}


def _text(row: HospitalMessage, data: bytes, *, now: datetime) -> RawMessage:
    if row.status == MessageStatus.REFUSED:
        data = data[:KEPT_OF_REFUSED]
    key = sealing.sealing_key()
    return RawMessage(
        message_id=row.pk,
        data=sealing.sealed(data, key=key, file_id=row.pk, rank=0, kind="hospital message"),
        sealed_with=key,
        recorded_at=now,
    )
