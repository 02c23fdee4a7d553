"""The database's own door: which rows the actor of the transaction may see and write.

Every table that speaks of a person carries the same predicate: the transaction's actor holds a
grant (`core_accessgrant`) on that person, of the level asked, valid now. The application's role
owns nothing and cannot bypass it; the owner's role, which migrates, has a policy of its own.
"""

import contextvars
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.migrations import RunSQL

from carbet.core.actor import ANONYMOUS_ACTOR, INTERNAL, Actor, DataCategory, Level

GRANTEES = "NULLIF(current_setting('carbet.grantees', true), '')::text[]"
IS_INTERNAL = "COALESCE(current_setting('carbet.internal', true), '') = 'on'"
IS_OPERATING = "COALESCE(current_setting('carbet.operation', true), '') <> ''"

_entered: contextvars.ContextVar[tuple[Actor, datetime | None, str, str] | None] = (
    contextvars.ContextVar("entered", default=None)
)

# STABLE and a single expression: PostgreSQL inlines it into every policy.
NOW_FUNCTION = """
CREATE OR REPLACE FUNCTION carbet_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT COALESCE(NULLIF(current_setting('carbet.now', true), '')::timestamptz, now()) $$
"""


@dataclass(frozen=True)
class Protected:
    """A model whose rows speak of one person, found through `column`.

    `category` is what its rows hold: one `DataCategory` for all, or the name of the column that
    says it row by row; None when whoever enters the record sees them.
    """

    column: str = "patient_id"
    read: Level = Level.READ
    write: Level = Level.WRITE
    category: DataCategory | str | None = None


@dataclass(frozen=True)
class Shared(Protected):
    """A model of `core.sharing.Shared`: besides the grant, each row says who sees it."""


@dataclass(frozen=True)
class Custom:
    """A model with policies of its own; `reason` says which and why."""

    reason: str


@dataclass(frozen=True)
class Open:
    """A model without row security, since it speaks of no person cared for; `reason` says so."""

    reason: str


def holds_grant(patient: str, level: Level, category: DataCategory | str | None = None) -> str:
    """Return the SQL condition "the actor holds a valid grant of this level on `patient`".

    Args:
        category: what the grant must open as well: a `DataCategory` (all of it), or an SQL
            expression such as "notebook_note.category".
    """
    opened = ""
    if category is not None:
        asked = category if isinstance(category, str) else int(category)
        opened = f" AND (g.categories & {asked}) = {asked}"
    return (
        f"EXISTS (SELECT 1 FROM core_accessgrant g WHERE g.patient_id = {patient}"
        f" AND g.grantee = ANY ({GRANTEES}) AND g.level >= {int(level)}{opened}"
        f" AND g.valid_from <= carbet_now()"
        f" AND (g.valid_until IS NULL OR g.valid_until > carbet_now()))"
    )


def sees_shared(
    table: str, level: Level = Level.READ, category: DataCategory | str | None = None
) -> str:
    """Return the SQL condition "the actor holds a grant and is among those who see this row".

    The rows of `table` carry `patient_id`, `visibility` and `readers` (`core.sharing`).

    Args:
        category: what the grant must open as well, as `holds_grant` takes it.
    """
    person = "g.grantee LIKE 'account:%'"
    among = (
        f"({table}.visibility = 'circle'"
        f" OR ({table}.visibility = 'professionals' AND NOT {person})"
        f" OR {table}.readers::text[] && {GRANTEES}"
        f" OR ('account' = ANY ({table}.readers) AND {person}))"
    )
    held = holds_grant(f"{table}.patient_id", level, category)
    return held.removesuffix(")") + f" AND {among})"


def protect_shared(table: str, *, history: str = "") -> list[RunSQL]:
    """Return the steps that put a table of shared entries, and its history, behind the door."""
    written = f"{IS_INTERNAL} OR {holds_grant(f'{table}.patient_id', Level.WRITE)}"
    steps = [
        policies(
            table, select=f"{IS_INTERNAL} OR {sees_shared(table)}", insert=written, update=written
        )
    ]
    if history:
        seen = f"{IS_INTERNAL} OR {sees_shared(history)}"
        steps.append(policies(history, select=seen, insert="true", update=None))
    return steps


