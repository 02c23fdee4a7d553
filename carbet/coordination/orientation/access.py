"""Who may send a person somewhere, and read where they were sent."""

from datetime import datetime

from carbet.coordination.care_teams import access as care_teams
from carbet.coordination.care_teams.access import NoSuchRecord
from carbet.coordination.orientation.models import Referral
from carbet.core.actor import Actor, Level
from carbet.registries.directory.rules import may_write_notebook
from carbet.registries.patients.models import Patient

__all__ = ["NoSuchRecord", "get_record", "get_referral", "may_refer"]


def get_record(
    *,
    actor: Actor,
    patient_id: int,
    now: datetime,
    level: Level = Level.READ,
    purpose: str = "orientation.read",
) -> Patient:
    """Return the person whose orientations the actor opens, and trace it.

    Raises:
        NoSuchRecord: there is none, or not for this actor at this level.
    """
    return care_teams.get_record(
        actor=actor, patient_id=patient_id, now=now, level=level, purpose=purpose
    )


def get_referral(*, patient: Patient, referral_id: int) -> Referral:
    """Return an orientation of a record already entered.

    Raises:
        NoSuchRecord: it is not there.
    """
    found = Referral.objects.filter(patient_id=patient.pk, pk=referral_id).first()
    if found is None:
        raise NoSuchRecord
    return found


def may_refer(actor: Actor, patient: Patient) -> bool:
    """Tell whether the actor sends this person somewhere: whoever writes in the notebook."""
    return may_write_notebook(actor, patient.level)  # type: ignore[attr-defined]
