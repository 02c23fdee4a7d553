"""What can be asked of deposits: whether one may be made, how far those made are."""

from dataclasses import dataclass
from datetime import datetime

from carbet.connectors import dmp
from carbet.coordination.care_teams import queries as circles
from carbet.coordination.care_teams.choices import ConsentDecision
from carbet.coordination.documents import queries as documents
from carbet.coordination.documents.choices import DocumentStatus
from carbet.coordination.documents.models import Document, File
from carbet.coordination.documents.rules.content import CDA
from carbet.core import row_security
from carbet.core.models import OutboxMessage
from carbet.interop import cda
from carbet.interop.shared_record import access
from carbet.interop.shared_record.models import Deposit
from carbet.interop.shared_record.rules import Situation
from carbet.registries.directory.models import PractitionerRole
from carbet.registries.patients import queries as patients
from carbet.registries.patients.models import Patient


@dataclass(frozen=True)
class Standing:
    """A deposit and how far the outbox is with it."""

    deposit: Deposit
    message: OutboxMessage | None


def key_of(deposit: Deposit) -> str:
    """Return the key under which the outbox carries a deposit."""
    return f"dmp.deposit:{deposit.gesture}"


def latest_file(*, document: Document) -> File | None:
    """Return the last version of the file of a document."""
    return next(iter(documents.files(document=document)), None)


def clinical(*, file: File | None) -> tuple[bytes, cda.Header] | None:
    """Return the bytes of a clinical document and its header, or None when it is none."""
    if file is None or file.media_type != CDA:
        return None
    with documents.content(file=file) as content:
        data = content.read()
    try:
        return data, cda.read(data).header
    except cda.UnreadableDocument:
        return None


def situation(
    *, patient: Patient, document: Document, held: tuple[bytes, cda.Header] | None, bearer: object
) -> Situation:
    """Return what the rules of a deposit look at."""
    ins = patients.ins_that_leaves(patient=patient)
    written = held[1].patient.ins if held is not None else None
    return Situation(
        is_current=document.status == DocumentStatus.CURRENT,
        is_clinical=held is not None,
        person_ins=ins.value if ins is not None else "",
        document_ins=written.extension if written is not None else "",
        has_opposed=circles.consent_decision(patient_id=patient.pk) == ConsentDecision.OPPOSED,
        author_is_numbered=bearer is not None,
    )


def bearer_of(*, role_id: int | None) -> dmp.Bearer | None:
    """Return in whose name a role deposits, or None when it has no national number."""
    role = (
        PractitionerRole.objects.filter(pk=role_id)
        .select_related("practitioner", "organization")
        .first()
    )
    if role is None or not role.practitioner.rpps:
        return None
    place = role.organization
    number = f"1{place.finess}" if place.finess else f"3{place.siret}" if place.siret else ""
    return dmp.Bearer(
        identifier=f"8{role.practitioner.rpps}",
        name=str(role.practitioner),
        structure=number,
        structure_name=place.name,
        sector=place.sector or "SA07",
    )


def of_document(*, document: Document, now: datetime) -> list[Standing]:
    """Return the deposits of a document, the latest first, with how far each is."""
    rows = list(Deposit.objects.filter(document_id=document.pk).order_by("-number")[:20])
    held: dict[str, OutboxMessage] = {}
    if rows:
        with row_security.acting_as(access.HOUSE, now=now):
            found = OutboxMessage.objects.filter(idempotency_key__in=[key_of(row) for row in rows])
            held = {message.idempotency_key: message for message in found}
    return [Standing(row, held.get(key_of(row))) for row in rows]
