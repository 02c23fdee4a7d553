"""What this room hears: an identity was written in Carbet, which is a domain like the others."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from carbet.core.actor import Actor
from carbet.registries.identity import operations
from carbet.registries.identity.rules import TRAITS_OF_PATIENT, of_patient
from carbet.registries.patients.models import Patient
from carbet.registries.patients.operations import identity_changing, identity_written


@receiver(identity_changing)
def wait_before_the_row(sender: Any, *, names: frozenset[str], ins: str, **_: Any) -> None:
    """Wait for whoever moves this identity before its row is locked, never after.

    What is no trait, a language or how to reach the home, waits for nobody.
    """
    if ins or names & TRAITS_OF_PATIENT:
        operations.lock_moves()


@receiver(identity_written)
def keep_among_the_others(
    sender: Any,
    *,
    patient: Patient,
    ins: str,
    ins_system: str,
    actor: Actor,
    now: datetime,
    **_: Any,
) -> None:
    """Keep what Carbet knows of a person beside what the other domains know."""
    row = operations.mirror(
        actor=actor,
        now=now,
        patient_id=patient.pk,
        traits=of_patient(patient),
        ins=ins,
        ins_system=ins_system,
    )
    if row.attributes != patient.identity_attributes and row.keeps_attributes:
        patient.refresh_from_db(fields=["identity_attributes", "version", "updated_at"])
