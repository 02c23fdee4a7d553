"""What proves a decision of the person: a paper, or a signature traced on the screen."""

import io
import uuid
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format

from carbet.coordination.care_teams import access as care_teams_access
from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.care_teams.choices import ConsentDecision, ConsentGiver, ProofKind
from carbet.coordination.care_teams.models import Consent
from carbet.coordination.documents.choices import DocumentStatus, DocumentType
from carbet.coordination.documents.models import Document, File
from carbet.coordination.documents.operations.filing import file_document
from carbet.coordination.documents.rules import receiving, signature
from carbet.core.actor import Actor, DataCategory
from carbet.core.audit import Trace
from carbet.core.operation import operation
from carbet.registries.patients.models import Patient

ATTACHED = "consent"


@operation("consent.record.proved", action="C")
def record_decision(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    file: receiving.Received | None = None,
    strokes: signature.Strokes | None = None,
    gesture: uuid.UUID,
    **said: Any,
) -> Consent:
    """Record what the person decided with what proves it, all or none.

    Args:
        said: as `care_teams.operations.record_consent` takes it.

    Raises:
        UnableToRecordConsent, UnableToFile, UnableToAct: nothing is recorded.
    """
    consent = care_teams.record_consent(
        actor=actor, now=now, patient=patient, gesture=gesture, **said
    )
    if (file or strokes) and consent.proof_document is None:
        consent = prove(
            actor=actor,
            now=now,
            patient=patient,
            consent=consent,
            file=file,
            strokes=strokes,
            gesture=gesture,
        )
    trace.about(patient_id=patient.pk, entity=consent)
    return consent


@operation("consent.prove.file", action="C")
def prove(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    consent: Consent,
    file: receiving.Received | None = None,
    strokes: signature.Strokes | None = None,
    gesture: uuid.UUID,
) -> Consent:
    """File what proves a decision and keep it with the decision: its number and its SHA-256.

    A file comes before a signature. It is read by whoever reads administrative data.

    Raises:
        UnableToProve: something that still stands proves it already.
        UnableToFile, UnableToAct: as for any document.
    """
    former = _withdrawn(consent)
    if consent.proof_document is not None and former is None:
        # The same gesture twice is one proof.
        if Document.objects.filter(pk=consent.proof_document, gesture=_of(gesture)).exists():
            trace.about(patient_id=patient.pk, entity=consent, reason="déjà jointe")
            return consent
        raise care_teams.UnableToProve("Une preuve est déjà jointe à cette décision.")
    kind = ProofKind.FILE if file else ProofKind.SIGNATURE
    received = file or _signed(patient, consent, strokes or [], now=now)
    opened = care_teams_access.opened_on(patient)
    document = file_document(
        actor=actor,
        now=now,
        patient=patient,
        received=received,
        gesture=_of(gesture),
        kind=DocumentType.CONSENT,
        title=f"{ConsentDecision(consent.decision).label} : preuve",
        made_on=timezone.localdate(consent.recorded_at),
        attached_to=ATTACHED,
        category=DataCategory.ADMINISTRATIVE if DataCategory.ADMINISTRATIVE in opened else None,
    )
    kept = File.objects.get(document=document, number=1)
    row = care_teams.prove_consent(
        actor=actor,
        now=now,
        consent=consent,
        kind=kind,
        document_id=document.pk,
        digest=kept.digest,
        instead_of=former,
    )
    trace.about(patient_id=patient.pk, entity=document)
    return row


def _of(gesture: uuid.UUID) -> uuid.UUID:
    return uuid.uuid5(gesture, "proof")


def _withdrawn(consent: Consent) -> int | None:
    """Return the number of the proof when it was withdrawn, so that another may take its place."""
    withdrawn = Document.objects.filter(
        pk=consent.proof_document, status=DocumentStatus.ENTERED_IN_ERROR
    )
    return withdrawn.values_list("pk", flat=True).first()


def _signed(
    patient: Patient, consent: Consent, strokes: signature.Strokes, *, now: datetime
) -> receiving.Received:
    """Return a picture of what was agreed, by whom, and of the signature."""
    signer = str(patient)
    if consent.related_person is not None:
        title = consent.get_capacity_display().lower()
        signer = f"{consent.related_person} ({title}), pour {patient}"
    decided = (
        "Je suis d’accord pour que les membres de mon cercle de soins partagent mon dossier."
        if consent.decision == ConsentDecision.GIVEN
        else "Je m’oppose au partage de mon dossier."
    )
    if consent.given_by == ConsentGiver.TRUSTED:
        decided = f"Personne consultée. {ConsentDecision(consent.decision).label}."
    moment = date_format(timezone.localtime(now), r"j F Y à G \h i")
    drawn = signature.draw(strokes, [decided, f"Signé par {signer}, le {moment}."])
    return receiving.receive("signature.png", io.BytesIO(drawn), len(drawn))
