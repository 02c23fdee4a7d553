"""Bring an outside directory in: read it page by page, aside; then put it in place at once."""

import contextlib
import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings
from django.db import connection
from procrastinate.contrib.django import app

from carbet.connectors import ror, structures_file
from carbet.connectors.annuaire_sante import Directory, Key, NotAllowed, PageGone, Unreachable
from carbet.connectors.structures_file import Line, WrongFile
from carbet.core.actor import Actor, internal
from carbet.core.clock import now as current_time
from carbet.registries.directory import queries
from carbet.registries.directory.choices import Source
from carbet.registries.directory.fhir import reading
from carbet.registries.directory.models import ImportRun
from carbet.registries.directory.operations import imports
from carbet.registries.directory.operations.imports import Batch, Rejected, UnableToImport
from carbet.registries.directory.operations.structures import WrongStructure, rows_of

logger = logging.getLogger(__name__)

# Resources kept aside together: what a restart reads again at most.
BATCH = 2000
LARGEST_DOCUMENT = 256 * 1024 * 1024
_SYSTEMS = {
    Source.ANNUAIRE: "https://gateway.api.esante.gouv.fr/fhir/v2",
    Source.ROR: "https://ror.esante.gouv.fr",
}


@dataclass(frozen=True)
class Wish:
    """How an import is wanted."""

    source: str
    dry_run: bool = False
    whole: bool = False
    fresh: bool = False
    everything: bool = False
    force: bool = False
    invented_numbers: bool = False
    encoding: str = ""


def directory_of(source: str) -> Directory:
    """Return the outside directory that the settings give access to.

    Raises:
        UnableToImport: its key or its address is not set.
    """
    if source == Source.ANNUAIRE:
        if not settings.ANNUAIRE_KEY:
            raise UnableToImport("Clé absente : donnez CARBET_ANNUAIRE_KEY.")
        return Directory(base=settings.ANNUAIRE_URL, credentials=Key(settings.ANNUAIRE_KEY))
    if source != Source.ROR:
        raise UnableToImport("Cette source se lit dans un fichier.")
    if not (settings.ROR_URL and settings.ROR_CLIENT_ID):
        raise UnableToImport("Accès au ROR absent : donnez CARBET_ROR_URL et CARBET_ROR_CLIENT_ID.")
    profile = dict(each.split("=", 1) for each in settings.ROR_PROFILE if "=" in each)
    bearer = ror.Bearer(
        token_url=settings.ROR_TOKEN_URL,
        client_id=settings.ROR_CLIENT_ID,
        secret=settings.ROR_CLIENT_SECRET,
        profile=profile,
    )
    return Directory(
        base=settings.ROR_URL.rstrip("/"),
        credentials=bearer,
        kinds=ror.KINDS,
        tag=ror.REGION,
        most=ror.MOST_ANSWERS,
    )


@app.task(name=imports.ASKED_IMPORT, queue="imports")
def import_asked(source: str, dry_run: bool) -> None:
    """Begin to bring a directory in, as an operator asked from a page."""
    _beside(lambda: bring_in(source, dry_run=dry_run))


@app.periodic(cron="40 5 * * *")
@app.task(name="directory.import_nightly", queue="imports")
def import_nightly(timestamp: int) -> None:
    """Begin each night to bring in what changed in the directories that the settings open."""
    sources = [
        source.value
        for source, is_set in (
            (Source.ANNUAIRE, settings.ANNUAIRE_KEY),
            (Source.ROR, settings.ROR_CLIENT_ID),
        )
        if is_set
    ]
    if sources:
        _beside(lambda: [bring_in(source) for source in sources])


def bring_in(source: str, *, dry_run: bool = False) -> None:
    """Bring a directory in; what stops it is kept in its run, for the operator."""
    wish = Wish(source=source, dry_run=dry_run)
    with contextlib.suppress(UnableToImport):
        import_directory(wish, directory_of(source), actor=internal("imports"), say=lambda _: None)


def _beside(act: Callable[[], object]) -> None:
    """Act without holding the worker: it does one thing at a time, and alerts must leave.

    The thread dies with the worker; the import then goes on from where it was.
    """

    def run() -> None:
        try:
            act()
        except Exception:
            logger.exception("an import met a fault")
        finally:
            connection.close()

    threading.Thread(target=run, name="import", daemon=True).start()


