"""The two roles of the database: the owner migrates, the application owns nothing and obeys."""

from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

EXTENSIONS = ("pg_trgm", "unaccent", "btree_gist", "btree_gin")
OLDEST_VERSION = 15


class UnableToPrepareDatabase(Exception):
    """The server lacks something only its administrator can give; the sentence says what."""


@dataclass(frozen=True, kw_only=True)
class Names:
    """What the database and its two roles are called."""

    database: str
    owner: str
    application: str


def create_database(administrator: str, names: Names, *, password: str | None = None) -> None:
    """Make the two roles and the database where they miss, through a superuser's address."""
    with psycopg.connect(administrator, autocommit=True) as connection:
        for role in (names.owner, names.application):
            _create_role(connection, role, password)
        found = connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [names.database]
        ).fetchone()
        if not found:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(
                    sql.Identifier(names.database), sql.Identifier(names.owner)
                )
            )


def _create_role(
    connection: psycopg.Connection[tuple[object, ...]], role: str, password: str | None
) -> None:
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    verb = sql.SQL("ALTER ROLE {} ") if found else sql.SQL("CREATE ROLE {} ")
    statement = verb.format(sql.Identifier(role))
    if not found:
        statement += sql.SQL("LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE ")
    if password is not None:
        statement += sql.SQL("PASSWORD {}").format(sql.Literal(password))
    elif found:
        return
    connection.execute(statement)


def prepare_database(owner: str, application_role: str) -> None:
    """Give the application its rights on all that the owner makes, now and later.

    Rights come by default privileges, before the migrations: a migration that takes one back
    (history, audit) is then never undone.
    """
    application = sql.Identifier(application_role)
    database = sql.Identifier(str(conninfo_to_dict(owner)["dbname"]))
    statements: list[sql.SQL | sql.Composed] = [
        sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC"),
        sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database),
        sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(database, application),
        sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(application),
        sql.SQL(
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public "
            "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {}"
        ).format(application),
        sql.SQL(
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {}"
        ).format(application),
    ]
    with psycopg.connect(owner) as connection:
        if connection.info.server_version < OLDEST_VERSION * 10000:
            raise UnableToPrepareDatabase(
                f"Carbet demande PostgreSQL {OLDEST_VERSION} ou plus récent."
            )
        for extension in EXTENSIONS:
            _create_extension(connection, extension)
        for statement in statements:
            connection.execute(statement)


def _create_extension(connection: psycopg.Connection[tuple[object, ...]], name: str) -> None:
    try:
        connection.execute(
            sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(name))
        )
    except (psycopg.errors.UndefinedFile, psycopg.errors.FeatureNotSupported) as error:
        raise UnableToPrepareDatabase(
            f"L'extension « {name} » manque sur le serveur : installez les modules « contrib » de "
            "PostgreSQL (paquet postgresql-contrib)."
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise UnableToPrepareDatabase(
            f"Demandez à l'administrateur de lancer, dans cette base : CREATE EXTENSION {name};"
        ) from error


def ensure_application_role(owner: str, application_role: str, password: str) -> None:
    """Make the application's role on a server that is not ours, when its owner's account may.

    Raises: UnableToPrepareDatabase with the statements that the administrator must run.
    """
    application = make_conninfo(owner, user=application_role, password=password)
    try:
        psycopg.connect(application, connect_timeout=5).close()
        return
    except psycopg.OperationalError:
        pass  # Missing, another password, or no right to connect yet.
    with psycopg.connect(owner, autocommit=True) as connection:
        try:
            _create_role(connection, application_role, password)
        except psycopg.errors.InsufficientPrivilege as error:
            raise UnableToPrepareDatabase(
                f"Le compte de DATABASE_URL ne peut pas créer le rôle « {application_role} ». "
                "Demandez à l'administrateur de lancer :\n"
                f"  CREATE ROLE {application_role} LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD '…';\n"
                "puis donnez ce mot de passe dans CARBET_APP_PASSWORD."
            ) from error
