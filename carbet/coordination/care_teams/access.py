"""The door to a person's record: the circle, the team in charge, glass broken; nobody else."""

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Subquery

from carbet.coordination.care_teams.models import CareTeam, Consent, GlassBreaking
from carbet.core.actor import Actor, Level
from carbet.registries.patients import access as patients_access
from carbet.registries.patients.access import NoSuchRecord
from carbet.registries.patients.models import Patient

__all__ = ["NoSuchRecord", "get_record"]


def get_record(
    *,
    actor: Actor,
    patient_id: int,
    now: datetime,
    level: Level = Level.READ,
    purpose: str = "chart.read",
    further: dict[str, Any] | None = None,
) -> Patient:
    """Return the person whose record the actor enters, in one query, and trace the entry.

    The person carries `level`, `sources` and `glass_until` of the actor's entry, the latest
    `consent_decision` (or None) and `has_circle`: all that the banner of a record shows.

    Args:
        further: more columns for the same query, by name.

    Raises:
        NoSuchRecord: there is none, or not for this actor at this level.
    """
    latest = Consent.objects.filter(patient_id=OuterRef("pk")).order_by("-recorded_at", "-pk")
    among = patients_access.entered(actor, now=now).annotate(
        consent_decision=Subquery(latest.values("decision")[:1]),
        has_circle=Exists(CareTeam.objects.filter(patient_id=OuterRef("pk"))),
        **(further or {}),
    )
    return patients_access.get_patient(
        actor=actor, patient_id=patient_id, now=now, level=level, purpose=purpose, among=among
    )


def get_glass_breaking(*, actor: Actor, breaking_id: int, now: datetime) -> GlassBreaking:
    """Return an exceptional entry that the actor, who manages the record, may review.

    Raises:
        NoSuchRecord: there is none, or not for this actor.
    """
    breaking = GlassBreaking.objects.filter(pk=breaking_id).first()
    if breaking is None:
        raise NoSuchRecord
    get_record(
        actor=actor,
        patient_id=breaking.patient_id,
        now=now,
        level=Level.MANAGE,
        purpose="glass.read",
    )
    return breaking
