"""What can be asked of exports: those of a person, those of the territory, their bytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from django.db.models import Count, Max, Sum

from carbet.core import pieces, row_security, sealing
from carbet.core.actor import Actor
from carbet.interop.exports.access import HOUSE
from carbet.interop.exports.models import (
    RecordExport,
    RecordPiece,
    TerritoryExport,
    TerritoryPart,
)
from carbet.interop.exports.rules import part_kind

SHOWN = 20
SEALED_AS = "export"


@dataclass(frozen=True, slots=True)
class Whole:
    """One section of a territory taken out: how many lines and bytes."""

    section: str
    parts: int
    rows: int
    lines: int
    size: int
    last: int


def of_patient(*, patient_id: int, actor: Actor) -> list[RecordExport]:
    """Return the exports of a record that the actor asked for, the latest first."""
    return list(
        RecordExport.objects.filter(
            patient_id=patient_id, account_id=actor.account_id, role_id=actor.role_id
        ).order_by("-asked_at", "-pk")[:SHOWN]
    )


def archive(*, export: RecordExport) -> BinaryIO:
    """Return the bytes of an archive, at their start; beyond a megabyte they wait on disk."""
    kept = RecordPiece.objects.filter(export_id=export.pk, rank__gt=0).order_by("rank")
    rows = kept.values_list("rank", "data").iterator(chunk_size=4)
    return pieces.joined(rows, key=export.sealed_with, file_id=export.pk, kind=SEALED_AS)


def territories(*, now: datetime) -> list[TerritoryExport]:
    """Return the exports of the territory, the latest first."""
    with row_security.acting_as(HOUSE, now=now):
        return list(TerritoryExport.objects.order_by("-asked_at", "-pk")[:SHOWN])


def sections(*, export_id: int) -> list[Whole]:
    """Return what an export of the territory holds so far, by section; the house asks."""
    found = (
        TerritoryPart.objects.filter(export_id=export_id)
        .values("section")
        .annotate(
            parts=Count("pk"),
            read=Sum("rows"),
            written=Sum("lines"),
            weight=Sum("size"),
            until=Max("last"),
        )
        .order_by("section")
    )
    return [
        Whole(
            each["section"],
            each["parts"],
            each["read"],
            each["written"],
            each["weight"],
            each["until"],
        )
        for each in found
    ]


def part_bytes(*, export_id: int, section: str) -> Iterator[bytes]:
    """Yield the parts of a section, end to end: one gzip file; memory holds one part at a time."""
    number = 0
    while True:
        with row_security.acting_as(HOUSE):
            part = (
                TerritoryPart.objects.filter(
                    export_id=export_id, section=section, number__gt=number
                )
                .order_by("number")
                .first()
            )
        if part is None:
            return
        number = part.number
        yield sealing.opened(
            bytes(part.data),
            key=part.sealed_with,
            file_id=part.export_id,
            rank=part.number,
            kind=part_kind(part.section),
        )
