"""What can be done: deposit a document in the shared record, look a person up, file one found."""

import io
import uuid
from datetime import datetime

from django.db import IntegrityError, transaction

from carbet.connectors.dmp import TOPIC, Entry
from carbet.coordination.documents import operations as documents
from carbet.coordination.documents import queries as documents_queries
from carbet.coordination.documents.choices import DocumentStatus, Origin
from carbet.coordination.documents.models import Document
from carbet.coordination.documents.rules import clinical, content, receiving
from carbet.core import outbox
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.interop.shared_record import queries
from carbet.interop.shared_record.access import Entered
from carbet.interop.shared_record.models import Deposit
from carbet.interop.shared_record.rules import (
    Mode,
    visibility_of,
    why_not,
    why_not_take,
)
from carbet.registries.patients.models import Patient


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
        {"deposit_id": row.pk, "document": document.pk, "number": row.number},
        idempotency_key=queries.key_of(row),
        now=now,
        patient_id=patient.pk,
    )
    trace.about(patient_id=patient.pk, entity=row, reason="personne informée, sans opposition")
    return row


class UnableToLook(UnableTo):
    """The shared record of this person may not be entered, or gives nothing that can be kept."""


@operation("shared_record.look", action="R")
def enter(
    trace: Trace, *, actor: Actor, now: datetime, patient: Patient, entered: Entered
) -> queries.Way:
    """Say how a shared record is entered; return the way in.

    Raises:
        UnableToLook: no INS may leave, the role bears no national number, the person opposed.
    """
    way = queries.way_of(patient=patient, role_id=actor.role_id)
    if refusal := way.refusal(entered.mode):
        raise UnableToLook(refusal, field="mode")
    said = f"urgence : {entered.reason}" if entered.mode == Mode.GLASS else "personne informée"
    trace.about(patient_id=patient.pk, entity="DMP", reason=said)
    return way


@operation("shared_record.take", action="C")
def take(
    trace: Trace, *, actor: Actor, now: datetime, patient: Patient, entry: Entry, data: bytes
) -> tuple[Document, bool]:
    """File a document of the shared record; tell whether it is new here. Twice is once.

    Raises:
        UnableToLook: it is hidden from carers, about somebody else, of a type that is not kept, or
            was withdrawn from this record.
    """
    if refusal := why_not_take(entry):
        raise UnableToLook(refusal)
    try:
        received = receiving.receive("document", io.BytesIO(data), len(data))
        described = clinical.describe(data) if received.media_type == content.CDA else None
    except (content.UnknownContent, clinical.UnreadableDocument) as refusal:
        raise UnableToLook(str(refusal)) from refusal
    if described is not None:
        received = receiving.receive(f"{described.title}.xml", io.BytesIO(data), len(data))
        if wrong := documents_queries.contradiction(described.person, patient):
            raise UnableToLook(wrong)
    document, is_new = documents.receive_document(
        actor=actor,
        now=now,
        patient_id=patient.pk,
        received=received,
        origin=Origin.SHARED_RECORD,
        described=described,
        title=entry.title,
        author=", ".join(filter(None, (entry.author, entry.place))),
        visibility=visibility_of(entry),
        gesture=uuid.uuid5(uuid.NAMESPACE_OID, f"dmp:{patient.pk}:{entry.unique_id}"),
    )
    if document.status == DocumentStatus.ENTERED_IN_ERROR:
        raise UnableToLook("Ce document a été retiré de ce dossier.")
    trace.about(
        patient_id=patient.pk, entity=document, reason="pris au DMP" if is_new else "déjà reçu"
    )
    return document, is_new
