"""Fill tables by the million: PostgreSQL's COPY, with triggers, indexes and foreign keys put aside
and put back in the same transaction, so that a failure leaves everything as it was."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from json import dumps
from typing import Any

from django.db import connections, models
from django.db.backends.utils import CursorWrapper

OWNER = "owner"
NULL = r"\N"


class Target:
    """One table being filled: rows wait in memory until `flush` copies them."""

    def __init__(self, model: type[models.Model], *given: str) -> None:
        """Prepare to fill `model`, with these columns given for each row, in this order.

        Every other column takes its field's default, the same for all rows; a primary key that is
        not given is drawn from its sequence.

        Raises:
            LookupError: a column given does not exist.
        """
        meta = model._meta
        fields = {str(field.column): field for field in meta.concrete_fields}
        if missing := set(given) - set(fields):
            raise LookupError(f"{meta.db_table} has no column {', '.join(sorted(missing))}")
        others = {
            column: _default(field)
            for column, field in fields.items()
            if column not in given
            and not field.primary_key
            and field.db_default is models.NOT_PROVIDED
        }
        self.table = meta.db_table
        self.statement = f"COPY {meta.db_table} ({', '.join([*given, *others])}) FROM STDIN"
        self._tail = "".join(f"\t{value}" for value in others.values()) + "\n"
        self._rows: list[str] = []

    def add(self, *cells: str) -> None:
        """Add one row, its cells in COPY's text form, in the order of the columns given."""
        self._rows.append("\t".join(cells) + self._tail)

    def flush(self, cursor: CursorWrapper) -> None:
        """Copy the waiting rows."""
        if self._rows:
            with cursor.copy(self.statement) as copy:
                copy.write("".join(self._rows))
            self._rows.clear()


def _default(field: "models.Field[Any, Any]") -> str:
    if field.has_default():
        value = field.get_default()
    elif getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
        raise LookupError(f"{field.model._meta.db_table}.{field.column} must be given")
    elif field.null:
        value = None
    else:
        value = ""
    return cell(value, json=isinstance(field, models.JSONField))


def cell(value: object, *, json: bool = False) -> str:
    r"""Return a value in COPY's text form: \N for nothing, t and f, escaped text, {} for lists."""
    if value is None:
        return NULL
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, (list, tuple)) and not json:
        return array(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if json:
        value = dumps(value, ensure_ascii=False)
    text = str(value)
    if "\\" in text or "\t" in text or "\n" in text or "\r" in text:
        for sign, escaped in (("\\", r"\\"), ("\t", r"\t"), ("\n", r"\n"), ("\r", r"\r")):
            text = text.replace(sign, escaped)
    return text


def array(values: Sequence[object]) -> str:
    """Return a list of words or numbers as an array in COPY's text form."""
    if values and isinstance(values[0], int):
        return "{" + ",".join(map(str, values)) + "}"
    return "{" + ",".join(f'"{cell(value)}"' for value in values) + "}"


@contextmanager
def quiet(cursor: CursorWrapper, tables: Sequence[str], *, bare: bool) -> Iterator[None]:
    """Silence the triggers of these tables and, when `bare`, put their indexes and keys aside.

    A few rows go faster with the indexes in place, a million without. Primary keys always stay.
    COPY refuses a table whose row security binds even its owner: the owner is unbound meanwhile.
    Must run inside a transaction, which locks the tables: nobody meets them in that state.
    """
    # A table whose deferred checks are still due cannot be altered.
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for table in tables:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    cursor.execute(
        "SELECT oid::regclass::text FROM pg_class"
        " WHERE relforcerowsecurity AND oid = ANY (%s::regclass[])",
        [list(tables)],
    )
    bound = [row[0] for row in cursor.fetchall()]
    for table in bound:
        cursor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    again = _put_aside(cursor, tables) if bare else []
    yield
    for statement in again:
        cursor.execute(statement)
    for table in bound:
        cursor.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    for table in tables:
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def _put_aside(cursor: CursorWrapper, tables: Sequence[str]) -> list[str]:
    """Drop indexes, unique constraints and foreign keys; return what makes them again, in order."""
    cursor.execute(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), contype"
        " FROM pg_constraint WHERE conrelid = ANY (%s::regclass[]) AND contype IN ('f', 'u')",
        [list(tables)],
    )
    constraints = cursor.fetchall()
    for table, name, _, _ in constraints:
        cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    cursor.execute(
        "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i"
        " WHERE i.indrelid = ANY (%s::regclass[])"
        " AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)",
        [list(tables)],
    )
    indexes = cursor.fetchall()
    for name, _ in indexes:
        cursor.execute(f"DROP INDEX {name}")
    again = [definition for _, definition in indexes]
    # Unique keys before the foreign keys that could lean on them.
    for kind in ("u", "f"):
        again += [
            f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}'
            for table, name, definition, found in constraints
            if found == kind
        ]
    return again


class Numbers:
    """Row numbers of one table, taken in memory and given back to its sequence in the end."""

    def __init__(self, cursor: CursorWrapper, model: type[models.Model]) -> None:
        table, column = model._meta.db_table, model._meta.pk.column  # type: ignore[union-attr]
        cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [table, column])
        self._sequence = cursor.fetchone()[0]
        cursor.execute("SELECT nextval(%s)", [self._sequence])
        self.next_value = int(cursor.fetchone()[0])

    def take(self) -> int:
        """Return the next row number."""
        value = self.next_value
        self.next_value += 1
        return value

    def give_back(self, cursor: CursorWrapper) -> None:
        """Let the sequence go on from here."""
        cursor.execute("SELECT setval(%s, %s, false)", [self._sequence, self.next_value])


def owner_cursor() -> Any:
    """Return a cursor of the role that owns the tables."""
    return connections[OWNER].cursor()
