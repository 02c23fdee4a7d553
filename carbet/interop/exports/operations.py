"""What can be done: ask for an export, let it, move it on, take it away."""

import uuid
from collections.abc import Iterable
from datetime import datetime

from django.db import IntegrityError, transaction
from procrastinate.contrib.django import app

from carbet.core import sealing
from carbet.core.actor import Actor
from carbet.core.append import append
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.interop.exports.choices import ExportStatus
from carbet.interop.exports.models import (
    RecordExport,
    RecordPiece,
    TerritoryExport,
    TerritoryPart,
)
from carbet.interop.exports.rules import KEPT, MOST_WAITING, TERRITORY_KEPT, part_kind
from carbet.registries.patients.models import Patient

BUILD_RECORD, BUILD_TERRITORY = "exports.build_record", "exports.build_territory"


class UnableToExport(UnableTo):
    """The export cannot be asked for, let or gone on with."""


@operation("export.ask", action="C")
def ask_record(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    reason: str,
    gesture: uuid.UUID,
) -> RecordExport:
    """Ask for the whole record of a person, as far as the actor may see it.

    Raises:
        UnableToExport: no reason is given, or several wait already.
    """
    known = RecordExport.objects.filter(gesture=gesture, patient_id=patient.pk).first()
    if known is not None:
        trace.about(patient_id=patient.pk, entity=known, reason="déjà demandé")
        return known
    if not reason.strip():
        raise UnableToExport("Dites pourquoi vous exportez ce dossier.", field="reason")
    if actor.role_id is None:
        raise UnableToAct("Choisissez d’abord le rôle sous lequel vous travaillez.")
    waiting = RecordExport.objects.filter(
        patient_id=patient.pk, role_id=actor.role_id, status=ExportStatus.WAITING
    ).count()
    if waiting >= MOST_WAITING:
        raise UnableToExport("Un export de ce dossier se prépare déjà : attendez qu’il soit prêt.")
    export = RecordExport(
        patient_id=patient.pk,
        account_id=actor.account_id,
        role_id=actor.role_id,
        asked_by_name=actor.display_name[:200],
        asked_at=now,
        reason=reason.strip()[:200],
        gesture=gesture,
    )
    try:
        with transaction.atomic():
            export.save(force_insert=True)
    except IntegrityError as error:
        # The same gesture, at the same moment.
        raise UnableToExport("Cette demande vient d’être enregistrée.") from error
    app.configure_task(BUILD_RECORD, queue="default", lock=f"export:{export.pk}").defer(
        export_id=export.pk
    )
    trace.about(patient_id=patient.pk, entity=export, reason=export.reason)
    return export


@operation("export.progress")
def report_progress(
    trace: Trace, *, actor: Actor, now: datetime, export: RecordExport, done: int, total: int
) -> None:
    """Say how far an export is."""
    RecordExport.objects.filter(pk=export.pk, status=ExportStatus.WAITING).update(
        done=done, total=total
    )
    trace.about(patient_id=export.patient_id, entity=export)


@operation("export.finish")
def finish_record(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    export: RecordExport,
    pieces: Iterable[tuple[int, bytes]],
    size: int,
    digest: str,
    key: int,
    done: int,
) -> None:
    """Keep the archive, in pieces, for a day."""
    row = RecordExport.objects.select_for_update().get(pk=export.pk)
    trace.about(patient_id=row.patient_id, entity=row)
    if row.status != ExportStatus.WAITING:
        return
    for rank, data in pieces:
        append([RecordPiece(export=row, rank=rank, data=data)])
    row.status, row.size, row.digest, row.sealed_with = ExportStatus.READY, size, digest, key
    row.done = row.total = done
    row.finished_at, row.expires_at = now, now + KEPT
    row.save()


@operation("export.stop")
def stop_record(
    trace: Trace, *, actor: Actor, now: datetime, export: RecordExport, error: str
) -> None:
    """Say that an export cannot be made, and why."""
    RecordExport.objects.filter(pk=export.pk, status=ExportStatus.WAITING).update(
        status=ExportStatus.FAILED, error=error[:300], finished_at=now
    )
    trace.about(patient_id=export.patient_id, entity=export, reason=error)


@operation("export.clear")
def clear_expired(trace: Trace, *, actor: Actor, now: datetime, most: int = 20) -> int:
    """Remove the bytes of the exports whose time is over; their lines stay. Return how many."""
    trace.about(entity="exports")
    cleared = 0
    for export in RecordExport.objects.select_for_update(skip_locked=True).filter(
        status=ExportStatus.READY, expires_at__lte=now
    )[:most]:
        RecordPiece.objects.filter(export_id=export.pk).delete()
        export.status = ExportStatus.EXPIRED
        export.save(update_fields=["status"])
        cleared += 1
    for whole in TerritoryExport.objects.select_for_update(skip_locked=True).filter(
        status=ExportStatus.READY, expires_at__lte=now
    )[:most]:
        TerritoryPart.objects.filter(export_id=whole.pk).delete()
        whole.status = ExportStatus.EXPIRED
        whole.save(update_fields=["status"])
        cleared += 1
    return cleared


