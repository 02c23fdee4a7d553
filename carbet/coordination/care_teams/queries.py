"""What can be asked of a circle: its members, its managers, what the person decided."""

from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q, QuerySet

from carbet.coordination.care_teams.choices import ConsentDecision
from carbet.coordination.care_teams.models import (
    CareTeam,
    CareTeamParticipant,
    Consent,
    GlassBreaking,
)
from carbet.core.actor import Actor, Level
from carbet.core.models import AuditEvent

# The traces that say "this person opened the record", and how long one visit lasts.
VISITS = ("chart.read", "notebook.read")
SAME_VISIT = timedelta(minutes=30)


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


def previous_visit(*, actor: Actor, patient_id: int, now: datetime) -> datetime | None:
    """Return when the actor last opened the record before this visit, or None the first time.

    What was read in the last 30 minutes belongs to the visit under way; what a screen left open
    asks again by itself is no visit.
    """
    return (
        AuditEvent.objects.filter(
            account_id=actor.account_id,
            patient_id=patient_id,
            role_id=actor.role_id,
            operation__in=VISITS,
            outcome=AuditEvent.Outcome.SUCCESS,
            recorded_at__lt=now - SAME_VISIT,
        )
        .order_by("-recorded_at")
        .values_list("recorded_at", flat=True)
        .first()
    )


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
