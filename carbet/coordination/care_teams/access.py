"""The door to a person's record: the circle, the team in charge, glass broken; nobody else."""

from collections.abc import Mapping
from datetime import datetime

from django.db import connection

from carbet.coordination.care_teams.models import GlassBreaking, Invitation
from carbet.core import audit
from carbet.core.actor import Actor, DataCategory, Level
from carbet.registries.identity.access import ABSORBED
from carbet.registries.patients import access as patients_access
from carbet.registries.patients.access import NoSuchRecord
from carbet.registries.patients.models import Patient

__all__ = ["ABSORBED", "NoSuchRecord", "category_of_author", "get_record", "opened", "opened_on"]

_OF_BANNER = {
    "consent_decision": (
        "(SELECT c.decision FROM care_teams_consent c WHERE c.patient_id = p.id"
        " ORDER BY c.recorded_at DESC, c.id DESC LIMIT 1)"
    ),
    "has_circle": "EXISTS (SELECT 1 FROM care_teams_careteam t WHERE t.patient_id = p.id)",
}


def get_record(
    *,
    actor: Actor,
    patient_id: int,
    now: datetime,
    level: Level = Level.READ,
    purpose: str = "chart.read",
    category: DataCategory | None = None,
    further: Mapping[str, str] | None = None,
) -> Patient:
    """Return the person whose record the actor enters, in one query, and trace the entry.

    The person carries `level`, `categories`, `sources` and `glass_until` of the actor's entry, the
    latest `consent_decision` (or None) and `has_circle`: all that the banner of a record shows.

    Args:
        category: what the page shows, when it shows nothing else.
        further: more columns for the same query, as `patients.access.get_patient` takes them.

    Raises:
        NoSuchRecord: there is none, or not for this actor at this level, or not this category.
    """
    patient = patients_access.get_patient(
        actor=actor,
        patient_id=patient_id,
        now=now,
        level=level,
        purpose=purpose,
        further={**_OF_BANNER, **(further or {})},
    )
    if category is not None and category not in DataCategory(patient.categories):  # type: ignore[attr-defined]
        audit.read(actor, purpose, now=now, patient_id=patient_id, refused=True)
        raise NoSuchRecord
    return patient


def opened_on(patient: Patient) -> DataCategory:
    """Return the categories of data open to the actor on this person, once entered or not yet."""
    entered = getattr(patient, "categories", None)
    return opened(patient_id=patient.pk) if entered is None else DataCategory(entered)


def category_of_author(patient: Patient) -> DataCategory:
    """Return the category of what the actor writes there: the first that is open to them."""
    opened = opened_on(patient)
    return next((each for each in DataCategory if each in opened), DataCategory.MEDICAL)


def opened(*, patient_id: int, level: Level = Level.READ) -> DataCategory:
    """Return the categories of data that the transaction's actor may enter at this level."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT carbet_opened(%s, %s)", [patient_id, int(level)])
        return DataCategory(cursor.fetchone()[0])


def get_invitation(*, actor: Actor, invitation_id: int, now: datetime) -> Invitation:
    """Return an invitation addressed to the actor, to answer it; trace that they saw whom.

    Raises:
        NoSuchRecord: there is none, or it is another's.
    """
    invitation = (
        Invitation.objects.filter(pk=invitation_id).select_related("practitioner_role").first()
    )
    if invitation is None or invitation.practitioner_role.key not in actor.grantees:
        raise NoSuchRecord
    audit.read(actor, "care_team.invitation.read", now=now, patient_id=invitation.patient_id)
    return invitation


def get_glass_breaking(*, actor: Actor, breaking_id: int, now: datetime) -> GlassBreaking:
    """Return an exceptional entry that the actor, who manages the record, may review.

    Nobody reviews their own entry, even when they have come to manage the record since.

    Raises:
        NoSuchRecord: there is none, or not for this actor.
    """
    breaking = GlassBreaking.objects.filter(pk=breaking_id).first()
    if breaking is None or breaking.practitioner_role_id == actor.role_id:
        raise NoSuchRecord
    get_record(
        actor=actor,
        patient_id=breaking.patient_id,
        now=now,
        level=Level.MANAGE,
        purpose="glass.read",
    )
    return breaking
