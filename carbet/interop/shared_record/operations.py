"""What can be done: ask for a document to be deposited in the shared record."""

import uuid
from datetime import datetime

from django.db import IntegrityError, transaction

from carbet.coordination.documents.models import Document
from carbet.core import outbox
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.interop.shared_record import queries
from carbet.interop.shared_record.models import Deposit
from carbet.interop.shared_record.rules import why_not
from carbet.registries.patients.models import Patient

TOPIC = "dmp.deposit"


class UnableToDeposit(UnableTo):
    """The document may not be deposited."""


@operation("shared_record.deposit", action="C")
def deposit(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    document: Document,
    was_told: bool,
    gesture: uuid.UUID,
) -> Deposit:
    """Ask for the last version of a document to be deposited, once.

    Args:
        was_told: the person was told, and does not oppose.

    Raises:
        UnableToDeposit: the rules refuse it, or that version was given already.
    """
    if actor.role_id is None:
        raise UnableToAct("Choisissez d’abord le rôle sous lequel vous travaillez.")
    known = Deposit.objects.filter(gesture=gesture, document_id=document.pk).first()
    if known is not None:
        trace.about(patient_id=patient.pk, entity=known, reason="déjà demandé")
        return known
    if not was_told:
        raise UnableToDeposit(
            "Le dépôt demande que la personne soit informée et ne s’y oppose pas.", field="was_told"
        )
    file = queries.latest_file(document=document)
    said = queries.situation(
        patient=patient,
        document=document,
        held=queries.clinical(file=file),
        bearer=queries.bearer_of(role_id=actor.role_id),
    )
    if refusal := why_not(said):
        raise UnableToDeposit(refusal)
    if file is None:
        raise UnableToDeposit("Ce document n’a pas de fichier.")
    row = Deposit(
        patient_id=patient.pk,
        document_id=document.pk,
        number=file.number,
        role_id=actor.role_id,
        asked_by_name=actor.display_name[:200],
        asked_at=now,
        gesture=gesture,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise UnableToDeposit("Cette version est déjà déposée, ou en chemin.") from error
    outbox.send(
        TOPIC,
        {"deposit_id": row.pk},
        idempotency_key=queries.key_of(row),
        now=now,
        patient_id=patient.pk,
    )
    trace.about(patient_id=patient.pk, entity=row, reason="personne informée, sans opposition")
    return row
