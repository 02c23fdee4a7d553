"""What can be done with disruptions of services: declare, change, end."""

import uuid
from datetime import datetime

from carbet.core import live
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.portal import access, queries, rules
from carbet.portal.choices import DisruptionKind, DisruptionState
from carbet.portal.models import Disruption

# Screens that show the services fetch them again.
LIVE_KIND = "service"


class UnableToDeclare(UnableTo):
    """The disruption cannot be declared, changed or ended so."""


@operation("disruption.declare", action="C")
def declare_disruption(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    service: str,
    kind: str,
    title: str,
    message: str,
    starts_at: datetime,
    ends_at: datetime | None,
    gesture: uuid.UUID,
) -> Disruption:
    """Say to every professional that a regional service is or will be disturbed.

    Args:
        ends_at: demanded of a maintenance; when an incident should be over, if one can tell.

    Raises:
        UnableToAct: the actor does not run the regional services.
        UnableToDeclare: an unknown service, or dates that make no sense.
    """
    _check(actor)
    known = Disruption.objects.filter(gesture=gesture).first()
    if known is not None:
        trace.about(entity=known)
        return known
    if service not in queries.service_names():
        raise UnableToDeclare("Choisissez un service.", field="service")
    _check_dates(kind, starts_at, ends_at, now)
    row = Disruption.objects.create(
        service=service,
        kind=kind,
        title=title,
        message=message,
        starts_at=starts_at,
        ends_at=ends_at,
        declared_at=now,
        declared_by_name=actor.display_name,
        updated_at=now,
        updated_by_name=actor.display_name,
        gesture=gesture,
    )
    trace.about(entity=row, reason=f"{service} : {title}")
    live.announce([live.EVERYONE], LIVE_KIND, now=now)
    return row


@operation("disruption.change")
def change_disruption(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    disruption_id: int,
    version: int,
    title: str,
    message: str,
    starts_at: datetime,
    ends_at: datetime | None,
) -> Disruption:
    """Say what changed meanwhile: what is known, when it should end; former words stay.

    Raises:
        UnableToAct: the actor does not run the regional services.
        UnableToDeclare: it ended, or somebody changed it meanwhile, or dates make no sense.
    """
    _check(actor)
    row = _held(disruption_id, now)
    if row.version != version:
        raise UnableToDeclare(
            f"{row.updated_by_name} vient de la modifier. Votre saisie est gardée ci-dessous :"
            " relisez, puis enregistrez à nouveau."
        )
    _check_dates(row.kind, starts_at, ends_at, now)
    row.title, row.message = title, message
    row.starts_at, row.ends_at = starts_at, ends_at
    _sign(row, actor, now)
    trace.about(entity=row, reason=f"{row.service} : {title}")
    live.announce([live.EVERYONE], LIVE_KIND, now=now)
    return row


@operation("disruption.end")
def end_disruption(
    trace: Trace, *, actor: Actor, now: datetime, disruption_id: int, outcome: str
) -> Disruption:
    """Say that a disruption is over, or that a maintenance will not take place.

    Raises:
        UnableToAct: the actor does not run the regional services.
        UnableToDeclare: it ended already.
    """
    _check(actor)
    row = _held(disruption_id, now)
    row.ended_at, row.outcome = now, outcome
    _sign(row, actor, now)
    trace.about(entity=row, reason=f"{row.service} : {row.title}")
    live.announce([live.EVERYONE], LIVE_KIND, now=now)
    return row


def _check(actor: Actor) -> None:
    if not access.runs_services(actor):
        raise UnableToAct("La région seule déclare l’état des services.")


def _check_dates(kind: str, starts_at: datetime, ends_at: datetime | None, now: datetime) -> None:
    if kind not in DisruptionKind.values:
        raise UnableToDeclare("Incident, ou maintenance ?", field="kind")
    if found := rules.wrong(kind=kind, starts_at=starts_at, ends_at=ends_at, now=now):
        raise UnableToDeclare(found[1], field=found[0])


def _held(disruption_id: int, now: datetime) -> Disruption:
    row = Disruption.objects.select_for_update().filter(pk=disruption_id).first()
    if row is None or queries.state_of(row, now=now) in (
        DisruptionState.ENDED,
        DisruptionState.CANCELLED,
    ):
        raise UnableToDeclare("C’est déjà terminé.")
    return row


def _sign(row: Disruption, actor: Actor, now: datetime) -> None:
    row.version += 1
    row.updated_at, row.updated_by_name = now, actor.display_name
    row.save()
