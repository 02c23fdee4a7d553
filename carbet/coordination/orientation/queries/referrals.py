"""Where a person was sent, and how to write there."""

from django.db.models import F, Value
from django.db.models.functions import Coalesce, NullIf

from carbet.coordination.orientation.choices import Kind
from carbet.coordination.orientation.models import Referral
from carbet.registries.directory.models import (
    HealthcareService,
    Organization,
    PractitionerRole,
)

MOST_REFERRALS = 50


def referrals(*, patient_id: int, limit: int = MOST_REFERRALS) -> list[Referral]:
    """Return where a person was sent, the latest first."""
    return list(
        Referral.objects.filter(patient_id=patient_id)
        .select_related("author_role")
        .order_by("-created_at", "-pk")[:limit]
    )


def secure_email(*, kind: str, target: int) -> str:
    """Return the address to write to a destination, as the directory has it now; empty: none."""
    if kind == Kind.ROLE:
        held = PractitionerRole.objects.filter(pk=target).values_list("secure_email", flat=True)
    elif kind == Kind.PLACE:
        held = Organization.objects.filter(pk=target).values_list("secure_email", flat=True)
    else:
        own = NullIf(F("secure_email"), Value(""))
        held = HealthcareService.objects.filter(pk=target).values_list(
            Coalesce(own, F("organization__secure_email")), flat=True
        )
    return held.first() or ""
