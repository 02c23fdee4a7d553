"""Django's `migrate`, without drawing again every neighbour of each table that a step touches.

After each step Django renders the model that changed, those that it points at and all that point at
those. Here nearly every table points at the person and at the role: a first start spent twenty
seconds there, seven times what the SQL takes. Only the model that changed is drawn again; those
that point at it keep a class of the same table and the same key, which is all that SQL needs. A
step in Python has everything drawn afresh first, as Django does for what it delays itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.commands import migrate
from django.db.migrations.state import ProjectState


def _itself(state: ProjectState, app_label: str, model_name: str, delay: bool = False) -> set[Any]:
    state.is_delayed = True
    return {(app_label, model_name)}


@contextmanager
def drawing_less() -> Iterator[None]:
    """Draw again, after each step, the model that changed and no other."""
    everyone = ProjectState._find_reload_model  # type: ignore[attr-defined]
    ProjectState._find_reload_model = _itself  # type: ignore[attr-defined]
    try:
        yield
    finally:
        ProjectState._find_reload_model = everyone  # type: ignore[attr-defined]


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        with drawing_less():
            super().handle(*args, **options)