def categorize_shared(table: str, *, category: str, history: str) -> RunSQL:
    """Return the step that lets a table of shared entries be seen by category as well.

    Args:
        category: the name of the column that says it.
    """

    def policies_of(*, asked: bool) -> list[Any]:
        def condition(name: str) -> str | None:
            return f"{name}.{category}" if asked else None

        seen = f"{IS_INTERNAL} OR {sees_shared(table, category=condition(table))}"
        kept = f"{IS_INTERNAL} OR {sees_shared(history, category=condition(history))}"
        held = holds_grant(f"{table}.patient_id", Level.WRITE, condition(table))
        written = f"{IS_INTERNAL} OR {held}"
        checked = f"WITH CHECK ({IS_OPERATING} AND ({written}))"
        return [
            f"ALTER POLICY may_select ON {table} USING ({seen})",
            f"ALTER POLICY may_insert ON {table} {checked}",
            f"ALTER POLICY may_update ON {table} USING ({written}) {checked}",
            f"ALTER POLICY may_select ON {history} USING ({kept})",
        ]

    return RunSQL(sql=policies_of(asked=True), reverse_sql=policies_of(asked=False))


def categorize(
    table: str,
    column: str = "patient_id",
    *,
    category: DataCategory | str,
    read: Level = Level.READ,
    write: Level | None = Level.WRITE,
) -> RunSQL:
    """Return the step that lets a table behind the door be seen by category as well.

    Args:
        category: a `DataCategory` that all its rows hold, or the name of the column that says it.
        write: None for a table that is only added to, as a history.
    """
    asked = f"{table}.{category}" if isinstance(category, str) else category

    def policies_of(asked: DataCategory | str | None) -> list[Any]:
        seen = f"{IS_INTERNAL} OR {holds_grant(f'{table}.{column}', read, asked)}"
        steps: list[Any] = [f"ALTER POLICY may_select ON {table} USING ({seen})"]
        if write is not None:
            written = f"{IS_INTERNAL} OR {holds_grant(f'{table}.{column}', write, asked)}"
            checked = f"WITH CHECK ({IS_OPERATING} AND ({written}))"
            steps += [
                f"ALTER POLICY may_insert ON {table} {checked}",
                f"ALTER POLICY may_update ON {table} USING ({written}) {checked}",
            ]
        return steps

    return RunSQL(sql=policies_of(asked), reverse_sql=policies_of(None))


def protect(
    table: str,
    column: str = "patient_id",
    *,
    read: Level = Level.READ,
    write: Level = Level.WRITE,
    category: DataCategory | str | None = None,
    may_insert: str | None = None,
    may_read: str | None = None,
) -> RunSQL:
    """Return the migration step that puts `table` behind the door.

    Args:
        column: the column that holds the person's id.
        category: what its rows hold: a `DataCategory`, or the name of the column that says it.
        may_insert: a further SQL condition under which a row may be added without a grant
            (a person who is being registered has none yet).
        may_read: a further SQL condition under which a row is seen without a grant.
    """
    asked = f"{table}.{category}" if isinstance(category, str) else category
    seen = f"{IS_INTERNAL} OR {holds_grant(f'{table}.{column}', read, asked)}"
    if may_read:
        seen += f" OR ({may_read})"
    written = f"{IS_INTERNAL} OR {holds_grant(f'{table}.{column}', write, asked)}"
    added = f"{written} OR ({may_insert})" if may_insert else written
    return policies(table, select=seen, insert=added, update=written)


def protect_events(
    table: str,
    column: str = "patient_id",
    *,
    read: Level = Level.READ,
    category: DataCategory | str | None = None,
) -> RunSQL:
    """Return the step for a history table: seen like its rows, added to, never changed."""
    asked = f"{table}.{category}" if isinstance(category, str) else category
    seen = f"{IS_INTERNAL} OR {holds_grant(f'{table}.{column}', read, asked)}"
    return policies(table, select=seen, insert="true", update=None)


