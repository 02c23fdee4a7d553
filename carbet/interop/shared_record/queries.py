"""What can be asked: how far deposits are, what the shared record holds of a person."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.conf import settings

from carbet.connectors import dmp
from carbet.coordination.care_teams import queries as circles
from carbet.coordination.care_teams.choices import ConsentDecision
from carbet.coordination.documents import queries as documents
from carbet.coordination.documents.choices import DocumentStatus
from carbet.coordination.documents.models import Document, File
from carbet.coordination.documents.rules import clinical as clinical_rules
from carbet.coordination.documents.rules.content import CDA
from carbet.core import row_security
from carbet.core.models import OutboxMessage
from carbet.interop import cda
from carbet.interop.shared_record import access
from carbet.interop.shared_record.access import Entered
from carbet.interop.shared_record.models import Deposit
from carbet.interop.shared_record.rules import (
    Situation,
    refusal_of,
    why_not_enter,
    why_not_look,
)
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
        has_opposed=has_opposed(patient=patient),
        author_is_numbered=bearer is not None,
    )


def has_opposed(*, patient: Patient) -> bool:
    """Tell whether the person opposed sharing."""
    return circles.consent_decision(patient_id=patient.pk) == ConsentDecision.OPPOSED


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


@dataclass(frozen=True)
class Found:
    """One document of the shared record, and where it is here when it was filed already."""

    entry: dmp.Entry
    document_id: int | None


class NoAnswer(Exception):
    """The shared record gave nothing; the text is a French sentence."""


@dataclass(frozen=True)
class Way:
    """What lets a role into a person's shared record, looked at once a request."""

    person: str
    """The INS as XDS writes it, nothing when none may leave."""
    bearer: dmp.Bearer | None
    has_opposed: bool

    def refusal(self, mode: str = "") -> str:
        """Return why it is closed, to anybody here or in this mode; nothing when it is open."""
        barred = why_not_look(person_ins=self.person, author_is_numbered=self.bearer is not None)
        return barred or why_not_enter(mode, has_opposed=self.has_opposed)


def way_of(*, patient: Patient, role_id: int | None) -> Way:
    """Return what lets a role into the shared record of a person."""
    ins = patients.ins_that_leaves(patient=patient)
    root = ins.system.removeprefix("urn:oid:") if ins is not None else ""
    return Way(
        person=f"{ins.value}^^^&{root}&ISO^NH" if ins is not None else "",
        bearer=bearer_of(role_id=role_id),
        has_opposed=has_opposed(patient=patient),
    )


def find(*, way: Way, entered: Entered, now: datetime) -> list[dmp.Entry]:
    """Return what the shared record holds in force of a person, the latest first.

    Raises:
        NoAnswer: the way is closed, it refuses, or does not answer.
    """
    bearer = _entering(way, entered)
    with _answering():
        entries = dmp.find(
            way.person,
            bearer=bearer,
            now=now,
            uses_stand_in=settings.DEMONSTRATION,
        )
    oldest = datetime.min.replace(tzinfo=UTC)
    return sorted(entries, key=lambda each: each.made_at or oldest, reverse=True)


def fetch(*, entry: dmp.Entry, way: Way, entered: Entered, now: datetime) -> bytes:
    """Return the bytes of a document of the shared record.

    Raises:
        NoAnswer: as for `find`, or the bytes are others than it announced.
    """
    bearer = _entering(way, entered)
    with _answering():
        return dmp.fetch(
            entry,
            bearer=bearer,
            now=now,
            uses_stand_in=settings.DEMONSTRATION,
        )


def known_here(*, patient: Patient, entries: list[dmp.Entry]) -> list[Found]:
    """Tell which of these documents are in the record already, one statement for all."""
    values = {f"urn:oid:{each.unique_id}"[:200]: each for each in entries}
    rows = Document.objects.filter(
        patient_id=patient.pk,
        identifier_system=clinical_rules.IDENTIFIER_SYSTEM,
        identifier_value__in=values,
    ).values_list("identifier_value", "pk")
    held = dict(rows)
    return [Found(each, held.get(f"urn:oid:{each.unique_id}"[:200])) for each in entries]


def _entering(way: Way, entered: Entered) -> dmp.Bearer:
    # What was decided since the page was shown counts too: an opposition, an identity in doubt.
    refusal = way.refusal(entered.mode)
    if refusal or way.bearer is None:
        raise NoAnswer(refusal)
    return replace(way.bearer, purpose=entered.mode, reason=entered.reason)


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except dmp.NotConnected as error:
        raise NoAnswer("Le DMP n’est pas configuré ici : l’exploitant doit le faire.") from error
    except dmp.Refused as error:
        raise NoAnswer(refusal_of(error.codes)) from error
    except dmp.Unreadable as error:
        raise NoAnswer(f"La réponse du DMP n’est pas utilisable : {error}.") from error
    except ConnectionError as error:
        raise NoAnswer("Le DMP ne répond pas. Recommencez dans quelques minutes.") from error


def of_document(*, document: Document, now: datetime) -> list[Standing]:
    """Return the deposits of a document, the latest first, with how far each is."""
    rows = list(Deposit.objects.filter(document_id=document.pk).order_by("-number")[:20])
    held: dict[str, OutboxMessage] = {}
    if rows:
        with row_security.acting_as(access.HOUSE, now=now):
            found = OutboxMessage.objects.filter(idempotency_key__in=[key_of(row) for row in rows])
            held = {message.idempotency_key: message for message in found}
    return [Standing(row, held.get(key_of(row))) for row in rows]
