"""Add rows that their writer may not read back: a plain INSERT, without RETURNING.

Row security applies to what RETURNING shows, so Django's own insert is refused for a row meant for
somebody else (an alert, a live event, a trace).
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection, models


def append(*groups: Sequence[models.Model]) -> None:
    """Insert the rows in one statement, each group of one model; their primary keys stay unknown.

    A foreign key of one group may name a row of another: it is checked when the statement ends.
    """
    inserts: list[str] = []
    values: list[Any] = []
    for rows in filter(None, groups):
        sql, given = _insert(rows)
        inserts.append(sql)
        values += given
    if not inserts:
        return
    *before, last = inserts
    named = ", ".join(f"appended_{rank} AS ({sql})" for rank, sql in enumerate(before))
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {named} {last}" if named else last, values)


def _insert(rows: Sequence[models.Model]) -> tuple[str, list[Any]]:
    model = type(rows[0])
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    line = "(" + ", ".join(["%s"] * len(fields)) + ")"
    values: list[Any] = [
        field.get_db_prep_save(field.pre_save(row, add=True), connection)
        for row in rows
        for field in fields
    ]
    lines = ", ".join([line] * len(rows))
    return f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES {lines}", values
