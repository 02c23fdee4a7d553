"""Who is on duty for the support teams, now and in the weeks to come."""

from datetime import datetime

from carbet.coordination.alerts.models import OnCallShift
from carbet.core.actor import Actor, organization_key, role_key
from carbet.core.models import AccessGrant
from carbet.registries.directory.choices import Purpose
from carbet.registries.directory.models import Organization, PractitionerRole

MOST_SHIFTS = 60
MOST_TOLD = 5


def keys_on_duty(*, patient_id: int | None, now: datetime) -> list[str]:
    """Return the keys of those who answer now for the support team (DAC) of a person.

    The team that holds a right on the record when there is one, every team otherwise. A team with
    nobody on duty is told as a whole.
    """
    teams = list(
        Organization.objects.filter(purpose=Purpose.DAC, active=True)
        .order_by("pk")
        .values_list("pk", flat=True)[:20]
    )
    own = AccessGrant.objects.filter(
        patient_id=patient_id,
        grantee__in=[organization_key(team) for team in teams],
        valid_from__lte=now,
    ).exclude(valid_until__lte=now)
    entitled = set(own.values_list("grantee", flat=True)) if patient_id else set()
    asked = [team for team in teams if organization_key(team) in entitled] or teams
    shifts = OnCallShift.objects.filter(
        organization_id__in=asked,
        starts_at__lte=now,
        ends_at__gt=now,
        cancelled_at__isnull=True,
        practitioner_role__ended_at__isnull=True,
    )
    on_duty = list(shifts.order_by("pk").values_list("practitioner_role_id", flat=True))
    if on_duty:
        return [role_key(role_id) for role_id in dict.fromkeys(on_duty)][:MOST_TOLD]
    return [organization_key(team) for team in asked[:MOST_TOLD]]


def shifts(*, actor: Actor, now: datetime) -> list[OnCallShift]:
    """Return the shifts of the actor's team, under way and to come, the nearest first."""
    return list(
        OnCallShift.objects.filter(
            organization_id=actor.organization_id, ends_at__gt=now, cancelled_at__isnull=True
        )
        .select_related("practitioner_role__practitioner")
        .order_by("starts_at", "pk")[:MOST_SHIFTS]
    )


def shift(*, actor: Actor, shift_id: int) -> OnCallShift | None:
    """Return a shift of the actor's team, or None."""
    return OnCallShift.objects.filter(pk=shift_id, organization_id=actor.organization_id).first()


def colleagues(*, actor: Actor) -> list[tuple[int, str]]:
    """Return the roles of the actor's team that can sign in, by name."""
    found = (
        PractitionerRole.objects.filter(
            organization_id=actor.organization_id,
            ended_at__isnull=True,
            practitioner__account__isnull=False,
        )
        .select_related("practitioner")
        .order_by("practitioner__family", "practitioner__given", "pk")[:200]
    )
    return [(role.pk, str(role)) for role in found]
