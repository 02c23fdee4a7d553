"""What the worker does: build the archive of a record or the parts of a territory; clear the old.

A record is read as whoever asked, in batches, each a transaction of its own: row security decides
what is in it, and a right withdrawn meanwhile stops it.
"""

import base64
import gzip
import hashlib
import io
import os
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import orjson
from procrastinate import JobContext
from procrastinate.contrib.django import app

from carbet.coordination.documents.rules.content import CDA, KINDS
from carbet.core import pieces, row_security, sealing
from carbet.core.actor import Actor
from carbet.core.clock import now as current_time
from carbet.core.fhir import Json
from carbet.interop.exports import access, operations, presenters
from carbet.interop.exports.choices import ExportStatus
from carbet.interop.exports.fhir import (
    DIRECTORY,
    FILES,
    SECTIONS,
    Files,
    Section,
    bundle_entry,
    referred,
)
from carbet.interop.exports.models import RecordExport, TerritoryExport
from carbet.interop.exports.queries import SEALED_AS, Whole, part_bytes, sections
from carbet.interop.exports.rules import BATCH, file_path
from carbet.registries.directory import access as directory
from carbet.registries.patients.models import Patient

RECORD_RETRIES, TERRITORY_RETRIES = 2, 5
_CHUNK = 256 * 1024
# Bytes of files that one part of a territory carries, before the last one.
_PART_OF_FILES = 8 * 1024 * 1024
# What `sha256sum -c` reads, beside the files that it vouches for.
DIGESTS = "empreintes.txt"
_REFERRED = ("PractitionerRole", "Practitioner", "Organization")


@app.task(name=operations.BUILD_RECORD, queue="default", retry=RECORD_RETRIES, pass_context=True)
def build_record(context: JobContext, export_id: int) -> None:
    """Build the archive of one record."""
    make_record(export_id, is_last=_is_last(context, RECORD_RETRIES))


def make_record(export_id: int, *, is_last: bool = False) -> None:
    """Make the archive of one record, or say why it cannot be.

    Args:
        is_last: nobody tries again after this time.
    """
    now = current_time()
    with row_security.acting_as(access.HOUSE, now=now):
        export = RecordExport.objects.filter(pk=export_id, status=ExportStatus.WAITING).first()
        if export is None:
            return
        reader = directory.actor_of_role(export.role_id, now=now)
        allowed = directory.may_act(role_id=export.role_id, now=now)
    house = {"actor": access.HOUSE, "now": now, "export": export}
    try:
        if not allowed:
            raise access.NoSuchRecord
        with tempfile.TemporaryFile() as file:
            done = _Archive(export, reader, file, now).write()
            size = file.tell()
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            key = sealing.sealing_key()
            operations.finish_record(
                **house,
                pieces=pieces.cut(file, key=key, file_id=export.pk, kind=SEALED_AS),
                size=size,
                digest=digest,
                key=key,
                done=done,
            )
    except access.NoSuchRecord:
        operations.stop_record(**house, error="Ce dossier ne vous est plus ouvert.")
    except Exception:
        if is_last:
            operations.stop_record(**house, error="L’archive n’a pas pu être faite.")
        raise


