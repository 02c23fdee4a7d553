"""Say what is wrong here and how to mend it, one line a check."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from carbet.config import environment
from carbet.config.commands import database
from carbet.config.commands.ports import holder
from carbet.config.commands.serving import Address, who_serves
from carbet.config.commands.terminal import ROOT, UnableToContinue, say, state_name
from carbet.core.database_roles import EXTENSIONS, OLDEST_VERSION, UnableToPrepareDatabase
from carbet.core.embedded_postgres import UnableToRunPostgres

OLDEST_PYTHON = (3, 11)
ENOUGH_SPACE_GB = 2.0
LARGEST_CLOCK_GAP_SECONDS = 2.0
# procrastinate's workers say they live every 10 s.
SILENT_AFTER_SECONDS = 60


@dataclass(frozen=True)
class Finding:
    """One thing looked at: its state, and how to mend it when it is wrong."""

    subject: str
    state: str
    mend: str = ""

    @property
    def wrong(self) -> bool:
        return bool(self.mend)


def examine() -> int:
    """Print every finding; return 1 when something is wrong."""
    findings: list[Finding] = []
    for finding in _all():
        findings.append(finding)
        say(f"{'✗' if finding.wrong else '✓'} {finding.subject} : {finding.state}")
        if finding.wrong:
            say(f"    → {finding.mend}")
    wrong = sum(finding.wrong for finding in findings)
    say()
    say("Tout va bien." if not wrong else f"À réparer : {wrong}.")
    return 1 if wrong else 0


def _all() -> Iterator[Finding]:
    yield _python()
    yield _libraries()
    yield _disk()
    yield from _ports()
    try:
        with database.opened():
            yield from _database()
    except (UnableToRunPostgres, UnableToPrepareDatabase, UnableToContinue) as error:
        yield Finding("PostgreSQL", "injoignable", str(error))


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        return Finding("Python", version, f"Installez Python {wanted} ou plus récent.")
    return Finding("Python", version)


def _libraries() -> Finding:
    stamp = ROOT / ".venv" / "carbet.lock-digest"
    if not stamp.exists():
        return Finding("Bibliothèques", "installation non vérifiable", "Lancez : make install")
    kind, _, digest = stamp.read_text().partition(" ")
    lock = ROOT / ("requirements.lock" if kind == "runtime" else "requirements-dev.lock")
    if digest.split()[0] != hashlib.sha256(lock.read_bytes()).hexdigest():
        goal = "install" if kind == "runtime" else "develop"
        return Finding("Bibliothèques", "différentes du verrou", f"Lancez : make {goal}")
    return Finding("Bibliothèques", "conformes au verrou")


def _disk() -> Finding:
    folder = environment.state_dir()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    state = f"{free:.1f} Go libres pour {state_name(environment.state_dir())}".replace(".", ",", 1)
    if not os.access(folder, os.W_OK):
        return Finding("Disque", f"{folder} n'est pas inscriptible", "Rendez-vous-en propriétaire.")
    if free < ENOUGH_SPACE_GB:
        return Finding("Disque", state, "Libérez de la place avant qu'une écriture soit refusée.")
    return Finding("Disque", state)


def _ports() -> Iterator[Finding]:
    address = Address.from_environment()
    if serving := who_serves():
        yield Finding("Carbet", f"en marche, {serving}")
        return
    yield Finding("Carbet", "à l'arrêt")
    for number, variable in (
        (address.page_port, "CARBET_PORT"),
        (address.live_port, "CARBET_LIVE_PORT"),
        (address.mllp_port, "CARBET_MLLP_PORT"),
    ):
        if not number:
            continue
        taker = holder(number)
        if taker:
            mend = f"Libérez-le, ou choisissez-en un autre avec {variable}."
            yield Finding(f"Port {number}", f"pris{taker}", mend)
        else:
            yield Finding(f"Port {number}", "libre")


def _database() -> Iterator[Finding]:
    with psycopg.connect(database.address("owner"), autocommit=True) as owner:
        yield _version(owner)
        yield _clock(owner)
        yield _extensions(owner)
        yield _application_role(owner)
    yield _schema()
    sight = database.full_sight_address() or database.address("owner")
    with psycopg.connect(sight, autocommit=True) as connection:
        # A reader that row security blinds must say so, rather than count nothing.
        connection.execute("SET row_security = off")
        for check in (_workers, _stalled_jobs, _failed_messages):
            yield _when_visible(check, connection)


Connection = psycopg.Connection[tuple[object, ...]]


def _version(connection: Connection) -> Finding:
    number = connection.info.server_version // 10000
    if number < OLDEST_VERSION:
        mend = f"Passez à PostgreSQL {OLDEST_VERSION} ou plus récent."
        return Finding("PostgreSQL", f"version {number}", mend)
    kind = "intégré" if database.is_embedded() else "de DATABASE_URL"
    return Finding("PostgreSQL", f"{kind}, version {number}, répond")


def _clock(connection: Connection) -> Finding:
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    there = row[0] if row else None
    gap = abs((datetime.now(UTC) - there).total_seconds()) if isinstance(there, datetime) else 1e9
    if gap > LARGEST_CLOCK_GAP_SECONDS:
        mend = "Réglez l'horloge des deux machines sur un serveur de temps (NTP)."
        return Finding("Horloge", f"{gap:.0f} s d'écart avec PostgreSQL", mend)
    newest = max(path.stat().st_mtime for path in (ROOT / "carbet").glob("*/*.py"))
    if datetime.now(UTC).timestamp() < newest - 86400:
        return Finding("Horloge", "en retard sur les fichiers installés", "Réglez-la (NTP).")
    return Finding("Horloge", "à l'heure de PostgreSQL")


def _extensions(connection: Connection) -> Finding:
    rows = connection.execute("SELECT extname FROM pg_extension").fetchall()
    missing = [name for name in EXTENSIONS if (name,) not in rows]
    if missing:
        mend = "Lancez : carbet migrate"
        return Finding("Extensions", f"manquent {', '.join(missing)}", mend)
    return Finding("Extensions", ", ".join(EXTENSIONS))


def _application_role(connection: Connection) -> Finding:
    role = environment.database("application")["USER"]
    row = connection.execute(
        "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = %s", [role]
    ).fetchone()
    subject = f"Rôle {role}"
    if row is None:
        return Finding(subject, "absent", "Lancez : carbet migrate")
    if row[0]:
        mend = f"ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS;"
        return Finding(subject, "échappe à la sécurité par ligne", mend)
    owned = connection.execute(
        "SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = %s", [role]
    ).fetchone()
    if owned and owned[0]:
        mend = f"REASSIGN OWNED BY {role} TO {environment.database('owner')['USER']};"
        return Finding(subject, f"possède {owned[0]} objets, devrait n'en posséder aucun", mend)
    try:
        psycopg.connect(database.address("application"), connect_timeout=5).close()
    except psycopg.OperationalError as error:
        mend = "Donnez son mot de passe dans CARBET_APP_PASSWORD."
        return Finding(subject, f"connexion refusée ({str(error).strip().splitlines()[-1]})", mend)
    return Finding(subject, "ne possède rien, soumis à la sécurité par ligne")


def _schema() -> Finding:
    if database.schema_is_current():
        return Finding("Schéma", "au niveau du code")
    finished = subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--check", "--database=owner", "--skip-checks"],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "carbet.config.settings"},
        capture_output=True,
    )
    if finished.returncode == 0:
        return Finding("Schéma", "au niveau du code")
    return Finding("Schéma", "des migrations restent à appliquer", "Lancez : carbet migrate")


def _when_visible(check: Callable[[Connection], Finding], connection: Connection) -> Finding:
    subject = (check.__doc__ or "").rstrip(".")
    try:
        return check(connection)
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        return Finding(subject, "pas encore de table")
    except psycopg.errors.InsufficientPrivilege:
        return Finding(subject, "invisible à ce compte (donnez CARBET_BACKUP_URL pour le voir)")


def _workers(connection: Connection) -> Finding:
    """Travaux de fond."""
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE last_heartbeat > now() - make_interval(secs => %s)),"
        " count(*) FROM procrastinate_workers",
        [SILENT_AFTER_SECONDS],
    ).fetchone() or (0, 0)
    alive, known = int(str(row[0])), int(str(row[1]))
    if who_serves() and not alive:
        mend = "Relancez Carbet, ou un travailleur de plus : carbet worker"
        return Finding("Travaux de fond", "aucun travailleur ne donne signe de vie", mend)
    silent = f", {known - alive} disparus" if known > alive else ""
    return Finding("Travaux de fond", f"{alive} en vie{silent}")


def _stalled_jobs(connection: Connection) -> Finding:
    """Travaux bloqués."""
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE job.status = 'doing' AND (worker.id IS NULL"
        " OR worker.last_heartbeat < now() - make_interval(secs => %s))),"
        " count(*) FILTER (WHERE job.status = 'failed') FROM procrastinate_jobs AS job"
        " LEFT JOIN procrastinate_workers AS worker ON worker.id = job.worker_id",
        [SILENT_AFTER_SECONDS],
    ).fetchone() or (0, 0)
    stalled, failed = int(str(row[0])), int(str(row[1]))
    if stalled:
        mend = "Un travailleur les reprendra : relancez Carbet s'il est à l'arrêt."
        return Finding("Travaux bloqués", f"{stalled} sans travailleur vivant", mend)
    if failed:
        mend = "Lisez leur erreur : carbet manage procrastinate shell, puis list_jobs"
        return Finding("Travaux bloqués", f"{failed} en échec", mend)
    return Finding("Travaux bloqués", "aucun")


def _failed_messages(connection: Connection) -> Finding:
    """Envois en échec."""
    row = connection.execute(
        "SELECT count(*) FROM core_outboxmessage WHERE status = 'failed'"
    ).fetchone() or (0,)
    if row[0]:
        mend = "Ouvrez le plateau des envois en échec, corrigez, puis renvoyez."
        return Finding("Envois en échec", str(row[0]), mend)
    return Finding("Envois en échec", "aucun")
