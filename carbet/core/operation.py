"""What can be done: one transaction for a change, its trace and its announcements."""

import contextvars
import uuid
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.dispatch import Signal

from carbet.core import audit, row_security
from carbet.core.actor import Actor
from carbet.core.append import append

P = ParamSpec("P")
R = TypeVar("R")

# Sent in the transaction of each operation that ended well, with its `trace` and `result`: a room
# above listens to what changed below without the room below knowing.
done = Signal()
REGISTRY: dict[str, Callable[..., Any]] = {}
_current: contextvars.ContextVar[audit.Trace | None] = contextvars.ContextVar(
    "operation", default=None
)


class UnableTo(Exception):
    """A refusal that a person can read: its text is a French sentence, `field` where it belongs."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class UnableToAct(UnableTo):
    """The actor may not do this at all."""


class UnauditedOperation(RuntimeError):
    """An operation ended without saying whom and what it concerned: nothing is kept of it."""


def operation(
    name: str, *, action: str = "U"
) -> Callable[[Callable[Concatenate[audit.Trace, P], R]], Callable[P, R]]:
    """Make a function an operation: keyword-only, with at least `actor` and `now`.

    The function receives a `Trace` first and must call `trace.about(...)`. The transaction carries
    the actor for row security and the operation's name, without which no row can be written. An
    exception undoes everything.

    Raises:
        UnauditedOperation: the function returned without `trace.about(...)`.
    """

    def decorate(function: Callable[Concatenate[audit.Trace, P], R]) -> Callable[P, R]:
        if name in REGISTRY:
            raise ValueError(f"two operations are called {name!r}")

        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            if args:
                raise TypeError(f"{function.__name__} takes keyword arguments only")
            actor: Actor = kwargs["actor"]  # type: ignore[assignment]
            now: datetime = kwargs["now"]  # type: ignore[assignment]
            under_way = _current.get()
            # What one operation does through others is one context of history.
            context_id = under_way.context_id if under_way else uuid.uuid4()
            announced = under_way.announced if under_way else []
            before = len(announced)
            with row_security.acting_as(actor, now=now, operation=name, context_id=str(context_id)):
                trace = audit.Trace(
                    name, action, actor, now, context_id=context_id, announced=announced
                )
                token = _current.set(trace)
                try:
                    result = function(trace, *args, **kwargs)
                except BaseException:
                    del announced[before:]
                    raise
                finally:
                    _current.reset(token)
                if not trace.events:
                    raise UnauditedOperation(f"{name} left no audit event")
                done.send(sender=run, trace=trace, result=result)
                # What the request read on its way here is kept with what it did, and what open
                # screens are told goes with them: one statement.
                outermost = under_way is None
                read = audit.reads.get() if outermost else None
                append(trace.events + (read or []), announced if outermost else [])
                if read:
                    read.clear()
            return result

        run.operation_name = name  # type: ignore[attr-defined]
        run.operation_action = action  # type: ignore[attr-defined]
        REGISTRY[name] = run
        return run

    return decorate


def current() -> audit.Trace | None:
    """Return the trace of the operation under way, if any."""
    return _current.get()
