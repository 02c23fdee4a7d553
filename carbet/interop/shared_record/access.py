"""Who may deposit: whoever writes in the record, one document at a time."""

from datetime import datetime

from carbet.coordination.documents import access as documents
from carbet.coordination.documents.models import Document
from carbet.core.actor import Actor, Level, internal
from carbet.registries.patients.models import Patient

HOUSE = internal("DMP")


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
