"""What the notebook writes down of what happens in the rooms below."""

import uuid
from datetime import datetime
from typing import Any

from django.dispatch import receiver

from carbet.coordination.notebook import operations
from carbet.coordination.notebook.choices import NoteKind
from carbet.coordination.orientation.operations import referred
from carbet.core.actor import Actor, DataCategory
from carbet.registries.patients.models import Patient


@receiver(referred)
def write_referral(
    sender: Any,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    text: str,
    urgent: bool,
    category: DataCategory,
    gesture: uuid.UUID,
    **_: Any,
) -> None:
    """Write in the notebook that the person was sent somewhere, or what became of it."""
    operations.write_note(
        actor=actor,
        now=now,
        patient=patient,
        text=text,
        gesture=gesture,
        kind=NoteKind.INTERVENTION,
        urgent=urgent,
        category=category,
    )
