"""Who may deposit, look up and take; what a page carries of the shared record is signed."""

from dataclasses import asdict, dataclass
from datetime import datetime

from django.core import signing

from carbet.connectors.dmp import Entry
from carbet.coordination.documents import access as documents
from carbet.coordination.documents.models import Document
from carbet.core import audit
from carbet.core.actor import Actor, Level, internal
from carbet.registries.patients.models import Patient

HOUSE = internal("DMP")
_ENTERED, _FOUND = "shared_record.entered", "shared_record.found"
_LASTS_SECONDS = 3600


@dataclass(frozen=True)
class Entered:
    """How somebody entered a shared record: good for an hour, for this role and this person."""

    mode: str
    reason: str


class NotEntered(Exception):
    """What comes back was not given to this role about this person, or too long ago."""


def get_document(
    *, actor: Actor, patient_id: int, document_id: int, now: datetime
) -> tuple[Patient, Document]:
    """Return a document of a record where the actor writes, and trace the entry.

    Raises:
        NoSuchRecord: there is none, or not for this actor.
    """
    patient = documents.get_documents(
        actor=actor,
        patient_id=patient_id,
        now=now,
        level=Level.WRITE,
        purpose="shared_record.enter",
    )
    return patient, documents.get_document(patient=patient, document_id=document_id)


def get_person(
    *, actor: Actor, patient_id: int, now: datetime, level: Level = Level.READ
) -> Patient:
    """Return a person whose record the actor opens, and trace the entry.

    Raises:
        NoSuchRecord: there is none, or not for this actor at this level.
    """
    return documents.get_documents(
        actor=actor, patient_id=patient_id, now=now, level=level, purpose="shared_record.enter"
    )


def sign_entered(entered: Entered, *, actor: Actor, patient: Patient) -> str:
    """Return what the page carries along, so that the entry is said once."""
    return signing.dumps([*_whom(actor, patient), asdict(entered)], salt=_ENTERED)


def read_entered(said: str, *, actor: Actor, patient: Patient) -> Entered:
    """Return how the actor entered.

    Raises:
        NotEntered: it is not theirs about this person, or older than an hour.
    """
    return Entered(**_read(said, _ENTERED, actor, patient))


def sign_entry(entry: Entry, entered: Entered, *, actor: Actor, patient: Patient) -> str:
    """Return what the page carries of a document found: where it is, and how it was found."""
    where = {
        "unique_id": entry.unique_id,
        "repository": entry.repository,
        "digest": entry.digest,
        "confidentialities": entry.confidentialities,
        "title": entry.title,
        "author": entry.author,
        "place": entry.place,
    }
    said = {"where": where, "entered": asdict(entered)}
    return signing.dumps([*_whom(actor, patient), said], salt=_FOUND, compress=True)


def read_entry(said: str, *, actor: Actor, patient: Patient, person: str) -> tuple[Entry, Entered]:
    """Return a document that was found, and how.

    Args:
        person: the INS as XDS writes it.

    Raises:
        NotEntered: as for `read_entered`.
    """
    held = _read(said, _FOUND, actor, patient)
    where = held["where"] | {"confidentialities": tuple(held["where"]["confidentialities"])}
    return Entry(patient_identifier=person, size=0, **where), Entered(**held["entered"])


def trace_opened(*, actor: Actor, patient: Patient, entry: Entry, now: datetime) -> None:
    """Trace that a document of the shared record was asked for."""
    audit.read(
        actor,
        "shared_record.open",
        now=now,
        patient_id=patient.pk,
        entity=f"DMP {entry.unique_id}"[:80],
    )


def _whom(actor: Actor, patient: Patient) -> list[int | None]:
    return [actor.account_id, actor.role_id, patient.pk]


def _read(said: str, salt: str, actor: Actor, patient: Patient) -> dict:
    try:
        *whom, held = signing.loads(said, salt=salt, max_age=_LASTS_SECONDS)
    except (signing.BadSignature, ValueError) as error:
        raise NotEntered from error
    if whom != _whom(actor, patient):
        raise NotEntered
    return held
