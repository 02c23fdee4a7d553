"""Documents that other systems send: filed once, replaced and cancelled as they say."""

import uuid
from datetime import datetime

from django.db import IntegrityError, transaction

from carbet.coordination.documents.choices import DocumentStatus, Origin
from carbet.coordination.documents.models import Document, File, FileWords
from carbet.coordination.documents.operations.keeping import keep, refresh_screens, write_words
from carbet.coordination.documents.rules import clinical
from carbet.coordination.documents.rules.receiving import Received
from carbet.core.actor import Actor, DataCategory
from carbet.core.audit import Trace
from carbet.core.operation import operation
from carbet.core.sharing import Visibility
from carbet.registries.directory.models import Organization


@operation("document.receive", action="C")
def receive_document(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int,
    received: Received,
    origin: str = Origin.SECURE_MAIL,
    described: clinical.Described | None = None,
    kind: str = "",
    title: str = "",
    author: str = "",
    visibility: str = Visibility.CIRCLE,
    category: DataCategory = DataCategory.MEDICAL,
    gesture: uuid.UUID | None = None,
) -> tuple[Document, bool]:
    """File what another system sent about a person; tell whether it is new here.

    The same document twice is one. A later version of the same set, or one that says it replaces
    it, becomes the next version of the same document; an earlier one that comes late is kept
    beside, as replaced.

    Args:
        described: what a clinical document says of itself; `kind`, `title` and `author` stand in
            for it when the file is another.
        gesture: the key of this arrival, for a file that has no identifier of its own.
    """
    said = described
    if said is not None and said.identifier:
        known = Document.objects.filter(
            patient_id=patient_id,
            identifier_system=clinical.IDENTIFIER_SYSTEM,
            identifier_value=said.identifier,
        ).first()
        if known is not None:
            trace.about(patient_id=patient_id, entity=known, reason="déjà reçu")
            return known, False
    former = _former(patient_id, said)
    if former is not None and former.files.filter(digest=received.digest).exists():
        trace.about(patient_id=patient_id, entity=former, reason="déjà reçu")
        return former, False
    if former is not None and said is not None and said.set_version >= (former.set_version or 0):
        return _replace(trace, former, said, received, now=now), True
    document = Document(
        patient_id=patient_id,
        type=said.type if said else kind or Document._meta.get_field("type").get_default(),
        title=(said.title if said else title or "Document")[:200],
        category=category,
        made_on=said.made_on if said and said.made_on and said.made_on <= now.date() else None,
        confidentiality=said.confidentiality if said else "N",
        visibility=visibility,
        author_name=(said.author if said else author)[:200] or "Auteur non nommé",
        author_organization=_organization(said.finess if said else ""),
        origin=origin,
        identifier_system=clinical.IDENTIFIER_SYSTEM if said and said.identifier else "",
        identifier_value=said.identifier if said else "",
        set_identifier=said.set_identifier if said else "",
        set_version=said.set_version if said else None,
        status=DocumentStatus.SUPERSEDED if former else DocumentStatus.CURRENT,
        status_reason="une version plus récente était déjà arrivée" if former else "",
        recorded_at=now,
        updated_at=now,
        gesture=gesture or uuid.uuid4(),
    )
    try:
        with transaction.atomic():
            document.save(force_insert=True)
    except IntegrityError:
        known = Document.objects.get(patient_id=patient_id, gesture=document.gesture)
        trace.about(patient_id=patient_id, entity=known, reason="déjà reçu")
        return known, False
    keep(document, received, number=1, author=document.author_name, now=now)
    refresh_screens(document, now=now)
    trace.about(patient_id=patient_id, entity=document)
    return document, True


@operation("document.cancel")
def cancel_received(
    trace: Trace, *, actor: Actor, now: datetime, patient_id: int, identifier: str, reason: str
) -> Document | None:
    """Withdraw a document because whoever sent it cancels it; None when it is not here."""
    row = (
        Document.objects.select_for_update()
        .filter(patient_id=patient_id, identifier_value=identifier)
        .first()
    )
    if row is None or row.status == DocumentStatus.ENTERED_IN_ERROR:
        trace.about(patient_id=patient_id, reason="rien à retirer")
        return row
    row.status, row.status_reason = DocumentStatus.ENTERED_IN_ERROR, reason[:200]
    row.updated_at = now
    row.save(update_fields=["status", "status_reason", "updated_at"])
    refresh_screens(row, now=now)
    trace.about(patient_id=patient_id, entity=row, reason=reason)
    return row


@operation("document.words.keep", action="C")
def keep_words(trace: Trace, *, actor: Actor, now: datetime, file: File, text: str) -> None:
    """Set apart the words read in a file, once."""
    trace.about(patient_id=file.patient_id, entity=file)
    if not FileWords.objects.filter(file_id=file.pk).exists():
        write_words(file, text)


def _former(patient_id: int, said: clinical.Described | None) -> Document | None:
    """Return the document of which this is another version, locked."""
    if said is None:
        return None
    rows = Document.objects.select_for_update().filter(
        patient_id=patient_id, status=DocumentStatus.CURRENT
    )
    found = rows.filter(set_identifier=said.set_identifier).first() if said.set_identifier else None
    if found is None and said.replaces:
        found = rows.filter(identifier_value=said.replaces).first()
    return found


def _replace(
    trace: Trace, row: Document, said: clinical.Described, received: Received, *, now: datetime
) -> Document:
    row.version += 1
    row.title, row.type, row.confidentiality = said.title, said.type, said.confidentiality
    row.identifier_value, row.set_version = said.identifier, said.set_version
    row.set_identifier = said.set_identifier or row.set_identifier
    row.made_on = said.made_on if said.made_on and said.made_on <= now.date() else row.made_on
    row.updated_at = now
    row.save()
    reason = f"Remplacé par la version {said.set_version} de l’auteur"
    keep(row, received, number=row.version, author=said.author, now=now, reason=reason)
    refresh_screens(row, now=now)
    trace.about(patient_id=row.patient_id, entity=row, reason=reason)
    return row


def _organization(finess: str) -> Organization | None:
    return Organization.objects.filter(finess=finess).order_by("pk").first() if finess else None
