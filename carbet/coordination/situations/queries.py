"""What can be asked of a living situation: itself, what an emergency must know, whom to call."""

from carbet.coordination.situations.models import EmergencyInformation, Situation


def situation_of(*, patient_id: int) -> Situation | None:
    """Return how the person lives, or None when nobody said or it is not open: one query."""
    return Situation.objects.filter(patient_id=patient_id).first()


def emergency_of(*, patient_id: int) -> EmergencyInformation | None:
    """Return what an emergency must know, or None when nobody said or it is not open: one query."""
    return EmergencyInformation.objects.filter(patient_id=patient_id).first()


def said_besides(
    *, records: list[int], medical: bool
) -> tuple[list[Situation], list[EmergencyInformation]]:
    """Return what other records of the person said: no query where there is none.

    Args:
        records: those merged into the one that is read (`access.ABSORBED`).
        medical: whether what an emergency must know is asked for as well.
    """
    if not records:
        return [], []
    told = {"patient_id__in": records}
    return (
        list(Situation.objects.filter(**told).order_by("pk")),
        list(EmergencyInformation.objects.filter(**told).order_by("pk")) if medical else [],
    )
