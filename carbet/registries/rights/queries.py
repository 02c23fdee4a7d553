"""What can be asked of rights."""

from carbet.registries.directory.models import Practitioner


def practitioner_of(*, rpps: str) -> Practitioner | None:
    """Return the active professional of this RPPS with their account, or None."""
    return Practitioner.objects.select_related("account").filter(rpps=rpps, active=True).first()