class _Wrong(Exception):
    """What came as a whole cannot be believed: a page repeated or lost."""


def import_directory(
    wish: Wish, directory: Directory, *, actor: Actor, say: Callable[[str], None]
) -> ImportRun:
    """Import from an API: each type, page after page, from where it stopped.

    Raises:
        UnableToImport: it stopped, and why; what was read is kept to go on from.
    """
    return _carry_out(
        wish, directory.base, lambda run: _pages(wish, directory, run), directory.kinds, actor, say
    )


def import_file(wish: Wish, path: Path, *, actor: Actor, say: Callable[[str], None]) -> ImportRun:
    """Import from a file: a table of structures, or FHIR documents (a file or a folder of them).

    Raises:
        UnableToImport: it stopped, and why.
    """
    if not path.exists():
        raise UnableToImport(f"Fichier introuvable : {path.name}.")
    origin = f"{path.name[:150]} ({_fingerprint(path)})"
    if wish.source in (Source.FINESS, Source.STRUCTURES):
        kinds = ("HealthcareService", "Organization")
        return _carry_out(wish, origin, lambda run: _lines(wish, path, run), kinds, actor, say)
    return _carry_out(
        wish, origin, lambda run: _documents(wish, path, run), reading.KINDS, actor, say
    )


def _fingerprint(path: Path) -> str:
    """Return what tells this file or folder from another of its name: only itself resumes."""
    if path.is_dir():
        held = "".join(f"{each.name} {each.stat().st_size};" for each in _json_files(path))
        return hashlib.sha256(held.encode()).hexdigest()[:12]
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()[:12]


def _json_files(path: Path) -> list[Path]:
    return sorted(path.glob("*.json")) if path.is_dir() else [path]


def _carry_out(
    wish: Wish,
    origin: str,
    batches: Callable[[ImportRun], Iterator[Batch]],
    kinds: tuple[str, ...],
    actor: Actor,
    say: Callable[[str], None],
) -> ImportRun:
    with connection.cursor() as cursor:
        # Held by the session, let go by PostgreSQL itself if this process dies.
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [f"import {wish.source}"])
        if not cursor.fetchone()[0]:
            raise UnableToImport("Un import de cette source est déjà en cours.")
    try:
        run = imports.open_import(
            actor=actor,
            now=current_time(),
            source=wish.source,
            origin=origin,
            dry_run=wish.dry_run,
            whole=wish.whole,
            fresh=wish.fresh,
            keep_since=not wish.everything and not wish.whole,
        )
        try:
            for batch in batches(run):
                imports.stage(actor=actor, now=current_time(), run=run, batch=batch)
                expected = f" sur {run.expected}" if run.expected else ""
                say(f"{run.read}{expected} lus, {run.rejected} rejetés")
            say("Mise en place…")
            return imports.merge_import(
                actor=actor, now=current_time(), run=run, kinds=kinds, force=wish.force
            )
        except (_Wrong, PageGone) as error:
            # What was read cannot be gone on with.
            problem, again = f"{error} ; la lecture recommencera du début".strip(), True
        except (Unreachable, NotAllowed, WrongFile, UnableToImport) as error:
            problem, again = str(error), False
        except Exception as error:
            problem = f"Erreur imprévue ({type(error).__name__}) ; rien n’a été changé."
            imports.stop_import(actor=actor, now=current_time(), run=run, problem=problem)
            raise
        imports.stop_import(actor=actor, now=current_time(), run=run, problem=problem, again=again)
        raise UnableToImport(problem)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [f"import {wish.source}"])


def _context(wish: Wish) -> reading.Context:
    return reading.Context(
        now=current_time(),
        communes={each.code: each.postal_codes for each in queries.communes()},
        invented_numbers=wish.invented_numbers,
        source_system=_SYSTEMS.get(Source(wish.source), ""),
    )


def _take(batch: Batch, resource: Any, context: reading.Context, page: int | None) -> None:
    try:
        batch.read.append((reading.read(resource, context), None, page))
    except reading.UnableToRead as error:
        batch.rejected.append(
            Rejected(error.reason, kind=error.kind, source_id=error.source_id, page=page)
        )
        batch.hidden += error.hidden
    except (TypeError, AttributeError, ValueError, OverflowError, RecursionError):
        # A shape that nobody foresaw: this resource only.
        said = resource if isinstance(resource, dict) else {}
        batch.rejected.append(
            Rejected(
                "Forme inattendue : la ressource n’a pas pu être lue.",
                kind=reading.text(said.get("resourceType"))[:20],
                source_id=reading.text(said.get("id"))[:64],
                page=page,
            )
        )


