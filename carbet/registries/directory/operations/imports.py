"""Import an outside directory: read into a waiting room, page by page, then put in place at once.

Reading may stop and go on where it was; nothing of it is seen. The merge is one transaction made of
set-based statements: the directory is as before, or whole.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import orjson
from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.registries.directory.choices import LineOutcome, RunStatus, Source
from carbet.registries.directory.models import ImportLine, ImportRun, StagedRow
from carbet.registries.directory.operations import merging
from carbet.registries.directory.rules import OPERATE

# The job of the worker that brings a directory in.
ASKED_IMPORT = "directory.import"
# An import that said nothing for so long died; another may take it up.
SILENT_AFTER = timedelta(minutes=30)


class UnableToImport(UnableTo):
    """The import cannot begin, go on or be put in place."""


class Read(Protocol):
    """A resource read and checked (`fhir.reading.Said`)."""

    kind: str
    source_id: str
    label: str
    said_at: datetime | None
    fields: dict[str, Any]
    references: dict[str, Any]
    kept: dict[str, Any]
    attached: dict[str, Any]
    digest: str


@dataclass(frozen=True)
class Rejected:
    """A line or a resource that is not taken, and why, in French."""

    reason: str
    kind: str = ""
    source_id: str = ""
    label: str = ""
    line: int | None = None
    page: int | None = None


@dataclass
class Batch:
    """What a stretch of reading brought: (resource, line, page), what was rejected, where it is."""

    cursor: dict[str, Any]
    read: list[tuple[Read, int | None, int | None]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    # Fingerprints of mailboxes on the red list, said by resources that are not taken.
    hidden: list[str] = field(default_factory=list)
    pages: int = 0
    expected: int | None = None


@operation("directory.import.request", action="C")
def request_import(
    trace: Trace, *, actor: Actor, now: datetime, source: str, dry_run: bool = False
) -> None:
    """Ask the worker to bring a directory in now.

    Raises:
        UnableToAct: the actor does not operate the house.
        UnableToImport: an import of this source waits already, or is under way.
    """
    if not actor.can(OPERATE):
        raise UnableToAct("Votre rôle ne permet pas d’exploiter Carbet.")
    if source not in (Source.ANNUAIRE, Source.ROR):
        raise UnableToImport("Choisissez une source.")
    under_way = [RunStatus.READING, RunStatus.MERGING]
    if ImportRun.objects.filter(
        source=source, status__in=under_way, seen_at__gt=now - SILENT_AFTER
    ).exists():
        raise UnableToImport("Un import de cette source est déjà en cours.")
    job = app.configure_task(ASKED_IMPORT, queue="imports", queueing_lock=f"import {source}")
    try:
        with transaction.atomic():
            job.defer(source=source, dry_run=dry_run)
    except AlreadyEnqueued as error:
        raise UnableToImport("Un import de cette source attend déjà.") from error
    trace.about(entity=f"ImportRun {source}")


@operation("directory.import.open", action="C")
def open_import(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    source: str,
    origin: str,
    dry_run: bool = False,
    whole: bool = False,
    fresh: bool = False,
    since: datetime | None = None,
    keep_since: bool = True,
) -> ImportRun:
    """Begin an import, or take up the one of this source that stopped.

    Args:
        fresh: leave the stopped one and begin again.
        since: what the source is asked for from; by default, since the last import that ended.
        keep_since: False asks for everything.
    """
    stopped = ImportRun.objects.filter(
        source=source, status__in=[RunStatus.READING, RunStatus.MERGING, RunStatus.STOPPED]
    ).order_by("-pk")
    resumed = stopped.filter(origin=origin, dry_run=dry_run).first()
    if resumed is None or fresh:
        left = list(stopped.values_list("pk", flat=True))
        StagedRow.objects.filter(run_id__in=left).delete()
        stopped.update(status=RunStatus.ABANDONED, ended_at=now)
        last = (
            ImportRun.objects.filter(source=source, status=RunStatus.DONE, dry_run=False)
            .order_by("-pk")
            .first()
        )
        if since is None and keep_since and last is not None:
            since = last.started_at
        resumed = ImportRun(
            source=source,
            origin=origin[:200],
            dry_run=dry_run,
            whole=whole,
            since=since,
            started_by=actor.display_name[:200],
            started_at=now,
        )
    resumed.status, resumed.problem, resumed.seen_at = RunStatus.READING, "", now
    resumed.save()
    trace.about(entity=resumed)
    return resumed


@operation("directory.import.stage", action="C")
def stage(trace: Trace, *, actor: Actor, now: datetime, run: ImportRun, batch: Batch) -> None:
    """Keep what was read, aside, and where reading is: both or none."""
    with connection.cursor() as cursor:
        _copy(cursor, run, batch.read)
    StagedRow.objects.bulk_create(
        StagedRow(
            run_id=run.pk,
            kind=merging.RED_LIST,
            source_id=fingerprint,
            label="",
            digest="",
            fields={},
            attached={"mailboxes": [{"fingerprint": fingerprint, "red_list": True}]},
        )
        for fingerprint in batch.hidden
    )
    ImportLine.objects.bulk_create(
        [
            ImportLine(
                run=run,
                outcome=LineOutcome.REJECTED,
                kind=_plain(each.kind, 20),
                source_id=_plain(each.source_id, 64),
                label=_plain(each.label, 200),
                line=each.line,
                page=each.page,
                reason=each.reason[:300],
            )
            for each in batch.rejected[: merging.MOST_LINES]
        ]
    )
    run.cursor = batch.cursor
    run.pages += batch.pages
    run.read += len(batch.read) + len(batch.rejected)
    run.rejected += len(batch.rejected)
    run.expected = batch.expected if batch.expected is not None else run.expected
    run.seen_at = now
    run.save()
    trace.about(entity=run)


def _plain(said: str, most: int) -> str:
    """Return what a column can hold of a text from outside."""
    return said.replace("\0", "")[:most]


def _copy(cursor: Any, run: ImportRun, read: Iterable[tuple[Read, int | None, int | None]]) -> None:
    statement = (
        "COPY directory_stagedrow (run_id, kind, source_id, page, line, label, digest, said_at,"
        ' fields, "references", kept, attached) FROM STDIN'
    )
    with cursor.copy(statement) as copy:
        for said, line, page in read:
            copy.write_row(
                (
                    run.pk,
                    said.kind,
                    said.source_id,
                    page,
                    line,
                    _plain(said.label, 200),
                    said.digest,
                    said.said_at,
                    orjson.dumps(said.fields).decode(),
                    orjson.dumps(said.references).decode(),
                    orjson.dumps(said.kept).decode(),
                    orjson.dumps({n: each for n, each in said.attached.items() if each}).decode(),
                )
            )


@operation("directory.import.stop")
def stop_import(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    run: ImportRun,
    problem: str,
    again: bool = False,
) -> None:
    """Say why reading stopped; what was read stays aside, to be gone on with.

    Args:
        again: what was read cannot be trusted: it is thrown away, reading begins again.
    """
    run.refresh_from_db()
    run.status, run.problem, run.seen_at = RunStatus.STOPPED, problem[:500], now
    if again:
        run.cursor, run.pages, run.read, run.rejected, run.expected = {}, 0, 0, 0, None
        StagedRow.objects.filter(run_id=run.pk).delete()
        run.lines.all().delete()
    run.save()
    trace.about(entity=run)


@operation("directory.import.merge")
def merge_import(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    run: ImportRun,
    kinds: Sequence[str],
    force: bool = False,
) -> ImportRun:
    """Put in place all that was read, at once; a dry run is undone, its report is kept.

    Args:
        kinds: the types that a whole copy covers: what it no longer says of them is closed.
        force: close even when so much is missing that the copy looks cut short.

    Raises:
        UnableToImport: a whole copy says so little that it looks cut short.
    """
    done = merging.merge(run=run, kinds=kinds, now=now, force=force)
    if done.refusal:
        raise UnableToImport(done.refusal)
    ImportLine.objects.bulk_create(
        [ImportLine(run=run, **line) for line in done.lines], batch_size=2000
    )
    run.created, run.changed = done.created, done.changed
    run.unchanged, run.closed = done.unchanged, done.closed
    run.rejected += done.rejected
    run.status, run.seen_at, run.ended_at = RunStatus.DONE, now, now
    run.problem = done.warning
    run.save()
    StagedRow.objects.filter(run_id=run.pk).delete()
    trace.about(entity=run)
    return run
