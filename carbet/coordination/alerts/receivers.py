"""What alerts hear of the rooms below: a structure's page where something waits."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.alerts.operations import raise_alert
from carbet.core.actor import Actor
from carbet.core.identifiers import short_id
from carbet.registries.offer.operations import upkeep_due


@receiver(upkeep_due)
def alert_keeper(
    sender: Any,
    *,
    actor: Actor,
    now: datetime,
    recipient: str,
    organization_id: int,
    **_: Any,
) -> None:
    """Tell who keeps the page of a structure that something waits there."""
    raise_alert(
        actor=actor,
        now=now,
        patient_id=None,
        recipients=[recipient],
        kind=AlertKind.OFFER,
        target=f"offer:{short_id(organization_id)}",
    )
