"""What can be asked of a living situation: itself, what an emergency must know, whom to call."""

from carbet.coordination.situations.models import EmergencyInformation, Situation


def situation_of(*, patient_id: int) -> Situation | None:
    """Return how the person lives, or None when nobody said or it is not open: one query."""
    return Situation.objects.filter(patient_id=patient_id).first()


def emergency_of(*, patient_id: int) -> EmergencyInformation | None:
    """Return what an emergency must know, or None when nobody said or it is not open: one query."""
    return EmergencyInformation.objects.filter(patient_id=patient_id).first()