def policies(table: str, *, select: str, insert: str | None, update: str | None) -> RunSQL:
    """Return the migration step that forces row security on `table` with these conditions.

    A write needs an operation under way as well, so that no row changes without its trace. What is
    None is refused. Nothing is ever deleted by the application.
    """
    steps: list[Any] = [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY owner_all ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)",
        f"CREATE POLICY may_select ON {table} FOR SELECT USING ({select})",
        f"REVOKE DELETE, TRUNCATE ON {table} FROM carbet_app",
    ]
    if insert is not None:
        steps.append(
            f"CREATE POLICY may_insert ON {table} FOR INSERT"
            f" WITH CHECK ({IS_OPERATING} AND ({insert}))"
        )
    else:
        steps.append(f"REVOKE INSERT ON {table} FROM carbet_app")
    if update is not None:
        steps.append(
            f"CREATE POLICY may_update ON {table} FOR UPDATE USING ({update})"
            f" WITH CHECK ({IS_OPERATING} AND ({update}))"
        )
    else:
        steps.append(f"REVOKE UPDATE ON {table} FROM carbet_app")
    names = ("owner_all", "may_select", "may_insert", "may_update")
    undo: list[Any] = [f"DROP POLICY IF EXISTS {name} ON {table}" for name in names]
    undo += [
        f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        f"GRANT INSERT, UPDATE, DELETE ON {table} TO carbet_app",
    ]
    return RunSQL(sql=steps, reverse_sql=undo)


def array_literal(values: tuple[str, ...]) -> str:
    """Return a PostgreSQL text[] literal of plain keys (letters, digits and colons only)."""
    if not all(value.replace(":", "").isalnum() for value in values):
        raise ValueError(f"not plain grantee keys: {values!r}")
    return "{" + ",".join(values) + "}"


def enter(
    actor: Actor,
    *,
    now: datetime | None = None,
    operation: str = "",
    context_id: str = "",
    read_only: bool = False,
) -> None:
    """Make `actor` the actor of the current transaction, for row security. One statement.

    `context_id` groups the versions that history keeps; `read_only` makes PostgreSQL refuse every
    write until the transaction ends.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("row security needs a transaction: the setting ends with it")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('carbet.grantees', %s, true), set_config('carbet.internal', %s,"
            " true), set_config('carbet.now', %s, true), set_config('carbet.operation', %s, true),"
            " set_config('pghistory.context_id', %s, true),"
            " set_config('pghistory.context_metadata', %s, true),"
            " CASE WHEN %s THEN set_config('transaction_read_only', 'on', true) END",
            [
                array_literal(actor.grantees),
                "on" if actor.kind == INTERNAL else "off",
                now.isoformat() if now else "",
                operation,
                context_id,
                json.dumps({"operation": operation}) if context_id else "",
                read_only,
            ],
        )
    entered(actor, now=now, operation=operation, context_id=context_id)


def entered(
    actor: Actor | None, *, now: datetime | None = None, operation: str = "", context_id: str = ""
) -> None:
    """Remember who entered, where the settings were made by another statement."""
    _entered.set((actor, now, operation, context_id) if actor else None)


@contextmanager
def acting_as(
    actor: Actor, *, now: datetime | None = None, operation: str = "", context_id: str = ""
) -> Iterator[None]:
    """Let `actor` act in a transaction, then give it back to whoever acted before."""
    before = _entered.get()
    with transaction.atomic():
        enter(actor, now=now, operation=operation, context_id=context_id)
        try:
            yield
        except BaseException:
            _entered.set(before)
            raise
        actor, now, operation, context_id = before or (ANONYMOUS_ACTOR, None, "", "")
        enter(actor, now=now, operation=operation, context_id=context_id)
    _entered.set(before)
