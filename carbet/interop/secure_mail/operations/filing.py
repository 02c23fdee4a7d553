"""Put the documents of a mail in a record: once, and never with what contradicts the person."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings

from carbet.coordination.documents import operations as documents
from carbet.coordination.documents import queries as documents_queries
from carbet.coordination.documents.choices import DocumentStatus, Origin
from carbet.coordination.documents.models import Document
from carbet.core import names
from carbet.core.actor import Actor
from carbet.interop import cda
from carbet.interop.secure_mail import access
from carbet.interop.secure_mail.choices import ErrorCode
from carbet.interop.secure_mail.models import IncomingMail, Mailbox
from carbet.interop.secure_mail.rules.contents import (
    Carried,
    Doubtful,
    Refused,
    complete_ins,
    person_of,
)
from carbet.registries.patients import queries as patients
from carbet.registries.patients.choices import INS_DEMO, INS_TEST
from carbet.registries.patients.models import Patient


def identify(mailbox: Mailbox, found: Sequence[Carried]) -> Patient:
    """Return the person of a mail: a qualified INS whose strict traits agree; nothing else does.

    Raises:
        Doubtful: nobody for sure, or a record in which the owner of the mailbox does not write.
        Refused: an INS that contradicts the traits.
    """
    person = person_of(list(found))
    ins = complete_ins(person)
    system, value = f"urn:oid:{ins.root}", ins.extension.replace(" ", "")
    if system in (INS_TEST, INS_DEMO) and not settings.DEMONSTRATION:
        raise Refused(ErrorCode.OTHER, "INS de test : refusé en production.")
    known = patients.identified(system=system, value=value)
    row = Patient.objects.filter(pk__in=known, active=True).first()
    if row is None:
        raise Doubtful(ErrorCode.UNKNOWN, "Aucune identité qualifiée d’ici ne porte cet INS.")
    if wrong := contradiction(person, row):
        raise Refused(ErrorCode.INS_MISMATCH, wrong)
    if not access.reaches(mailbox, patient_id=row.pk):
        raise Doubtful(
            ErrorCode.OTHER, "Le titulaire de la boîte n’écrit pas dans le dossier de la personne."
        )
    return row


def contradiction(person: cda.Patient, patient: Patient) -> str:
    """Return why a document is not about this person, as a sentence; nothing when it may be."""
    if wrong := documents_queries.contradiction(person, patient):
        return wrong
    if person.gender != patient.gender and "unknown" not in (person.gender, patient.gender):
        return "Le sexe de ce document n’est pas celui de cette personne."
    birth_family = names.strict_form(person.birth_family)
    if birth_family and birth_family != names.strict_form(patient.birth_family):
        return "Le nom de naissance de ce document n’est pas celui de cette personne."
    return ""


def file_all(
    mail: IncomingMail,
    found: Sequence[Carried],
    patient: Patient,
    *,
    actor: Actor,
    now: datetime,
) -> tuple[list[int], int]:
    """File every document in a record. Return their numbers, and how many were new.

    Raises:
        Refused: one contradicts the person, was withdrawn, or bears the identifier of another.
    """
    numbers, new = [], 0
    for each in found:
        if each.is_clinical and (wrong := contradiction(each.described.person, patient)):
            raise Refused(ErrorCode.INS_MISMATCH, wrong)
        document, is_new = documents.receive_document(
            actor=actor,
            now=now,
            patient_id=patient.pk,
            received=each.received,
            origin=Origin.SECURE_MAIL,
            described=each.described,
            visibility=each.visibility,
            gesture=uuid.uuid5(
                uuid.NAMESPACE_OID,
                f"mss:{patient.pk}:{each.described.identifier}:{each.received.digest}",
            ),
        )
        if not is_new and not _holds(document, each.received.digest):
            raise Refused(
                ErrorCode.OTHER, "Cet identifiant est déjà celui d’un document d’un autre contenu."
            )
        if document.status == DocumentStatus.ENTERED_IN_ERROR:
            raise Refused(ErrorCode.OTHER, "Ce document a été retiré de ce dossier.")
        numbers.append(document.pk)
        new += is_new
    return numbers, new


def _holds(document: Document, digest: str) -> bool:
    return document.files.filter(digest=digest).exists()
