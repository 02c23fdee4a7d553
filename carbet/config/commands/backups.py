"""Save the whole database in one file, and put one back without destroying what it replaces."""

import os
import subprocess
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from carbet.config import environment
from carbet.config.commands import database
from carbet.config.commands.terminal import UnableToContinue, say, step


def backup(file: str) -> int:
    """Write a backup (pg_dump, custom format); a failure never leaves a half-written file there."""
    target = Path(file)
    if not target.absolute().parent.is_dir():
        raise UnableToContinue(f"Le dossier {target.absolute().parent} n'existe pas.")
    unfinished = target.with_name(target.name + ".unfinished")
    with database.opened():
        with step(f"Sauvegarde dans {target}"):
            descriptor = os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            os.close(descriptor)
            try:
                _run("pg_dump", "--format=custom", f"--file={unfinished}", _all_seeing())
            except UnableToContinue:
                unfinished.unlink(missing_ok=True)
                raise
            with open(unfinished, "rb") as written:
                os.fsync(written.fileno())
            unfinished.replace(target)
    say(f"  {target.stat().st_size / 1e6:.1f} Mo".replace(".", ","))
    say("  Ce fichier contient des données de santé : chiffrez-le et limitez-en l'accès.")
    return 0


def restore(file: str) -> int:
    """Restore beside the present database, then swap their names: a failure changes nothing."""
    source = Path(file)
    if not source.is_file():
        raise UnableToContinue(f"Le fichier {source} n'existe pas.")
    moment = datetime.now().astimezone().strftime("%Y%m%d_%H%M%S")
    present = str(environment.database("owner")["NAME"])
    arriving, leaving = f"{present}_restore_{moment}", f"{present}_before_{moment}"
    with database.opened():
        all_seeing = _all_seeing()
        with step(f"Restauration de {source}"), _connect(all_seeing) as connection:
            _check_nobody_works(connection, present)
            _execute(connection, "CREATE DATABASE {} OWNER {} TEMPLATE template0", arriving)
            try:
                _run(
                    "pg_restore",
                    "--exit-on-error",
                    "--no-owner",
                    f"--role={environment.OWNER_ROLE}",
                    f"--dbname={make_conninfo(all_seeing, dbname=arriving)}",
                    str(source),
                )
            except UnableToContinue:
                _execute(connection, "DROP DATABASE {}", arriving)
                raise
            _execute(connection, "ALTER DATABASE {} RENAME TO {}", present, leaving)
            _execute(connection, "ALTER DATABASE {} RENAME TO {}", arriving, present)
    with database.opened():
        database.migrate()
        database.set_stamp(database.TERRITORY, "restaurée")
    say(f"  La base remplacée est gardée sous le nom « {leaving} ». Pour la supprimer :")
    say(f'  carbet psql -c "DROP DATABASE {leaving}"')
    return 0


def _all_seeing() -> str:
    found = database.full_sight_address()
    if found is None:
        raise UnableToContinue(
            "Une sauvegarde doit voir toutes les lignes, ce que la sécurité par ligne interdit au "
            "compte de DATABASE_URL. Donnez dans CARBET_BACKUP_URL l'adresse d'un compte "
            "BYPASSRLS (sauvegarde) ou superutilisateur (restauration)."
        )
    return found


def _connect(address: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(make_conninfo(address, dbname="postgres"), autocommit=True)


def _check_nobody_works(connection: psycopg.Connection[tuple[object, ...]], name: str) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
    row = connection.execute(query, [name]).fetchone()
    if row and row[0]:
        raise UnableToContinue(
            f"{row[0]} connexions utilisent la base : arrêtez Carbet avant de restaurer."
        )


def _execute(
    connection: psycopg.Connection[tuple[object, ...]], statement: str, *names: str
) -> None:
    if "OWNER" in statement:
        names = (*names, environment.OWNER_ROLE)
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))  # type: ignore[arg-type]


def _run(program: str, *arguments: str) -> None:
    finished = subprocess.run(
        [database.client_program(program), *arguments], capture_output=True, text=True
    )
    if finished.returncode != 0:
        raise UnableToContinue(f"{program} a échoué :\n{finished.stderr.strip()[-2000:]}")
