"""Who may enter the notebook of a person, and which of its entries one may mend."""

from datetime import datetime

from carbet.coordination.care_teams import access as care_teams
from carbet.coordination.care_teams.access import NoSuchRecord
from carbet.coordination.notebook.models import Measure, Note
from carbet.core.actor import Actor, Level
from carbet.registries.patients.models import Patient

__all__ = ["NoSuchRecord", "get_measure", "get_note", "get_notebook", "is_own"]


def get_notebook(
    *,
    actor: Actor,
    patient_id: int,
    now: datetime,
    level: Level = Level.READ,
    purpose: str = "notebook.read",
) -> Patient:
    """Return the person whose notebook the actor opens, and trace it.

    Raises:
        NoSuchRecord: there is none, or not for this actor at this level.
    """
    return care_teams.get_record(
        actor=actor, patient_id=patient_id, now=now, level=level, purpose=purpose
    )


def get_note(*, patient: Patient, note_id: int) -> Note:
    """Return a note of a notebook already entered.

    Raises:
        NoSuchRecord: the note is not in this notebook.
    """
    note = (
        Note.objects.filter(patient_id=patient.pk, pk=note_id)
        .select_related("author_role__organization", "on_behalf_of__practitioner")
        .first()
    )
    if note is None:
        raise NoSuchRecord
    return note


def get_measure(*, patient: Patient, measure_id: int) -> Measure:
    """Return a measure of a notebook already entered.

    Raises:
        NoSuchRecord: the measure is not in this notebook.
    """
    measure = Measure.objects.filter(patient_id=patient.pk, pk=measure_id).first()
    if measure is None:
        raise NoSuchRecord
    return measure


def is_own(entry: Note | Measure, actor: Actor) -> bool:
    """Tell whether the actor wrote this entry: only its author mends it."""
    return entry.author_role_id is not None and entry.author_role_id == actor.role_id
