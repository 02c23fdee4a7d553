"""What can be asked of a circle: its members, its managers, what the person decided."""

from datetime import datetime

from django.db import connection
from django.db.models import Q, QuerySet

from carbet.coordination.care_teams.choices import ConsentDecision
from carbet.coordination.care_teams.models import (
    CareTeam,
    CareTeamParticipant,
    Consent,
    GlassBreaking,
)
from carbet.core.actor import Level


def active_participants(*, care_team: CareTeam, on: datetime) -> QuerySet[CareTeamParticipant]:
    """Return the members present at this moment, attending doctor first, with their names."""
    return (
        _with_members(care_team.participants.all())
        .filter(Q(ended_at__isnull=True) | Q(ended_at__gt=on), started_at__lte=on)
        .order_by("-role", "started_at", "pk")
    )


def participants(*, patient_id: int) -> QuerySet[CareTeamParticipant]:
    """Return every stay in the circle of the person, the present ones first."""
    return _with_members(CareTeamParticipant.objects.filter(patient_id=patient_id)).order_by(
        "-ended_at", "started_at", "pk"
    )


def consent_decision(*, patient_id: int) -> str | None:
    """Return the person's latest decision, or None when none was recorded."""
    return (
        Consent.objects.filter(patient_id=patient_id)
        .order_by("-recorded_at", "-pk")
        .values_list("decision", flat=True)
        .first()
    )


def latest_consent(*, patient_id: int) -> Consent | None:
    """Return the latest consent, with who recorded it."""
    return (
        Consent.objects.filter(patient_id=patient_id)
        .select_related("recorded_by__practitioner")
        .order_by("-recorded_at", "-pk")
        .first()
    )


def has_given_consent(*, patient_id: int) -> bool:
    """Tell whether the person's latest decision is an agreement."""
    return consent_decision(patient_id=patient_id) == ConsentDecision.GIVEN


def managing_keys(*, patient_id: int) -> list[str]:
    """Return the grantees who manage the record: they are told of what concerns its safety."""
    return keys_of_level(patient_id=patient_id, level=Level.MANAGE)


def keys_of_level(*, patient_id: int, level: Level) -> list[str]:
    """Return the grantees who may go at least this far now, professionals only."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT carbet_grantees_of(%s, %s)", [patient_id, int(level)])
        return [row[0] for row in cursor.fetchall()]


def glass_breakings(*, patient_id: int) -> QuerySet[GlassBreaking]:
    """Return the exceptional entries in the record, the latest first."""
    return (
        GlassBreaking.objects.filter(patient_id=patient_id)
        .select_related(
            "practitioner_role__practitioner",
            "practitioner_role__organization",
            "reviewed_by__practitioner",
        )
        .order_by("-opened_at")
    )


def _with_members(
    participants: QuerySet[CareTeamParticipant],
) -> QuerySet[CareTeamParticipant]:
    return participants.select_related(
        "practitioner_role__practitioner",
        "practitioner_role__organization",
        "organization",
        "related_person",
    )
