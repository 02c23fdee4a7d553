"""What is true of tasks: who may settle, which are late."""

from collections.abc import Iterable
from datetime import date

from carbet.coordination.tasks.choices import OPEN

# What is answered on the page that asked for it: the agenda says yes or no, the notebook replies.
ANSWERED_THERE = ("appointment:", "note:")


def is_answered_here(source: str) -> bool:
    """Tell whether "done" and "refused" are said in the list of tasks itself."""
    return not source.startswith(ANSWERED_THERE)


def is_open(status: str) -> bool:
    """Tell whether somebody still has something to do."""
    return status in OPEN


def is_late(status: str, due_on: date | None, *, today: date) -> bool:
    """Tell whether the day has passed and nothing was done."""
    return is_open(status) and due_on is not None and due_on < today


def may_settle(*, owner: str, grantees: Iterable[str]) -> bool:
    """Tell whether a task is one's own: asked of one's role, of one's structure, or of whom one
    acts for."""
    return owner in grantees


def may_withdraw(*, requester_id: int | None, role_ids: Iterable[int | None]) -> bool:
    """Tell whether one asked for it, or acts for whoever did."""
    return requester_id is not None and requester_id in role_ids


def may_entrust(*, category: int, opened: int) -> bool:
    """Tell whether one reads what a task is about, and not that task alone."""
    return category & opened == category