class _Archive:
    """One archive being written: memory holds a batch of rows, or a piece of a file."""

    def __init__(self, export: RecordExport, reader: Actor, file: IO[bytes], now: datetime) -> None:
        self.export, self.reader, self.now, self.file = export, reader, now, file
        self.zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, allowZip64=True)
        self.counts: dict[str, int] = {}
        self.referred: dict[str, set[int]] = defaultdict(set)
        self.readable: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.done = 0

    def write(self) -> int:
        """Write it all; return how many rows were read.

        Raises:
            NoSuchRecord: the record is closed to whoever asked.
        """
        with self.zip:
            done = self._write()
        # Read again as it was written: what a digest vouches for is what is in the archive.
        with zipfile.ZipFile(self.file, "a", zipfile.ZIP_DEFLATED, allowZip64=True) as whole:
            digests = [f"{_digest(whole, name)}  {name}\n" for name in whole.namelist()]
            whole.writestr(DIGESTS, "".join(digests))
        return done

    def _write(self) -> int:
        patient, total = self._count()
        page = tempfile.TemporaryFile()  # noqa: SIM115 - closed below with the archive
        with page:
            for files in FILES:
                self._write_files(files)
            page.write(
                presenters.head(patient, by=self.export.asked_by_name, now=self.now).encode()
            )
            with self.zip.open("dossier.json", "w", force_zip64=True) as bundle:
                bundle.write(b'{"resourceType":"Bundle","type":"collection","entry":[')
                first = True
                for section in SECTIONS:
                    shown = False
                    for batch in self._batches(section, total):
                        for resource in batch:
                            bundle.write(b"" if first else b",\n")
                            bundle.write(orjson.dumps(bundle_entry(resource)))
                            first = False
                        if not shown:
                            page.write(presenters.title(section.title).encode())
                            shown = True
                        self._name(batch)
                        told = map(self._with_readable, batch)
                        for text in presenters.articles(told, names=self.names):
                            page.write(text.encode())
                for resource in self._directory():
                    bundle.write(b",\n" + orjson.dumps(bundle_entry(resource)))
                bundle.write(b"]}\n")
            page.write(presenters.foot().encode())
            page.seek(0)
            with self.zip.open("dossier.html", "w", force_zip64=True) as shown_page:
                while data := page.read(_CHUNK):
                    shown_page.write(data)
            self.zip.writestr("contenu.json", orjson.dumps(self.counts, option=orjson.OPT_INDENT_2))
            self.zip.writestr(
                "LISEZMOI.txt",
                presenters.readme(
                    patient, by=self.export.asked_by_name, now=self.now, counts=self.counts
                ),
            )
        return self.done

    def _reading(self) -> Any:
        return row_security.acting_as(self.reader, now=self.now)

    def _count(self) -> tuple[Patient, int]:
        with self._reading():
            patient = access.get_patient(
                actor=self.reader,
                patient_id=self.export.patient_id,
                now=self.now,
                purpose="export.build",
            )
            total = sum(each.of(patient.pk).count() for each in SECTIONS)
        return patient, total

    def _batches(self, section: Section, total: int) -> Iterator[list[Json]]:
        self.counts[section.name] = 0
        last = 0
        while True:
            with self._reading():
                rows = section.of(self.export.patient_id).filter(pk__gt=last)
                keys = list(rows.values_list("pk", flat=True)[:BATCH])
                found = section.write(rows.filter(pk__lte=keys[-1])) if keys else []
            if not keys:
                return
            last = keys[-1]
            self.counts[section.name] += len(keys)
            self.done += len(keys)
            for resource in found:
                _to_archive(resource)
                self._refer(resource)
            operations.report_progress(
                actor=access.HOUSE, now=self.now, export=self.export, done=self.done, total=total
            )
            yield found

    def _write_files(self, files: Files) -> None:
        with self._reading():
            keys = list(files.of(self.export.patient_id).values_list("pk", flat=True))
        self.counts[f"fichiers {files.kind}"] = len(keys)
        for key in keys:
            with self._reading():
                row = files.of(self.export.patient_id).filter(pk=key).first()
                if row is None:
                    continue
                path = file_path(files.kind, row.pk, KINDS.get(row.media_type, ("bin", ""))[0])
                with files.content(row) as content, self.zip.open(path, "w") as written:
                    while data := content.read(_CHUNK):
                        written.write(data)
                    if row.media_type == CDA:
                        content.seek(0)
                        clinical = content.read()
            if row.media_type == CDA:
                name = f"lecture/{files.kind}-{row.pk}.html"
                self.zip.writestr(name, presenters.clinical_page(clinical, name=row.name))
                self.readable[path] = name

    def _name(self, batch: list[Json]) -> None:
        """Keep the names that a circle refers to, for the readable page."""
        self.names |= presenters.names_of(batch)
        if not any(each["resourceType"] == "CareTeam" for each in batch):
            return
        for kind in ("Organization", "Practitioner", "PractitionerRole"):
            with self._reading():
                found = referred(kind, self.referred[kind])
            if kind == "PractitionerRole":
                for each in found:
                    self._refer(each)
                with self._reading():
                    people = referred("Practitioner", self.referred["Practitioner"])
                self.names |= presenters.names_of(people)
            self.names |= presenters.names_of(found, known=self.names)

    def _with_readable(self, resource: Json) -> Json:
        if resource["resourceType"] != "DocumentReference":
            return resource
        content = [
            each | {"readable": self.readable[each["attachment"]["url"]]}
            if each["attachment"].get("url") in self.readable
            else each
            for each in resource["content"]
        ]
        return resource | {"content": content}

    def _refer(self, value: Any) -> None:
        if isinstance(value, dict):
            kind, _, number = str(value.get("reference", "")).partition("/")
            if kind in _REFERRED and number.isdigit():
                self.referred[kind].add(int(number))
            for each in value.values():
                self._refer(each)
        elif isinstance(value, list):
            for each in value:
                self._refer(each)

    def _directory(self) -> Iterator[Json]:
        for kind in _REFERRED:
            with self._reading():
                found = referred(kind, self.referred[kind])
            for resource in found:
                self._refer(resource)
                yield resource


