"""Say who is on duty for a support team, and when."""

import uuid
from datetime import datetime, timedelta

from carbet.coordination.alerts.models import OnCallShift
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation
from carbet.registries.directory.models import PractitionerRole

LONGEST = timedelta(days=7)
FURTHEST = timedelta(days=366)


class UnableToPlanDuty(UnableTo):
    """The shift cannot be planned as given."""


@operation("duty.add", action="C")
def add_shift(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    role_id: int,
    starts_at: datetime,
    ends_at: datetime,
    gesture: uuid.UUID,
) -> OnCallShift:
    """Put a colleague of one's team on duty; the same gesture twice is one shift.

    Raises:
        UnableToPlanDuty: not a colleague, an end before the beginning, too long, past, or already
            on duty at that time.
    """
    done = OnCallShift.objects.filter(gesture=gesture).first()
    if done is not None:
        trace.about(entity=done)
        return done
    colleague = PractitionerRole.objects.filter(
        pk=role_id, organization_id=actor.organization_id, ended_at__isnull=True
    ).first()
    if colleague is None:
        raise UnableToPlanDuty("Choisissez une personne de votre équipe.", field="role")
    if ends_at <= starts_at:
        raise UnableToPlanDuty("La fin doit suivre le début.", field="ends_at")
    if ends_at - starts_at > LONGEST:
        raise UnableToPlanDuty("Une astreinte dure sept jours au plus.", field="ends_at")
    if ends_at <= now:
        raise UnableToPlanDuty("Cette astreinte est déjà passée.", field="ends_at")
    if starts_at > now + FURTHEST:
        raise UnableToPlanDuty("Prévoyez un an à l’avance au plus.", field="starts_at")
    # Two people may plan at once: the second waits here and sees the first.
    PractitionerRole.objects.select_for_update().get(pk=colleague.pk)
    if OnCallShift.objects.filter(
        practitioner_role=colleague,
        cancelled_at__isnull=True,
        starts_at__lt=ends_at,
        ends_at__gt=starts_at,
    ).exists():
        raise UnableToPlanDuty("Cette personne est déjà d’astreinte à ce moment.", field="role")
    shift = OnCallShift.objects.create(
        organization_id=actor.organization_id,
        practitioner_role=colleague,
        starts_at=starts_at,
        ends_at=ends_at,
        added_by=actor.display_name,
        gesture=gesture,
    )
    trace.about(entity=shift)
    return shift


@operation("duty.cancel")
def cancel_shift(trace: Trace, *, actor: Actor, now: datetime, shift: OnCallShift) -> None:
    """Cancel a shift of one's team; it stays in the record of what was planned."""
    if shift.organization_id != actor.organization_id:
        raise UnableToPlanDuty("Cette astreinte est celle d’une autre équipe.")
    OnCallShift.objects.filter(pk=shift.pk, cancelled_at__isnull=True).update(cancelled_at=now)
    trace.about(entity=shift)