def _pages(wish: Wish, directory: Directory, run: ImportRun) -> Iterator[Batch]:
    """Give what each page brings; a page that comes back, or is missing in the end, stops all."""
    context = _context(wish)
    place = dict(run.cursor)
    for kind in directory.kinds:
        held = dict(place.get(kind) or {"next": directory.first(kind, run.since), "count": 0})
        while held.get("next"):
            batch = Batch(cursor={})
            while held["next"] and len(batch.read) + len(batch.rejected) < BATCH:
                page = directory.page(held["next"])
                seen = held.setdefault("seen", [])
                if page.resources and page.digest in seen:
                    raise _Wrong(f"La page {run.pages + batch.pages + 1} ({kind}) est déjà venue")
                held["seen"] = [*seen, page.digest][-500:]
                batch.pages += 1
                for resource in page.resources:
                    _take(batch, resource, context, run.pages + batch.pages)
                held["count"] += len(page.resources)
                if held.get("total") is None:
                    held["total"] = page.total
                if page.next and page.next == held["next"]:
                    raise _Wrong(f"La page suivante est la page elle-même ({kind})")
                held["next"] = page.next
            if not held["next"]:
                if directory.most and held["count"] >= directory.most:
                    raise UnableToImport(
                        f"{held['count']} {kind} reçus : ce serveur coupe ses réponses à"
                        f" {directory.most}, le reste manque ; rien n’a été changé."
                    )
                if held.get("total") is not None and held["count"] < held["total"]:
                    raise _Wrong(
                        f"{held['total']} {kind} annoncés, {held['count']} reçus : une page manque"
                    )
                held["seen"] = []
            place[kind] = held
            batch.cursor = dict(place)
            batch.expected = sum(each.get("total") or 0 for each in place.values()) or None
            yield batch


def _lines(wish: Wish, path: Path, run: ImportRun) -> Iterator[Batch]:
    """Give what the lines of a table bring, from the one after the last kept aside."""
    communes = _context(wish).communes
    after = int(run.cursor.get("line", 0))
    table = structures_file.finess if wish.source == Source.FINESS else structures_file.structures
    options: dict[str, Any] = {"encoding": wish.encoding} if wish.encoding else {}
    batch = Batch(cursor={})
    for line in table(path, after=after, **options):
        _take_line(batch, line, communes)
        batch.cursor = {"line": line.number}
        if len(batch.read) + len(batch.rejected) >= BATCH:
            yield batch
            batch = Batch(cursor={"line": line.number})
    if batch.cursor:
        yield batch


def _take_line(batch: Batch, line: Line, communes: dict[str, list[str]]) -> None:
    if line.structure is None:
        kind = "Organization" if line.source_id else ""
        batch.rejected.append(
            Rejected(
                line.reason,
                kind=kind,
                source_id=line.source_id,
                label=line.said,
                line=line.number,
            )
        )
        return
    try:
        batch.read += [(row, line.number, None) for row in rows_of(line.structure, communes)]
    except WrongStructure as error:
        batch.rejected.append(
            Rejected(
                str(error),
                kind="Organization",
                source_id=line.structure.number[:64],
                label=line.said,
                line=line.number,
            )
        )


def _documents(wish: Wish, path: Path, run: ImportRun) -> Iterator[Batch]:
    """Give what FHIR files bring: bundles, or one resource each."""
    context = _context(wish)
    for number, each in enumerate(_json_files(path), 1):
        if each.name <= run.cursor.get("file", ""):
            continue
        if each.stat().st_size > LARGEST_DOCUMENT:
            raise WrongFile(f"Fichier trop grand : {each.name}.")
        try:
            document = orjson.loads(each.read_bytes())
        except orjson.JSONDecodeError as error:
            raise WrongFile(f"{each.name} n’est pas du JSON entier : {error}.") from error
        batch = Batch(cursor={"file": each.name}, pages=1)
        for resource in reading.resources_of(document):
            _take(batch, resource, context, number)
        yield batch
