"""Who reads which figures: a team its own with the lists behind them, an agency sums alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from carbet.core import row_security
from carbet.core.actor import Actor, internal
from carbet.registries.directory.rules import READ_ACTIVITY, TRIAGE_SUPPORT

HOUSE = internal("activity")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a reader may see: their team's figures, or the territory's with small ones untold."""

    actor: Actor
    organization_id: int | None
    name: str

    @property
    def is_team(self) -> bool:
        return self.organization_id is not None

    @contextmanager
    def reading(self, *, now: datetime) -> Iterator[None]:
        """Read the sums: a team as itself under row security, an agency through the house."""
        if self.is_team:
            yield
        else:
            with row_security.acting_as(HOUSE, now=now):
                yield


def scope(actor: Actor) -> Scope:
    """Return what the actor, who may read figures, sees of them."""
    if actor.can(TRIAGE_SUPPORT) and actor.organization_id is not None:
        return Scope(actor, actor.organization_id, actor.organization_name)
    if not actor.can(READ_ACTIVITY):
        raise PermissionError("the door of the page asks for activity.read")
    return Scope(actor, None, "Guyane")