def _digest(archive: zipfile.ZipFile, name: str) -> str:
    """Return the SHA-256 of a file of an archive, read a piece at a time."""
    with archive.open(name) as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _to_archive(resource: Json) -> None:
    """Point the files of a note to where they stand in the archive."""
    if resource["resourceType"] != "DocumentReference":
        return
    for content in resource["content"]:
        held = content["attachment"]
        _, found, number = held.get("url", "").rpartition("/fhir/Binary/")
        if found and number.isdigit():
            ending = KINDS.get(held["contentType"], ("bin", ""))[0]
            held["url"] = file_path("document", int(number), ending)


# --- The whole territory ------------------------------------------------------------------------


@app.task(
    name=operations.BUILD_TERRITORY, queue="default", retry=TERRITORY_RETRIES, pass_context=True
)
def build_territory(context: JobContext, export_id: int) -> None:
    """Write the parts of a territory that are missing, then open it to whoever asked."""
    make_territory(export_id, is_last=_is_last(context, TERRITORY_RETRIES))


def _is_last(context: JobContext, retries: int) -> bool:
    return context.job is not None and context.job.attempts >= retries


def make_territory(export_id: int, *, is_last: bool = False) -> None:
    """Make what is missing of a territory, or say why it cannot be.

    Args:
        is_last: nobody tries again after this time.
    """
    now = current_time()
    with row_security.acting_as(access.HOUSE, now=now):
        export = TerritoryExport.objects.filter(pk=export_id, status=ExportStatus.WAITING).first()
        if export is None:
            return
        before = {each.section: each for each in sections(export_id=export.pk)}
        total = sum(each.of(None).count() for each in (*DIRECTORY, *SECTIONS, *FILES))
    house = {"actor": access.HOUSE, "now": now, "export": export}
    try:
        operations.count_territory(**house, total=total)
        _write_parts(house, before)
    except Exception:
        if is_last:
            operations.stop_territory(**house, error="L’export n’a pas pu être fait.")
        raise


def _write_parts(house: dict[str, Any], before: dict[str, Whole]) -> None:
    export = house["export"]
    for name, section in _everything():
        held = before.get(name)
        number, last = (held.parts, held.last) if held else (0, 0)
        for keys, resources in _parts(section, last):
            number += 1
            operations.add_part(
                **house,
                section=name,
                number=number,
                last=keys[-1],
                rows=len(keys),
                lines=len(resources),
                data=_compressed(resources),
            )
    digests = {}
    with row_security.acting_as(access.HOUSE):
        whole = [each.section for each in sections(export_id=export.pk)]
    for name in whole:
        digest = hashlib.sha256()
        for data in part_bytes(export_id=export.pk, section=name):
            digest.update(data)
        digests[name] = digest.hexdigest()
    operations.finish_territory(**house, digests=digests)


def _everything() -> Iterator[tuple[str, Section | Files]]:
    """Yield (name of its file, section) of all that a territory is made of."""
    for section in (*DIRECTORY, *SECTIONS, *FILES):
        yield section.name if isinstance(section, Section) else f"Binary-{section.kind}", section


def _compressed(resources: list[Json]) -> bytes:
    """Return lines of NDJSON as one gzip member: members put end to end are one gzip file."""
    held = io.BytesIO()
    with gzip.GzipFile(fileobj=held, mode="wb", mtime=0) as file:
        for each in resources:
            file.write(orjson.dumps(each) + b"\n")
    return held.getvalue()


