"""What the timeline of a record shows of appointments: those whose moment has come."""

from django.urls import reverse

from carbet.coordination.scheduling.choices import AppointmentStatus, CancelReason, VisitKind
from carbet.core import timeline

_ENDED_OTHERWISE = (AppointmentStatus.CANCELLED, AppointmentStatus.NOSHOW)


def happening(row: timeline.Row, *, patient_id: int) -> timeline.Happening:
    """Say an appointment that took place, or should have."""
    status = AppointmentStatus(row["status"])
    words = [str(status.label) if status != AppointmentStatus.BOOKED else ""]
    if status == AppointmentStatus.CANCELLED and row["reason"] in CancelReason.values:
        words.append(str(CancelReason(row["reason"]).label).lower())
    return timeline.Happening(
        kind=str(VisitKind(row["kind"]).label),
        icon="close" if status in _ENDED_OTHERWISE else "calendar",
        title=row["description"] or "Rendez-vous",
        href=reverse("scheduling:detail", args=[patient_id, row["id"]]),
        about=" : ".join(filter(None, words)),
    )


_OF = """FROM scheduling_appointmentparticipant p
  LEFT JOIN directory_practitionerrole r ON r.id = p.practitioner_role_id
  LEFT JOIN directory_practitioner d ON d.id = r.practitioner_id
  JOIN directory_organization o ON o.id = p.organization_id
  WHERE p.appointment_id = x.id AND p.status <> 'declined'"""
# The reader is named first when they take part.
_ROLE = f"""(SELECT p.practitioner_role_id {_OF}
  ORDER BY p.practitioner_role_id IS NOT DISTINCT FROM %(reader)s::bigint DESC, p.id
  LIMIT 1)"""  # noqa: S608 (columns written here)
_NAMES = f"""COALESCE((SELECT string_agg(
  COALESCE(d.given || ' ' || d.family, o.name), ', ' ORDER BY p.id) {_OF}), '')"""
# Those to come stand in the agenda.
TIMELINE = timeline.Source(
    key="rendez-vous",
    letter="a",
    label="Rendez-vous",
    table="scheduling_appointment x",
    where="AND x.status IN ('booked', 'arrived', 'checked-in', 'fulfilled', 'noshow', 'cancelled')",
    at="x.start",
    author_role=_ROLE,
    author_name=_NAMES,
    changed="x.updated_at",
    said="'kind', x.kind, 'description', x.description, 'status', x.status,"
    " 'reason', x.cancel_reason",
    line=happening,
)
