"""What a person decides of a mail that the rules did not file; each decision can be taken back."""

from datetime import datetime

from django.db import transaction

from carbet.coordination.documents import operations as documents
from carbet.coordination.documents.models import Document
from carbet.core import row_security
from carbet.core.actor import Actor, for_house
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation
from carbet.interop.secure_mail import access
from carbet.interop.secure_mail.choices import UNDECIDED, ErrorCode, MailStatus
from carbet.interop.secure_mail.models import IncomingMail
from carbet.interop.secure_mail.operations.answering import ask_return
from carbet.interop.secure_mail.operations.filing import file_all
from carbet.interop.secure_mail.queries import raw_of
from carbet.interop.secure_mail.rules import contents, reading
from carbet.interop.secure_mail.rules.contents import Carried, Refused
from carbet.registries.patients.models import Patient

_LATE = "Ce courrier n’attend plus de décision : quelqu’un s’en est déjà occupé."


class UnableToDecide(UnableTo):
    """The mail does not wait any more, or what is decided cannot be."""


@operation("secure_mail.file", action="C")
def file_by_hand(
    trace: Trace, *, actor: Actor, now: datetime, mail: IncomingMail, patient: Patient
) -> IncomingMail:
    """File the documents of a mail in a record that the actor writes in.

    Raises:
        UnableToDecide: settled meanwhile, nothing to file, or it contradicts this person.
    """
    row = _locked(mail)
    if row.status == MailStatus.FILED and row.patient_id == patient.pk:
        trace.about(patient_id=patient.pk, entity=row, reason="déjà classé")
        return row
    if row.status != MailStatus.TO_FILE:
        raise UnableToDecide(_LATE)
    found = documents_of(row, actor=actor, now=now)
    if not found:
        raise UnableToDecide("Ce courrier ne contient aucun document qui se classe.")
    try:
        with transaction.atomic():
            numbers, new = file_all(row, found, patient, actor=actor, now=now)
    except Refused as error:
        raise UnableToDecide(error.reason) from error
    row.status, row.settled_at, row.settled_by_name = MailStatus.FILED, now, actor.display_name
    row.patient_id, row.document_ids = patient.pk, numbers
    row.reason = "" if new else "Déjà dans le dossier."
    row.save()
    trace.about(patient_id=patient.pk, entity=row)
    return row


@operation("secure_mail.quarantine")
def quarantine(
    trace: Trace, *, actor: Actor, now: datetime, mail: IncomingMail, reason: str
) -> IncomingMail:
    """Put a mail apart, saying why; it stays whole.

    Raises:
        UnableToDecide: settled meanwhile, or no reason.
    """
    row, why = _undecided(mail), _reason(reason)
    row.status, row.reason = MailStatus.QUARANTINED, why
    row.settled_by_name = actor.display_name
    row.save()
    trace.about(entity=row, reason=why)
    return row


@operation("secure_mail.return")
def return_to_sender(
    trace: Trace, *, actor: Actor, now: datetime, mail: IncomingMail, reason: str
) -> IncomingMail:
    """Send a mail back to who wrote it, with its code and a reason.

    Raises:
        UnableToDecide: settled meanwhile, no reason, or nobody to send it back to.
    """
    row, why = _undecided(mail), _reason(reason)
    if not row.sender:
        raise UnableToDecide("Ce courrier n’a pas d’expéditeur.")
    row.status, row.reason = MailStatus.RETURNED, why
    row.code = row.code or ErrorCode.OTHER
    row.settled_at, row.settled_by_name = now, actor.display_name
    row.save()
    with row_security.acting_as(for_house(actor), now=now, operation="secure_mail.return"):
        ask_return(row, code=row.code, now=now)
    trace.about(entity=row, reason=why)
    return row


@operation("secure_mail.reconsider")
def reconsider(trace: Trace, *, actor: Actor, now: datetime, mail: IncomingMail) -> IncomingMail:
    """Take a decision back: what was filed by hand is withdrawn, the mail waits in the tray.

    Raises:
        UnableToDecide: it waits already, has left, or a document of it replaced another.
    """
    row = _locked(mail)
    former = row.patient_id
    if row.status == MailStatus.FILED and row.settled_by_name:
        if row.reason:
            raise UnableToDecide("Ces documents étaient déjà dans le dossier.")
        _withdraw(row, actor=actor, now=now)
    elif row.status != MailStatus.QUARANTINED:
        raise UnableToDecide(_LATE)
    row.status, row.settled_at, row.settled_by_name = MailStatus.TO_FILE, None, ""
    row.patient_id, row.document_ids = None, []
    row.reason = f"Remis à classer par {actor.display_name}."[:300]
    row.save()
    trace.about(patient_id=former, entity=row)
    return row


def documents_of(mail: IncomingMail, *, actor: Actor, now: datetime) -> list[Carried]:
    """Return the documents of a mail that a record may keep, its archives first.

    Raises:
        UnableToDecide: its archive is hostile or spoilt.
    """
    read = mail_of(mail, actor=actor, now=now)
    if not read.archives:
        return contents.loose(read)
    try:
        return contents.carried(read)
    except Refused as error:
        raise UnableToDecide(error.reason) from error


def mail_of(mail: IncomingMail, *, actor: Actor, now: datetime) -> reading.Mail:
    """Return a mail read, once its row was found under the actor's own door."""
    with row_security.acting_as(for_house(actor), now=now):
        return reading.read(raw_of(mail))


def _withdraw(row: IncomingMail, *, actor: Actor, now: datetime) -> None:
    held = Document.objects.filter(pk__in=row.document_ids, patient_id=row.patient_id)
    rows = list(held)
    if len(rows) < len(row.document_ids) or any(each.version > 1 for each in rows):
        raise UnableToDecide(
            "Un document de ce courrier en a remplacé un autre : retirez-le depuis le dossier."
        )
    for each in rows:
        documents.cancel_received(
            actor=actor,
            now=now,
            patient_id=each.patient_id,
            identifier=each.identifier_value,
            reason=f"classé par erreur, repris par {actor.display_name}",
        )


def _undecided(mail: IncomingMail) -> IncomingMail:
    row = _locked(mail)
    if row.status not in UNDECIDED:
        raise UnableToDecide(_LATE)
    return row


def _locked(mail: IncomingMail) -> IncomingMail:
    row = IncomingMail.objects.select_for_update().filter(pk=mail.pk).first()
    if row is None:
        raise access.NoSuchMail
    return row


def _reason(text: str) -> str:
    why = " ".join(text.replace("\x00", "").split())
    if not 5 <= len(why) <= 300:
        raise UnableToDecide("Dites pourquoi, en 5 à 300 signes.", field="reason")
    return why