# --- The whole territory ------------------------------------------------------------------------


@operation("territory.ask", action="C")
def ask_territory(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    asker: Actor,
    reason: str,
    gesture: uuid.UUID,
) -> TerritoryExport:
    """Ask for the whole territory; nothing begins before another operator lets it.

    Args:
        actor: the house on behalf of `asker` (`access.keeper`).

    Raises:
        UnableToExport: no reason is given, or another waits.
    """
    known = TerritoryExport.objects.filter(gesture=gesture).first()
    if known is not None:
        trace.about(entity=known, reason="déjà demandé")
        return known
    if not reason.strip():
        raise UnableToExport("Dites pourquoi vous exportez le territoire.", field="reason")
    under_way = (ExportStatus.PROPOSED, ExportStatus.WAITING)
    if TerritoryExport.objects.filter(status__in=under_way).exists():
        raise UnableToExport("Un export du territoire attend déjà, ou se prépare.")
    export = TerritoryExport(
        status=ExportStatus.PROPOSED,
        account_id=asker.account_id,
        role_id=asker.role_id,
        asked_by_name=asker.display_name[:200],
        asked_at=now,
        reason=reason.strip()[:200],
        gesture=gesture,
    )
    try:
        with transaction.atomic():
            export.save(force_insert=True)
    except IntegrityError as error:
        raise UnableToExport("Cette demande vient d’être enregistrée.") from error
    trace.about(entity=export, reason=export.reason)
    return export


@operation("territory.let")
def let_territory(
    trace: Trace, *, actor: Actor, now: datetime, second: Actor, export_id: int, agreed: bool
) -> TerritoryExport:
    """Let an export of the territory begin, never by whoever asked; anyone may refuse it.

    Raises:
        UnableToExport: it is decided already, or the same person asked.
    """
    row = TerritoryExport.objects.select_for_update().filter(pk=export_id).first()
    if row is None or row.status != ExportStatus.PROPOSED:
        raise UnableToExport("Cet export n’attend plus de décision.")
    if agreed and row.account_id == second.account_id:
        raise UnableToExport("Un export du territoire se décide à deux : demandez à un collègue.")
    row.let_by_id, row.let_by_name, row.let_at = second.account_id, second.display_name[:200], now
    row.status = ExportStatus.WAITING if agreed else ExportStatus.REFUSED
    row.save()
    if agreed:
        app.configure_task(BUILD_TERRITORY, queue="default", lock=f"territory:{row.pk}").defer(
            export_id=row.pk
        )
    trace.about(entity=row, reason="accepté" if agreed else "refusé")
    return row


@operation("territory.part", action="C")
def add_part(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    export: TerritoryExport,
    section: str,
    number: int,
    last: int,
    rows: int,
    lines: int,
    data: bytes,
) -> None:
    """Keep one part: committed with how far the export is, so that a restart goes on from here.

    Raises:
        UnableToExport: the export was stopped meanwhile.
    """
    row = TerritoryExport.objects.select_for_update().get(pk=export.pk)
    if row.status != ExportStatus.WAITING:
        raise UnableToExport("Cet export est arrêté.")
    key = sealing.sealing_key()
    append(
        [
            TerritoryPart(
                export=row,
                section=section,
                number=number,
                last=last,
                rows=rows,
                lines=lines,
                size=len(data),
                sealed_with=key,
                data=sealing.sealed(
                    data, key=key, file_id=row.pk, rank=number, kind=part_kind(section)
                ),
            )
        ]
    )
    row.done += rows
    row.save(update_fields=["done"])
    trace.about(entity=row)


@operation("territory.count")
def count_territory(
    trace: Trace, *, actor: Actor, now: datetime, export: TerritoryExport, total: int
) -> None:
    """Say how many rows there are to read."""
    TerritoryExport.objects.filter(pk=export.pk).update(total=total)
    trace.about(entity=export)


@operation("territory.finish")
def finish_territory(
    trace: Trace, *, actor: Actor, now: datetime, export: TerritoryExport, digests: dict[str, str]
) -> None:
    """Open a territory to whoever asked, for three days."""
    TerritoryExport.objects.filter(pk=export.pk, status=ExportStatus.WAITING).update(
        status=ExportStatus.READY,
        finished_at=now,
        expires_at=now + TERRITORY_KEPT,
        digests=digests,
    )
    trace.about(entity=export)


@operation("territory.stop")
def stop_territory(
    trace: Trace, *, actor: Actor, now: datetime, export: TerritoryExport, error: str
) -> None:
    """Say that an export cannot go on, and why; nothing of it is kept."""
    stopped = TerritoryExport.objects.filter(pk=export.pk, status=ExportStatus.WAITING).update(
        status=ExportStatus.FAILED, error=error[:300], finished_at=now
    )
    if stopped:
        TerritoryPart.objects.filter(export_id=export.pk).delete()
    trace.about(entity=export, reason=error)


@operation("territory.write_on_disk", action="R")
def record_disk_export(trace: Trace, *, actor: Actor, now: datetime, reason: str) -> None:
    """Trace that the operator of the machine wrote the territory on disk."""
    trace.about(entity="TerritoryExport", reason=reason)
