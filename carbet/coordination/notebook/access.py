"""Who may enter the notebook of a person, and which of its entries one may mend."""

from datetime import datetime

from carbet.coordination.care_teams import access as care_teams
from carbet.coordination.care_teams.access import NoSuchRecord
from carbet.coordination.notebook.models import Measure, Note
from carbet.core.actor import SYSTEM, Actor, Level
from carbet.registries.patients.models import Patient

__all__ = ["NoSuchRecord", "get_measure", "get_note", "get_notebook", "is_own"]


_MEMBERS = """(
  SELECT COALESCE(json_agg(json_build_object(
           'key', COALESCE('role:' || r.id, 'org:' || o.id),
           'name', COALESCE(d.given || ' ' || d.family, o.name), 'family', COALESCE(d.family, ''),
           'profession', COALESCE(r.profession_label, ''), 'place', COALESCE(w.name, ''))
         ORDER BY d.family, o.name, m.id), '[]')
  FROM care_teams_careteamparticipant m
  LEFT JOIN directory_practitionerrole r ON r.id = m.practitioner_role_id
  LEFT JOIN directory_practitioner d ON d.id = r.practitioner_id
  LEFT JOIN directory_organization w ON w.id = r.organization_id
  LEFT JOIN directory_organization o ON o.id = m.organization_id
  WHERE m.patient_id = p.id AND m.related_person_id IS NULL AND m.started_at <= %(now)s
    AND (m.ended_at IS NULL OR m.ended_at > %(now)s))"""


def get_notebook(
    *,
    actor: Actor,
    patient_id: int,
    now: datetime,
    level: Level = Level.READ,
    purpose: str = "notebook.read",
    with_members: bool = False,
) -> Patient:
    """Return the person whose notebook the actor opens, and trace it.

    Args:
        with_members: the person also carries `members`, those who may be called by name: plain
            mappings of key, name, profession and place, in the same query.

    Raises:
        NoSuchRecord: there is none, or not for this actor at this level.
    """
    return care_teams.get_record(
        actor=actor,
        patient_id=patient_id,
        now=now,
        level=level,
        purpose=purpose,
        further={"members": _MEMBERS} if with_members else None,
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
    if actor.kind == SYSTEM:
        return (
            entry.author_organization_id is not None
            and entry.author_organization_id == actor.organization_id
        )
    return entry.author_role_id is not None and entry.author_role_id == actor.role_id
