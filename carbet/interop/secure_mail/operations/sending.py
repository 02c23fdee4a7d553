"""Send a document of a record by secure mail: to whom the directory knows, once."""

import re
import uuid
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction

from carbet.connectors import mssante
from carbet.coordination.documents import queries as documents
from carbet.coordination.documents.choices import DocumentStatus
from carbet.coordination.documents.models import Document, File
from carbet.coordination.documents.rules import content
from carbet.core import outbox, row_security
from carbet.core.actor import Actor, for_house
from carbet.core.audit import Trace
from carbet.core.models import OutboxMessage
from carbet.core.operation import UnableTo, operation
from carbet.core.sharing import Visibility
from carbet.interop import cda, xdm
from carbet.interop.secure_mail import access, queries
from carbet.interop.secure_mail.choices import SendingStatus
from carbet.interop.secure_mail.models import SEND, Mailbox, OutgoingMail
from carbet.interop.secure_mail.operations.leaving import UNCERTAIN, leave
from carbet.interop.secure_mail.rules import writing
from carbet.registries.patients import queries as patients
from carbet.registries.patients.models import Patient

MOST_RECIPIENTS = 20
_INS = re.compile(r"\d{15}")


class UnableToSend(UnableTo):
    """The document cannot leave as asked."""


@operation("secure_mail.send", action="C")
def send_document(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    document: Document,
    mailbox: Mailbox,
    recipients: Iterable[str],
    to_patient: bool,
    gesture: uuid.UUID,
) -> OutgoingMail:
    """Send the latest version of a document; the same gesture twice is one mail.

    Args:
        recipients: addresses; each must be a secure mailbox of the directory, off the red list.
        to_patient: to the person's own secure mailbox as well.

    Raises:
        UnableToSend: no recipient, an unknown one, a document that does not leave this way, or
            the person's mailbox without a qualified INS.
    """
    if mailbox.owner not in access.owners(actor) or not mailbox.active:
        raise UnableToSend("Choisissez une de vos boîtes.", field="mailbox")
    if document.status != DocumentStatus.CURRENT:
        raise UnableToSend("Ce document n’est plus en vigueur.")
    file = File.objects.filter(document=document).latest("number")
    if file.media_type != content.CDA:
        raise UnableToSend("Seul un document clinique (CDA) part par messagerie sécurisée.")
    wanted = list(dict.fromkeys(each.strip().lower() for each in recipients if each.strip()))
    own = person_address(patient)
    for address in wanted:
        if address.endswith(f"@{settings.MSS_PATIENT_DOMAIN}"):
            raise UnableToSend(
                "La boîte de la personne se choisit par sa case, jamais par une adresse écrite.",
                field="recipients",
            )
    if unknown := queries.unknown_addresses(addresses=wanted, now=now):
        raise UnableToSend(
            f"Pas une boîte sécurisée de l’annuaire : {', '.join(unknown[:3])}.",
            field="recipients",
        )
    if to_patient:
        if not own:
            raise UnableToSend(
                "La boîte de la personne demande une identité qualifiée, avec son INS.",
                field="to_patient",
            )
        if document.visibility != Visibility.CIRCLE:
            raise UnableToSend("Ce document n’est pas ouvert à la personne.", field="to_patient")
        wanted.append(own)
    if not wanted:
        raise UnableToSend("Choisissez au moins un destinataire.", field="recipients")
    if len(wanted) > MOST_RECIPIENTS:
        raise UnableToSend(f"{MOST_RECIPIENTS} destinataires au plus.", field="recipients")
    row = OutgoingMail(
        mailbox=mailbox,
        owner=mailbox.owner,
        patient_id=patient.pk,
        document=document,
        number=file.number,
        title=document.title,
        recipients=wanted,
        to_patient=to_patient,
        message_id=mssante.new_message_id(mailbox.address, gesture),
        requested_at=now,
        author_name=actor.display_name,
        gesture=gesture,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        known = OutgoingMail.objects.filter(gesture=gesture, document=document).first()
        if known is None:
            raise UnableToSend("Ce formulaire a déjà servi : recommencez.") from error
        trace.about(patient_id=patient.pk, entity=known, reason="déjà demandé")
        return known
    outbox.send(
        SEND,
        {"mail_id": row.pk},
        idempotency_key=row.outbox_key,
        now=now,
        patient_id=patient.pk,
    )
    trace.about(patient_id=patient.pk, entity=row)
    return row


@operation("secure_mail.cancel")
def cancel_mail(trace: Trace, *, actor: Actor, now: datetime, mail: OutgoingMail) -> None:
    """Cancel a mail that has not left.

    Raises:
        UnableToSend: it left, or may have.
    """
    with row_security.acting_as(for_house(actor), now=now, operation="secure_mail.cancel"):
        # In the order of whoever sends it: the message, then the mail.
        message = _message_of(mail)
        row = OutgoingMail.objects.select_for_update().get(pk=mail.pk)
        if row.status == SendingStatus.SENT or message.status == OutboxMessage.Status.SENT:
            raise UnableToSend("Ce courrier est déjà parti.")
        if UNCERTAIN in message.last_error:
            raise UnableToSend("Ce courrier est peut-être déjà parti : attendez d’être fixé.")
        message.status, message.settled_at = OutboxMessage.Status.CANCELLED, now
        message.save(update_fields=["status", "settled_at"])
        row.status, row.settled_at = SendingStatus.CANCELLED, now
        row.save(update_fields=["status", "settled_at"])
    trace.about(patient_id=row.patient_id, entity=row)


@operation("secure_mail.retry")
def retry_mail(trace: Trace, *, actor: Actor, now: datetime, mail: OutgoingMail) -> None:
    """Try again a mail that failed, from its first attempt.

    Raises:
        UnableToSend: it is not in failure.
    """
    from carbet.core import tasks

    with row_security.acting_as(for_house(actor), now=now, operation="secure_mail.retry"):
        message = _message_of(mail)
        if message.status != OutboxMessage.Status.FAILED:
            raise UnableToSend("Ce courrier n’est pas en échec.")
        message.status, message.attempts = OutboxMessage.Status.PENDING, 0
        message.due_at, message.settled_at = now, None
        message.save(update_fields=["status", "attempts", "due_at", "settled_at"])
        tasks.deliver.defer(message_id=message.pk)
    trace.about(patient_id=mail.patient_id, entity=mail)


@outbox.sender(SEND, label="Document par messagerie sécurisée")
def send_mail(message: OutboxMessage) -> None:
    """Write a mail and send it. Called by the house, in the transaction of its outbox row."""
    row = OutgoingMail.objects.select_related("mailbox").get(pk=message.payload["mail_id"])
    if row.status != SendingStatus.PENDING:
        return
    leave(row.mailbox, row.message_id, tuple(row.recipients), written(row), message)
    row.status, row.settled_at = SendingStatus.SENT, message.due_at
    row.save(update_fields=["status", "settled_at"])


def written(row: OutgoingMail) -> bytes:
    """Return a mail as it leaves: the same each time that it is tried."""
    file = File.objects.get(document_id=row.document_id, number=row.number)
    with documents.content(file=file) as stream:
        data = stream.read()
    document = cda.read(data)
    patient = Patient.objects.get(pk=row.patient_id)
    ins = patients.ins_that_leaves(patient=patient)
    hidden = row.document.visibility != Visibility.CIRCLE
    archive = xdm.write(
        [xdm.Packed(data, document.header, ("INVISIBLE_PATIENT",) if hidden else ())],
        at=row.requested_at,
        source=row.mailbox.address,
    )
    body = document.body
    return writing.mail(
        writing.ToSend(
            sender=row.mailbox.address,
            recipients=tuple(row.recipients),
            message_id=row.message_id,
            label=row.title,
            type_code=document.header.type.code,
            person=writing.Person(
                patient.birth_family,
                patient.first_given or patient.birth_given[0],
                patient.birth_date,
                ins.value if ins is not None else "",
            ),
            at=row.requested_at,
            archive=archive,
            readable=body.data if body and body.media_type == "application/pdf" else b"",
        )
    )


def _message_of(row: OutgoingMail) -> OutboxMessage:
    """Return the outbox row of a mail, locked."""
    found = OutboxMessage.objects.select_for_update().filter(idempotency_key=row.outbox_key).first()
    if found is None:
        raise UnableToSend("L’envoi de ce courrier n’est plus suivi.")
    return found


def person_address(patient: Patient) -> str:
    """Return the secure mailbox of a person: of a qualified identity only, else nothing."""
    ins = patients.ins_that_leaves(patient=patient)
    if ins is None or not _INS.fullmatch(ins.value):
        return ""
    return f"{ins.value}@{settings.MSS_PATIENT_DOMAIN}"
