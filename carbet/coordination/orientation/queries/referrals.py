"""Where a person was sent."""

from carbet.coordination.orientation.models import Referral

MOST_REFERRALS = 50


def referrals(*, patient_id: int, limit: int = MOST_REFERRALS) -> list[Referral]:
    """Return where a person was sent, the latest first."""
    return list(
        Referral.objects.filter(patient_id=patient_id)
        .select_related("author_role")
        .order_by("-created_at", "-pk")[:limit]
    )
