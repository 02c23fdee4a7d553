"""Add rows that their writer may not read back: a plain INSERT, without RETURNING.

Row security applies to what RETURNING shows, so Django's own insert is refused for a row meant for
somebody else (an alert, a live event, a trace).
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection, models


def append(rows: Sequence[models.Model]) -> None:
    """Insert the rows, all of one model, in one statement; their primary keys stay unknown."""
    if not rows:
        return
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
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES "
            + ", ".join([line] * len(rows)),
            values,
        )
