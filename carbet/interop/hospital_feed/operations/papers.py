"""Documents that hospitals send: filed, replaced, cancelled, in the record of their person."""

import io
import uuid
from dataclasses import replace

from carbet.coordination.documents import operations as documents
from carbet.coordination.documents import queries
from carbet.coordination.documents.choices import Origin, document_type
from carbet.coordination.documents.models import Document, File
from carbet.coordination.documents.rules import clinical, receiving
from carbet.coordination.documents.rules.clinical import Described
from carbet.coordination.documents.rules.content import UnknownContent
from carbet.core.sharing import Visibility
from carbet.interop import cda
from carbet.interop.hospital_feed.choices import ErrorCode, MessageStatus
from carbet.interop.hospital_feed.operations import receipts
from carbet.interop.hospital_feed.operations.effects import Effect, Task
from carbet.interop.hospital_feed.operations.identifying import Unidentified, identify
from carbet.interop.hospital_feed.rules import documents as reading
from carbet.interop.hospital_feed.rules import persons
from carbet.interop.hospital_feed.rules.documents import Action, Carried, DocumentsRead
from carbet.interop.hospital_feed.rules.header import Unacceptable
from carbet.registries.patients.models import Patient

FILED, REPLACED, CANCELLED, KNOWN = "classé", "remplacé", "retiré", "déjà connu"


def file(task: Task) -> Effect:
    """File, replace or cancel every document of a message.

    Raises:
        Unacceptable: the message is wrong, or a document cannot be read.
        Unidentified: nobody here can be told for sure, or a document speaks of somebody else.
    """
    said = reading.read(task.message, task.row.event)
    if said.hidden_from_professionals:
        raise Unacceptable(
            ErrorCode.VALUE, "Document masqué aux professionnels : il n’est pas classé ici.", "OBX"
        )
    patient = identify(task.route, persons.of(task.message))
    done = [_carry_out(task, said, each, patient) for each in said.carried]
    status = MessageStatus.IGNORED if set(done) == {KNOWN} else MessageStatus.DONE
    if said.wants_receipt:
        receipts.ask(task.row, task.route, accepted=True, now=task.now)
    return Effect(f"Document {', '.join(done)}.", patient.pk, status)


def _carry_out(task: Task, said: DocumentsRead, carried: Carried, patient: Patient) -> str:
    received, described = _read(task, said, carried)
    if wrong := queries.contradiction(described.person, patient):
        raise Unidentified(wrong)
    if carried.action == Action.CANCEL:
        return _cancel(task, said, received, described, patient)
    document, new = _receive(task, said, received, described, patient)
    if not new:
        if not _holds(document, received.digest):
            raise Unacceptable(
                ErrorCode.DUPLICATE,
                "Cet identifiant est déjà celui d’un document d’un autre contenu.",
                "TXA-12" if said.identifier else "OBX-5",
            )
        return KNOWN
    if said.wants_reading:
        receipts.await_reading(task, document)
    return REPLACED if document.version > 1 else FILED


def _receive(
    task: Task,
    said: DocumentsRead,
    received: receiving.Received,
    described: Described,
    patient: Patient,
) -> tuple[Document, bool]:
    return documents.receive_document(
        actor=task.actor,
        now=task.now,
        patient_id=patient.pk,
        received=received,
        origin=Origin.HOSPITAL,
        described=described,
        visibility=Visibility.PROFESSIONALS if said.hidden_from_person else Visibility.CIRCLE,
        gesture=_gesture(task, received, described),
    )


def _cancel(
    task: Task,
    said: DocumentsRead,
    received: receiving.Received,
    described: Described,
    patient: Patient,
) -> str:
    """Withdraw a document. One that never came is kept withdrawn: it may still come, late."""
    for identifier in dict.fromkeys([described.identifier, *reading.identities(said.identifier)]):
        if identifier and _withdraw(task, patient, identifier):
            return CANCELLED
    document, new = _receive(task, said, received, described, patient)
    if not new:
        # It is a version that a later one replaced already: the later one stays.
        return KNOWN
    _withdraw(task, patient, document.identifier_value)
    return CANCELLED


def _withdraw(task: Task, patient: Patient, identifier: str) -> bool:
    row = documents.cancel_received(
        actor=task.actor,
        now=task.now,
        patient_id=patient.pk,
        identifier=identifier,
        reason=f"annulé par {task.route.organization.name}",
    )
    return row is not None


def _read(
    task: Task, said: DocumentsRead, carried: Carried
) -> tuple[receiving.Received, Described]:
    """Return a document as it may be kept, and what it says of itself.

    Raises:
        Unacceptable: hostile, spoilt, or of a type that is not kept.
    """
    name = carried.label or "document"
    try:
        received = receiving.receive(name, io.BytesIO(carried.data), len(carried.data))
        if _is_markup(carried.data):
            described = clinical.describe(carried.data)
        else:
            described = _plain(task, said, carried)
    except (UnknownContent, clinical.UnreadableDocument) as error:
        raise Unacceptable(ErrorCode.TYPE, str(error), "OBX-5") from error
    if said.replaces and carried.action == Action.REPLACE and not described.replaces:
        described = replace(described, replaces=_identity(task, said.replaces, carried))
    if not described.identifier:
        described = replace(described, identifier=_own_identity(task, said, carried))
    return received, described


def _plain(task: Task, said: DocumentsRead, carried: Carried) -> Described:
    """Return what the message says of a document that says nothing of itself: a text, a PDF."""
    kind = document_type(carried.type)
    return Described(
        identifier=_own_identity(task, said, carried),
        set_identifier="" if said.identifier else _own_identity(task, said, carried),
        set_version=1,
        replaces="",
        type=kind,
        title=carried.label or "Document",
        made_on=None,
        confidentiality="N",
        author=said.author or task.route.organization.name,
        finess=task.route.organization.finess,
        person=cda.Patient(),
        words="",
    )


def _own_identity(task: Task, said: DocumentsRead, carried: Carried) -> str:
    """Return the identifier that the message gives: TXA-12, else its order, else nothing."""
    if said.identifier:
        return _identity(task, said.identifier, carried)
    if said.order:
        return _identity(task, f"{said.order}:{carried.type}", carried)
    return ""


def _identity(task: Task, identifier: str, carried: Carried) -> str:
    """Return an identifier of TXA or of an order, unique to its sender unless it is an OID."""
    suffix = f":{carried.rank}" if carried.rank > 1 else ""
    if not suffix and (found := reading.identities(identifier)):
        return found[0]
    return f"urn:carbet:hl7:{task.route.organization_id}:{identifier}{suffix}"[:200]


def _holds(document: Document, digest: str) -> bool:
    return File.objects.filter(document=document, digest=digest).exists()


def _gesture(task: Task, received: receiving.Received, described: Described) -> uuid.UUID:
    """Return a key that is the same each time the same message brings the same file."""
    said = f"hl7:{task.row.digest}:{described.identifier}:{received.digest}"
    return uuid.uuid5(uuid.NAMESPACE_OID, said)


def _is_markup(data: bytes) -> bool:
    return data.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")
