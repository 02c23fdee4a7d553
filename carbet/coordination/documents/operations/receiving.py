"""Documents that other systems send: filed once, replaced and cancelled as they say."""

import uuid
from datetime import datetime

from django.db import IntegrityError, transaction

from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.alerts.operations import raise_alert
from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.documents.choices import DocumentStatus, Origin
from carbet.coordination.documents.models import Document, File, FileWords
from carbet.coordination.documents.operations.keeping import keep, refresh_screens, write_words
from carbet.coordination.documents.rules import clinical
from carbet.coordination.documents.rules.receiving import Received
from carbet.core.actor import Actor, DataCategory, Level
from carbet.core.audit import Trace
from carbet.core.operation import operation
from carbet.core.sharing import Visibility, is_told
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
    visibility: str = "",
    category: DataCategory = DataCategory.MEDICAL,
    gesture: uuid.UUID | None = None,
) -> tuple[Document, bool]:
    """File what another system sent about a person; tell whether it is new here.

    The same document twice is one. A later version of the same set, or one that says it replaces
    it, becomes the next version of the same document; an earlier one that comes late is kept
    beside, as replaced. The circle is alerted of what is new and in force.

    Args:
        described: what a clinical document says of itself; `kind`, `title` and `author` stand in
            for it when the file is another.
        visibility: how far it goes; empty for the whole circle, or as far as the version replaced.
        gesture: the key of this arrival, for a file that has no identifier of its own.
    """
    said = described
    known = _known(patient_id, said.identifier) if said is not None else None
    if known is not None:
        trace.about(patient_id=patient_id, entity=known, reason="déjà reçu")
        return known, False
    former = _former(patient_id, said)
    if former is not None and former.files.filter(digest=received.digest).exists():
        trace.about(patient_id=patient_id, entity=former, reason="déjà reçu")
        return former, False
    late = said is not None and _later_than(patient_id, said.identifier)
    if former is not None and said is not None and not late:
        if said.set_version >= (former.set_version or 0):
            _replace(trace, former, said, received, visibility=visibility, now=now)
            _alert(former, actor=actor, now=now)
            return former, True
        late = True
    document = Document(
        patient_id=patient_id,
        type=said.type if said else kind or Document._meta.get_field("type").get_default(),
        title=(said.title if said else title or "Document")[:200],
        category=category,
        made_on=said.made_on if said and said.made_on and said.made_on <= now.date() else None,
        confidentiality=said.confidentiality if said else "N",
        visibility=visibility or Visibility.CIRCLE,
        author_name=(said.author if said else author)[:200] or "Auteur non nommé",
        author_organization=_organization(said.finess if said else ""),
        origin=origin,
        identifier_system=clinical.IDENTIFIER_SYSTEM if said and said.identifier else "",
        identifier_value=said.identifier if said else "",
        set_identifier=said.set_identifier if said else "",
        set_version=said.set_version if said else None,
        former_identifiers=[said.replaces] if said and said.replaces else [],
        status=DocumentStatus.SUPERSEDED if late else DocumentStatus.CURRENT,
        status_reason="une version plus récente était déjà arrivée" if late else "",
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
    if not late:
        _alert(document, actor=actor, now=now)
    trace.about(patient_id=patient_id, entity=document)
    return document, True


@operation("document.cancel")
def cancel_received(
    trace: Trace, *, actor: Actor, now: datetime, patient_id: int, identifier: str, reason: str
) -> Document | None:
    """Withdraw a document because whoever sent it cancels it; None when it is not here.

    What was written or filed here is not theirs to withdraw.
    """
    row = (
        Document.objects.select_for_update()
        .filter(patient_id=patient_id, identifier_value=identifier)
        .exclude(origin__in=(Origin.HERE, Origin.WRITTEN))
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


def _known(patient_id: int, identifier: str) -> Document | None:
    """Return the document that bears this identifier, or bore it in a version that is kept."""
    if not identifier:
        return None
    rows = Document.objects.filter(
        patient_id=patient_id, identifier_system=clinical.IDENTIFIER_SYSTEM
    )
    found = rows.filter(identifier_value=identifier).first()
    if found is None:
        replaced = rows.filter(former_identifiers__contains=[identifier], version__gt=1)
        found = replaced.first()
    return found


def _later_than(patient_id: int, identifier: str) -> bool:
    """Tell whether a document that replaces this one came before it."""
    rows = Document.objects.filter(
        patient_id=patient_id, identifier_system=clinical.IDENTIFIER_SYSTEM
    )
    return bool(identifier) and rows.filter(former_identifiers__contains=[identifier]).exists()


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
    trace: Trace,
    row: Document,
    said: clinical.Described,
    received: Received,
    *,
    visibility: str,
    now: datetime,
) -> None:
    row.version += 1
    row.former_identifiers = [*row.former_identifiers, row.identifier_value]
    row.title, row.type, row.confidentiality = said.title, said.type, said.confidentiality
    row.identifier_value, row.set_version = said.identifier, said.set_version
    row.set_identifier = said.set_identifier or row.set_identifier
    row.made_on = said.made_on if said.made_on and said.made_on <= now.date() else row.made_on
    row.visibility = visibility or row.visibility
    row.updated_at = now
    row.save()
    reason = f"Remplacé par la version {said.set_version} de l’auteur"
    keep(row, received, number=row.version, author=said.author, now=now, reason=reason)
    refresh_screens(row, now=now)
    trace.about(patient_id=row.patient_id, entity=row, reason=reason)


def _alert(document: Document, *, actor: Actor, now: datetime) -> None:
    """Tell those of the circle to whom it is open that a document came."""
    carers = care_teams.carers(
        patient_id=document.patient_id, category=DataCategory(document.category)
    )
    raise_alert(
        actor=actor,
        now=now,
        patient_id=document.patient_id,
        recipients=[
            carer.key
            for carer in carers
            if carer.level >= Level.WRITE
            and carer.key not in actor.grantees
            and is_told(carer.key, visibility=document.visibility, readers=document.readers)
        ],
        kind=AlertKind.DOCUMENT,
        target="documents",
    )


def _organization(finess: str) -> Organization | None:
    return Organization.objects.filter(finess=finess).order_by("pk").first() if finess else None
