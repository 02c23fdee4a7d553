"""What the person decides about sharing, who spoke for her, and what proves it."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from carbet.coordination.care_teams.choices import (
    Capacity,
    ConsentDecision,
    ConsentGiver,
    ProofKind,
)
from carbet.coordination.care_teams.models import (
    Consent,
    RelatedPerson,
)
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation
from carbet.registries.patients.models import Patient


class UnableToRecordConsent(UnableTo):
    """The decision cannot be recorded."""


class UnableToProve(UnableTo):
    """The proof cannot be kept with this decision."""


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
    related_person: RelatedPerson | None = None,
    capacity: str = "",
    gesture: UUID | None = None,
) -> Consent:
    """Record what the person decided about sharing; a later decision replaces, none erases.

    Args:
        related_person: who answered for her, or was consulted.
        capacity: under which title; by default the one kept with this relative.

    Raises:
        UnableToRecordConsent: that relative is another person's, or left; no title to answer;
            the gesture recorded another person's decision.
    """
    if gesture and (done := _done(gesture, patient)):
        trace.about(patient_id=patient.pk, entity=done)
        return done
    giver = ConsentGiver(given_by)
    if giver == ConsentGiver.PERSON:
        related_person, capacity = None, ""
    if related_person is not None:
        if related_person.patient_id != patient.pk or not related_person.active:
            raise UnableToRecordConsent(
                "Ce proche ne fait plus partie de l’entourage de la personne.",
                field="related_person",
            )
        capacity = _title(giver, related_person, capacity)
    consent = Consent(
        patient=patient,
        decision=ConsentDecision(decision),
        given_by=giver,
        related_person=related_person,
        capacity=capacity,
        note=note,
        recorded_by_id=actor.role_id,
        recorded_at=now,
        gesture=gesture,
    )
    try:
        with transaction.atomic():
            consent.save(force_insert=True)
    except IntegrityError as error:
        # The same gesture, at the same moment.
        done = _done(gesture, patient) if gesture else None
        if done is None:
            raise UnableToRecordConsent("Ce formulaire a déjà servi : recommencez.") from error
        consent = done
    trace.about(patient_id=patient.pk, entity=consent)
    return consent


def _done(gesture: UUID, patient: Patient) -> Consent | None:
    return Consent.objects.filter(gesture=gesture, patient_id=patient.pk).first()


def _title(giver: ConsentGiver, relative: RelatedPerson, capacity: str) -> str:
    """Return under which title a relative answers."""
    if giver == ConsentGiver.TRUSTED:
        return Capacity.TRUSTED
    title = capacity or relative.capacity
    if title in ("", Capacity.TRUSTED):
        raise UnableToRecordConsent(
            "Dites à quel titre ce proche la représente : tutelle, autorité parentale…",
            field="capacity",
        )
    return Capacity(title)


@operation("consent.prove")
def prove_consent(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    consent: Consent,
    kind: str,
    document_id: int,
    digest: str,
    instead_of: int | None = None,
) -> Consent:
    """Keep with a decision what proves it, filed by the documents room; what is kept stays.

    Args:
        digest: SHA-256 of the file as kept.
        instead_of: the document that proved it and was withdrawn since.

    Raises:
        UnableToProve: something proves it already.
    """
    row = Consent.objects.select_for_update().get(pk=consent.pk)
    if row.proof_document not in (None, instead_of):
        raise UnableToProve("Une preuve est déjà jointe à cette décision.")
    row.proof_kind, row.proof_document = ProofKind(kind), document_id
    row.proof_digest, row.proved_at = digest, now
    row.save(update_fields=["proof_kind", "proof_document", "proof_digest", "proved_at"])
    trace.about(patient_id=row.patient_id, entity=row)
    return row
