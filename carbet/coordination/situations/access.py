"""Who may enter the living situation of a person: the circle; each part behind its category."""

from collections.abc import Mapping
from datetime import datetime

from carbet.coordination.care_teams import access as care_teams
from carbet.coordination.care_teams.access import NoSuchRecord
from carbet.core.actor import Actor, DataCategory, Level
from carbet.registries.identity.access import ABSORBED
from carbet.registries.patients.models import Patient

__all__ = ["ABSORBED", "INS", "NoSuchRecord", "get_situation"]


def get_situation(
    *,
    actor: Actor,
    patient_id: int,
    now: datetime,
    level: Level = Level.READ,
    purpose: str = "situation.read",
    category: DataCategory | None = None,
    further: Mapping[str, str] | None = None,
) -> Patient:
    """Return the person whose living situation the actor enters, and trace it.

    Args:
        further: more columns for the same query, as `care_teams.access.get_record` takes them.

    Raises:
        NoSuchRecord: there is none, or not for this actor at this level, or not this category.
    """
    return care_teams.get_record(
        actor=actor,
        patient_id=patient_id,
        now=now,
        level=level,
        purpose=purpose,
        category=category,
        further=further,
    )


# The identifier that an emergency looks for, as "label value".
INS = {
    "ins": (
        "(SELECT i.type_code || ' ' || i.value FROM patients_patientidentifier i"
        " WHERE i.patient_id = p.id AND left(i.type_code, 3) = 'INS' ORDER BY i.id LIMIT 1)"
    )
}
