"""What the timeline of a record shows of the circle: who enters, who leaves, what was decided."""

from django.urls import reverse

from carbet.coordination.care_teams.choices import (
    ConsentDecision,
    ConsentGiver,
    ParticipantRole,
    Relationship,
)
from carbet.core import timeline


def moved(row: timeline.Row, *, patient_id: int) -> timeline.Happening:
    """Say that somebody joined the circle, and as whom; or left it, and why."""
    href = reverse("care_teams:detail", args=[patient_id])
    if row["left"]:
        return timeline.Happening(
            kind="Départ du cercle",
            icon="logout",
            title="Quitte le cercle de soins",
            href=href,
            about=row["reason"],
        )
    role = "" if row["role"] == ParticipantRole.MEMBER else row["role"]
    said = (
        dict(Relationship.choices).get(row["relationship"], ""),
        dict(ParticipantRole.choices).get(role, ""),
    )
    return timeline.Happening(
        kind="Entrée dans le cercle",
        icon="people",
        title="Rejoint le cercle de soins",
        href=href,
        about=", ".join(str(each) for each in said if each),
    )


def decided(row: timeline.Row, *, patient_id: int) -> timeline.Happening:
    """Say what the person decided of sharing."""
    return timeline.Happening(
        kind="Décision de la personne",
        icon="shield",
        title=str(ConsentDecision(row["decision"]).label),
        href=reverse("care_teams:detail", args=[patient_id]),
        about=str(ConsentGiver(row["given_by"]).label),
    )


KEY, LABEL = "cercle", "Cercle de soins"
# One stay is two moments, each with a number of its own.
MEMBERS = timeline.Source(
    key=KEY,
    letter="c",
    label=LABEL,
    table="""(SELECT m.id * 2 + e.place AS id, m.patient_id, e.at, e.place, m.role, m.end_reason,
        m.practitioner_role_id, m.organization_id, m.related_person_id
      FROM care_teams_careteamparticipant m
      CROSS JOIN LATERAL (VALUES (0, m.started_at), (1, m.ended_at)) e (place, at)) x
    LEFT JOIN directory_organization xo ON xo.id = x.organization_id
    LEFT JOIN care_teams_relatedperson xp ON xp.id = x.related_person_id""",
    at="x.at",
    author_role="x.practitioner_role_id",
    author_name="COALESCE(xo.name, trim(xp.given || ' ' || xp.family), '')",
    said="'left', x.place = 1, 'role', x.role, 'reason', x.end_reason,"
    " 'relationship', COALESCE(xp.relationship, '')",
    line=moved,
)
DECIDED = timeline.Source(
    key=KEY,
    letter="s",
    label=LABEL,
    table="care_teams_consent x",
    at="x.recorded_at",
    author="x.recorded_by_id",
    author_role="x.recorded_by_id",
    said="'decision', x.decision, 'given_by', x.given_by",
    line=decided,
)
SOURCES = (MEMBERS, DECIDED)
