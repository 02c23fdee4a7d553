"""Who may enter the notebook of a person, and which of its entries one may mend."""

from datetime import datetime

from carbet.coordination.care_teams import access as care_teams
from carbet.coordination.care_teams.access import NoSuchRecord
from carbet.coordination.notebook.models import Measure, Note
from carbet.core.actor import Actor, Level
from carbet.registries.patients.models import Patient

__all__ = ["NoSuchRecord", "get_measure", "get_note", "get_notebook"]


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


def get_note(*, patient: Patient, note_id: int, written_by: Actor | None = None) -> Note:
    """Return a note of a notebook already entered; with `written_by`, one of that actor's only.

    Raises:
        NoSuchRecord: the note is not in this notebook, or is somebody else's.
    """
    notes = Note.objects.filter(patient_id=patient.pk, pk=note_id).select_related(
        "author_role__organization", "on_behalf_of__practitioner"
    )
    if written_by is not None:
        notes = notes.filter(author_role_id=written_by.role_id)
    note = notes.first()
    if note is None:
        raise NoSuchRecord
    return note


def get_measure(*, patient: Patient, measure_id: int, written_by: Actor) -> Measure:
    """Return a measure that the actor entered in a notebook already entered.

    Raises:
        NoSuchRecord: the measure is not in this notebook, or is somebody else's.
    """
    measure = Measure.objects.filter(
        patient_id=patient.pk, pk=measure_id, author_role_id=written_by.role_id
    ).first()
    if measure is None:
        raise NoSuchRecord
    return measure
