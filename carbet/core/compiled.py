"""A wide query whose SQL is written once by the ORM: only the condition changes.

Writing the SQL of thirty columns and a sub-query costs more than running it.
"""

import json
from collections.abc import Callable
from functools import cached_property
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import JSONField, QuerySet


class Compiled:
    """The columns to read of a model: `make` returns a `.values(…)` query without any condition."""

    def __init__(self, make: Callable[[], QuerySet[Any, dict[str, Any]]]) -> None:
        self._make = make

    @cached_property
    def _written(self) -> tuple[str, tuple[Any, ...], list[str], frozenset[str]]:
        queryset = self._make().order_by()
        sql, values = queryset.query.sql_with_params()
        annotations = queryset.query.annotation_select
        columns = {field.attname: field for field in queryset.model._meta.concrete_fields}
        documents = {
            name
            for name in queryset.query.values_select
            if isinstance(columns.get(name), JSONField)
        }
        names = [*queryset.query.values_select, *annotations]
        table = connection.ops.quote_name(queryset.model._meta.db_table)
        key = f"{table}.{connection.ops.quote_name(str(queryset.model._meta.pk.column))}"
        return (
            f"{sql} WHERE {key} IN ({{}}) ORDER BY {key}",
            values,
            names,
            frozenset({*annotations, *documents}),
        )

    def rows(self, wanted: QuerySet[Any]) -> list[dict[str, Any]]:
        """Return the columns of the rows wanted, by primary key, in one statement.

        Annotations are arrays of JSON objects: they come as lists of dictionaries. Columns of JSON
        come as what they hold.
        """
        sql, values, names, gathered = self._written
        try:
            condition, asked = wanted.values("pk").query.sql_with_params()
        except EmptyResultSet:
            return []
        with connection.cursor() as cursor:
            cursor.execute(sql.format(condition), (*values, *asked))
            found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        for row in found:
            for name in gathered:
                row[name] = _loaded(row[name])
        return found


def _loaded(value: Any) -> Any:
    if isinstance(value, str):
        return json.loads(value)
    if isinstance(value, list):
        return [json.loads(each) if isinstance(each, str) else each for each in value]
    return value