def _parts(section: Section | Files, last: int) -> Iterator[tuple[list[int], list[Json]]]:
    """Yield (keys read, resources) after a key, a bounded batch at a time."""
    while True:
        with row_security.acting_as(access.HOUSE):
            rows = section.of(None).filter(pk__gt=last)
            if isinstance(section, Section):
                keys = list(rows.values_list("pk", flat=True)[:BATCH])
                found = section.write(rows.filter(pk__lte=keys[-1])) if keys else []
            else:
                keys, found = _some_files(section, rows)
        if not keys:
            return
        last = keys[-1]
        yield keys, found


def _some_files(files: Files, rows: Any) -> tuple[list[int], list[Json]]:
    keys: list[int] = []
    found: list[Json] = []
    weight = 0
    for row in rows[:50]:
        if keys and weight + row.size > _PART_OF_FILES:
            break
        weight += row.size
        keys.append(row.pk)
        with files.content(row) as content:
            data = base64.b64encode(content.read()).decode()
        found.append(
            {
                "resourceType": "Binary",
                "id": f"{files.kind}-{row.pk}",
                "contentType": row.media_type,
                "data": data,
            }
        )
    return keys, found


# --- The whole territory, on disk ---------------------------------------------------------------

_STATE = "reprise.json"


class UnableToWrite(Exception):
    """The folder is not one to write a territory in; the French sentence says why."""


def write_territory(folder: Path, *, reason: str, now: datetime, say: Callable[[str], None]) -> int:
    """Write the whole territory in a folder; return how many lines it holds.

    Each part is on disk before the state file names it: after a kill, what was written beyond the
    state is cut off, and the next part begins there.

    Raises:
        UnableToWrite: the folder holds something else.
        OSError: the disk refuses.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    state = _state_of(folder)
    operations.record_disk_export(actor=access.HOUSE, now=now, reason=reason[:200])
    for name, section in _everything():
        held = state.setdefault(name, {"last": 0, "size": 0, "lines": 0, "whole": False})
        if held["whole"]:
            continue
        path = folder / f"{name}.ndjson.gz"
        with path.open("ab") as file:
            file.truncate(held["size"])
            for keys, resources in _parts(section, held["last"]):
                file.write(_compressed(resources))
                file.flush()
                os.fsync(file.fileno())
                held["last"], held["size"] = keys[-1], file.tell()
                held["lines"] += len(resources)
                _save_state(folder, state)
        if not held["lines"]:
            path.unlink()
        held["whole"] = True
        _save_state(folder, state)
        say(f"{name} : {held['lines']}")
    return _write_manifest(folder, state, now)


def _state_of(folder: Path) -> dict[str, Any]:
    path = folder / _STATE
    if path.exists():
        return dict(orjson.loads(path.read_bytes()))
    if any(folder.iterdir()):
        raise UnableToWrite(f"« {folder} » n’est pas vide : donnez un dossier neuf.")
    return {}


def _save_state(folder: Path, state: dict[str, Any]) -> None:
    """Replace the state at once: a reader finds the former one or the new one, never half."""
    written = folder / f"{_STATE}.new"
    with written.open("wb") as file:
        file.write(orjson.dumps(state))
        file.flush()
        os.fsync(file.fileno())
    written.replace(folder / _STATE)


def _write_manifest(folder: Path, state: dict[str, Any], now: datetime) -> int:
    outputs = []
    for name, held in state.items():
        if not held["lines"]:
            continue
        file_name = f"{name}.ndjson.gz"
        with (folder / file_name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        outputs.append(presenters.output(name, file_name, held["lines"], held["size"], digest))
    manifest = presenters.bulk_manifest(outputs, at=now, request="carbet manage export_territory")
    (folder / "manifeste.json").write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    (folder / DIGESTS).write_text(
        "".join(f"{each['extension']['sha256']}  {each['url']}\n" for each in outputs)
    )
    (folder / _STATE).unlink()
    return sum(held["lines"] for held in state.values())


@app.periodic(cron="23 * * * *")
@app.task(name="exports.clear", queue="default")
def clear(timestamp: int) -> None:
    """Remove what was kept long enough."""
    while operations.clear_expired(actor=access.HOUSE, now=current_time()):
        pass
