"""Every version of a row, kept by the database itself and never changed."""

from typing import TypeVar

import pghistory
from django.db import models

M = TypeVar("M", bound=type[models.Model])


def tracked(model: M) -> M:
    """Keep every version of the rows of a model; the history table needs a policy of its own."""
    return pghistory.track(
        pghistory.InsertEvent(),
        pghistory.UpdateEvent(),
        context_field=pghistory.ContextForeignKey(db_constraint=False, db_index=False),
        obj_field=pghistory.ObjForeignKey(db_constraint=False),
        append_only=True,
    )(model)
