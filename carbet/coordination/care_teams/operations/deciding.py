"""What the person decides about sharing, and its record."""

from datetime import datetime
from uuid import UUID

from carbet.coordination.care_teams.choices import (
    ConsentDecision,
    ConsentGiver,
)
from carbet.coordination.care_teams.models import (
    Consent,
)
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation
from carbet.registries.patients.models import Patient


class UnableToRecordConsent(UnableTo):
    """The decision cannot be recorded."""


@operation("consent.record", action="C")
def record_consent(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    decision: str,
    given_by: str,
    note: str = "",
    gesture: UUID | None = None,
) -> Consent:
    """Record what the person decided about sharing; a later decision replaces, none erases."""
    if gesture and (done := Consent.objects.filter(gesture=gesture).first()):
        trace.about(patient_id=patient.pk, entity=done)
        return done
    consent = Consent.objects.create(
        patient=patient,
        decision=ConsentDecision(decision),
        given_by=ConsentGiver(given_by),
        note=note,
        recorded_by_id=actor.role_id,
        recorded_at=now,
        gesture=gesture,
    )
    trace.about(patient_id=patient.pk, entity=consent)
    return consent
