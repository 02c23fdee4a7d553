"""What can be done with documents: file one, bring a new version, withdraw it. None is erased."""

import uuid
from collections.abc import Iterable
from datetime import date, datetime

from django.db import IntegrityError, transaction

from carbet.coordination.care_teams import access as care_teams_access
from carbet.coordination.documents import access, queries
from carbet.coordination.documents.choices import (
    OTHER,
    Confidentiality,
    DocumentStatus,
    DocumentType,
    Origin,
)
from carbet.coordination.documents.models import Document, File
from carbet.coordination.documents.operations.keeping import keep, refresh_screens
from carbet.coordination.documents.rules import clinical, content
from carbet.coordination.documents.rules.receiving import Received
from carbet.core.actor import Actor, DataCategory
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.core.sharing import Visibility
from carbet.registries.patients.models import Patient


class UnableToFile(UnableTo):
    """The document cannot be filed as given."""


class UnableToMend(UnableTo):
    """The document cannot be replaced or withdrawn."""


@operation("document.file", action="C")
def file_document(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    received: Received,
    gesture: uuid.UUID,
    kind: str = OTHER,
    title: str = "",
    made_on: date | None = None,
    confidentiality: str = Confidentiality.NORMAL,
    visibility: str = Visibility.CIRCLE,
    readers: Iterable[str] = (),
    attached_to: str = "",
    category: DataCategory | None = None,
    on_behalf_of_id: int | None = None,
    origin: str = Origin.HERE,
) -> Document:
    """File a document in a record; the same gesture twice is one document.

    A clinical document (CDA) brings its own type, date and identifiers.

    Args:
        received: what `rules.receiving` let in.
        readers: the keys of those who see it, when chosen one by one; its author always does.
        attached_to: what it belongs to in a higher room, which announces it itself.
        category: who may read it; by default what is open to its author, medical first.

    Raises:
        UnableToAct: the role does not write in records, nor for somebody who does.
        UnableToFile: no title, made in the future, the form served for another file, or a clinical
            document that is unreadable, filed already, or about somebody else.
    """
    said = _described(received, patient)
    title = title.strip() or (said.title if said else "")
    made_on = made_on or (said.made_on if said else None)
    kind = said.type if said and kind == OTHER else kind
    title = title.strip() or content.title_of(received.name)
    if made_on is not None and made_on > now.date():
        raise UnableToFile("Cette date est dans le futur.", field="made_on")
    signed = access.signature(actor, patient_id=patient.pk, on_behalf_of_id=on_behalf_of_id)
    chosen = Visibility(visibility) == Visibility.CHOSEN
    document = Document(
        patient_id=patient.pk,
        type=DocumentType(kind),
        category=category or care_teams_access.category_of_author(patient),
        title=title[:200],
        made_on=made_on,
        confidentiality=Confidentiality(confidentiality),
        visibility=visibility,
        readers=sorted({*readers, *access.own_keys(signed)}) if chosen else None,
        attached_to=attached_to,
        origin=origin,
        **_identifiers(said),
        recorded_at=now,
        updated_at=now,
        gesture=gesture,
        **signed,
    )
    try:
        with transaction.atomic():
            document.save(force_insert=True)
    except IntegrityError as error:
        return _filed_before(trace, document, received, error)
    keep(document, received, number=1, author=actor.display_name, now=now)
    trace.about(patient_id=patient.pk, entity=document)
    if not attached_to:
        refresh_screens(document, now=now)
    return document


