"""What the circle answers to the rooms below: who comes next when nobody reads an urgent alert."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from carbet.coordination.alerts.operations import seeking_next
from carbet.coordination.care_teams import queries


@receiver(seeking_next)
def answer_next(
    sender: Any, *, patient_id: int, told: set[str], now: datetime, **_: Any
) -> list[str]:
    """Answer with the member of the circle to tell next, among those not told yet."""
    return queries.next_to_tell(patient_id=patient_id, told=told, now=now)
