"""The door of the record page: one query for the person, the last visit and the circle."""

from datetime import datetime

from carbet.coordination.care_teams import access as care_teams
from carbet.coordination.care_teams import queries as circles
from carbet.core.actor import Actor
from carbet.registries.patients.models import Patient

_MEMBERS = """(
  SELECT COALESCE(json_agg(json_build_object(
           'role', m.role, 'civility', d.civility, 'given', d.given, 'family', d.family,
           'specialty', r.specialty_label, 'profession', r.profession_label, 'phone', r.phone,
           'workplace', w.name, 'structure', o.name, 'structure_phone', o.phone,
           'relative_given', k.given, 'relative_family', k.family, 'relative_phone', k.phone,
           'relationship', k.relationship, 'started_at', m.started_at)
         ORDER BY m.started_at, m.id), '[]')
  FROM care_teams_careteamparticipant m
  LEFT JOIN directory_practitionerrole r ON r.id = m.practitioner_role_id
  LEFT JOIN directory_practitioner d ON d.id = r.practitioner_id
  LEFT JOIN directory_organization w ON w.id = r.organization_id
  LEFT JOIN directory_organization o ON o.id = m.organization_id
  LEFT JOIN care_teams_relatedperson k ON k.id = m.related_person_id
  WHERE m.patient_id = p.id AND m.started_at <= %(now)s
    AND (m.ended_at IS NULL OR m.ended_at > %(now)s))"""


def get_chart(*, actor: Actor, patient_id: int, now: datetime) -> Patient:
    """Return the person whose record the actor opens, with `last_visit` and `members`, traced.

    `members` are those present in the circle, as plain mappings; `last_visit` is the moment of the
    actor's former visit, or None.

    Raises:
        NoSuchRecord: there is none, or not for this actor.
    """
    return care_teams.get_record(
        actor=actor,
        patient_id=patient_id,
        now=now,
        further={"last_visit": circles.LAST_VISIT, "members": _MEMBERS},
    )
