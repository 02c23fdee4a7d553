"""The trace: who did or read what, about whom, when and why. No row without it."""

import contextvars
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import models

from carbet.core.actor import Actor
from carbet.core.append import append
from carbet.core.models import AuditEvent, LiveEvent

# What the request under way has read: the middleware writes it before the response leaves.
reads: contextvars.ContextVar[list[AuditEvent] | None] = contextvars.ContextVar(
    "reads", default=None
)
request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")


@dataclass
class Trace:
    """What an operation says of itself; `about` must be called before it ends."""

    operation: str
    action: str
    actor: Actor
    now: datetime
    context_id: Any = None
    events: list[AuditEvent] = field(default_factory=list)
    # What open screens will be told: gathered by the outermost operation, written once.
    announced: list[LiveEvent] = field(default_factory=list)

    def about(
        self,
        *,
        patient_id: int | None = None,
        entity: models.Model | str = "",
        reason: str = "",
        outcome: int = AuditEvent.Outcome.SUCCESS,
    ) -> None:
        """Say whom and what the operation concerns. `entity` is named, its content never kept."""
        self.events.append(
            event(
                self.actor,
                self.operation,
                self.action,
                now=self.now,
                patient_id=patient_id,
                entity=entity,
                reason=reason,
                outcome=outcome,
                context_id=self.context_id,
            )
        )


def entity_name(entity: models.Model | str) -> str:
    """Return "Resource/id" for a row, the text itself otherwise (80 characters at most)."""
    if isinstance(entity, models.Model):
        return f"{type(entity).__name__}/{entity.pk}"[:80]
    return entity[:80]


def event(
    actor: Actor,
    operation: str,
    action: str,
    *,
    now: datetime,
    patient_id: int | None = None,
    entity: models.Model | str = "",
    reason: str = "",
    outcome: int = AuditEvent.Outcome.SUCCESS,
    context_id: Any = None,
) -> AuditEvent:
    """Return an audit event, not yet written."""
    return AuditEvent(
        recorded_at=now,
        action=action,
        operation=operation,
        outcome=outcome,
        actor_kind=actor.kind,
        account_id=actor.account_id,
        role_id=actor.role_id,
        organization_id=actor.organization_id,
        client_id=actor.client_id,
        agent_name=" · ".join(filter(None, (actor.display_name, actor.role_label)))[:200],
        patient_id=patient_id,
        entity=entity_name(entity),
        reason=reason[:500],
        request_id=request_id.get(),
        context_id=context_id,
    )


def write(events: list[AuditEvent]) -> None:
    """Append the events, in one statement."""
    append(events)


def read(
    actor: Actor,
    operation: str,
    *,
    now: datetime,
    patient_id: int | None,
    entity: models.Model | str = "",
    refused: bool = False,
    reason: str = "",
) -> None:
    """Trace that something of a person was read, or that reading it was refused."""
    outcome = AuditEvent.Outcome.REFUSED if refused else AuditEvent.Outcome.SUCCESS
    trace = event(
        actor,
        operation,
        AuditEvent.Action.READ,
        now=now,
        patient_id=patient_id,
        entity=entity,
        reason=reason,
        outcome=outcome,
    )
    waiting = reads.get()
    if waiting is None:
        append([trace])
    else:
        waiting.append(trace)