@operation("document.replace")
def add_version(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    document: Document,
    received: Received,
    reason: str,
    version: int,
) -> Document:
    """Bring a new version of the file of one's own document; the former ones stay.

    Args:
        version: the one that was on screen, so that two tabs do not overwrite each other.

    Raises:
        UnableToAct: the document is somebody else's.
        UnableToMend: withdrawn, replaced meanwhile, no reason, or the same file.
    """
    row = _lock_own(document, actor)
    reason = reason.strip()
    latest = File.objects.filter(document_id=row.pk).order_by("-number").first()
    if row.version != version:
        # The same file brought twice by the same person is one version.
        if latest is not None and latest.digest == received.digest:
            trace.about(patient_id=row.patient_id, entity=row, reason="déjà enregistrée")
            return row
        raise UnableToMend("Ce document a reçu une autre version entre-temps : relisez-la.")
    if not reason:
        raise UnableToMend("Dites pourquoi vous remplacez ce fichier.", field="reason")
    if latest is not None and latest.digest == received.digest:
        raise UnableToMend("C’est le même fichier que la version actuelle.", field="file")
    row.version += 1
    row.updated_at = now
    row.save(update_fields=["version", "updated_at"])
    keep(row, received, number=row.version, author=actor.display_name, now=now, reason=reason)
    refresh_screens(row, now=now)
    trace.about(patient_id=row.patient_id, entity=row, reason=reason)
    return row


@operation("document.withdraw")
def withdraw_document(
    trace: Trace, *, actor: Actor, now: datetime, document: Document, reason: str
) -> Document:
    """Withdraw one's own document: its line stays, with the reason; its file opens for its author.

    Source: FHIR DocumentReference.status entered-in-error.

    Raises:
        UnableToAct: the document is somebody else's.
        UnableToMend: withdrawn already, or no reason.
    """
    row = _lock_own(document, actor)
    reason = reason.strip()
    if not reason:
        raise UnableToMend("Dites pourquoi vous retirez ce document.", field="reason")
    row.status, row.status_reason = DocumentStatus.ENTERED_IN_ERROR, reason[:200]
    row.updated_at = now
    row.save(update_fields=["status", "status_reason", "updated_at"])
    refresh_screens(row, now=now)
    trace.about(patient_id=row.patient_id, entity=row, reason=reason)
    return row


def _described(received: Received, patient: Patient) -> clinical.Described | None:
    """Return what a clinical document says, once it is known to be about this person."""
    if received.media_type != content.CDA:
        return None
    try:
        said = clinical.describe(received.content.read())
    except clinical.UnreadableDocument as refusal:
        raise UnableToFile(str(refusal), field="file") from refusal
    finally:
        received.content.seek(0)
    if wrong := queries.contradiction(said.person, patient):
        raise UnableToFile(wrong, field="file")
    if (
        said.identifier
        and Document.objects.filter(
            patient_id=patient.pk, identifier_value=said.identifier
        ).exists()
    ):
        raise UnableToFile("Ce document est déjà dans le dossier.", field="file")
    return said


def _identifiers(said: clinical.Described | None) -> dict[str, str | int]:
    if said is None or not said.identifier:
        return {}
    return {
        "identifier_system": clinical.IDENTIFIER_SYSTEM,
        "identifier_value": said.identifier,
        "set_identifier": said.set_identifier,
        "set_version": said.set_version,
    }


def _filed_before(
    trace: Trace, document: Document, received: Received, error: IntegrityError
) -> Document:
    """Return the document that the same gesture filed, when it is the same file."""
    before = Document.objects.filter(
        gesture=document.gesture, patient_id=document.patient_id
    ).first()
    same = (
        before is not None
        and before.author_role_id == document.author_role_id
        and File.objects.filter(document_id=before.pk, digest=received.digest).exists()
    )
    if before is None or not same:
        raise UnableToFile(
            "Ce formulaire a déjà enregistré un autre fichier. Celui-ci n’est pas encore"
            " enregistré : envoyez-le à nouveau."
        ) from error
    trace.about(patient_id=before.patient_id, entity=before, reason="déjà enregistré")
    return before


def _lock_own(document: Document, actor: Actor) -> Document:
    row = Document.objects.select_for_update().filter(pk=document.pk).first()
    if row is None or not access.is_own(row, actor):
        raise UnableToAct("Seul l’auteur d’un document peut le remplacer ou le retirer.")
    if row.status == DocumentStatus.ENTERED_IN_ERROR:
        raise UnableToMend("Ce document est déjà retiré.")
    return row
