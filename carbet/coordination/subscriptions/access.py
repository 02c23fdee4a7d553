"""Who may see which software is told of what: whoever may read the record."""

from datetime import datetime

from carbet.coordination.care_teams import access as care_teams
from carbet.coordination.care_teams.access import NoSuchRecord
from carbet.coordination.subscriptions.models import Subscription
from carbet.core.actor import Actor, Level
from carbet.registries.patients.models import Patient

__all__ = ["NoSuchRecord", "get_patient", "get_subscription"]


def get_patient(
    *, actor: Actor, patient_id: int, now: datetime, level: Level = Level.READ
) -> Patient:
    """Return the person whose subscriptions the actor opens, and trace the entry.

    Raises:
        NoSuchRecord: there is none, or not for this actor at this level.
    """
    return care_teams.get_record(
        actor=actor, patient_id=patient_id, now=now, level=level, purpose="subscription.read"
    )


def get_subscription(
    *, actor: Actor, patient_id: int, subscription_id: int, now: datetime
) -> Subscription:
    """Return a subscription about a person whose record the actor manages.

    Raises:
        NoSuchRecord: there is none, or not for this actor.
    """
    get_patient(actor=actor, patient_id=patient_id, now=now, level=Level.MANAGE)
    found = Subscription.objects.filter(pk=subscription_id, patient_id=patient_id).first()
    if found is None:
        raise NoSuchRecord
    return found
