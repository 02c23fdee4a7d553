"""An approved version becomes a document of the record, that can be sent."""

import uuid
from datetime import datetime

from carbet.coordination.care_plans import rules
from carbet.coordination.care_plans.queries import Version
from carbet.coordination.care_teams import access as care_teams
from carbet.coordination.documents import operations as documents
from carbet.coordination.documents.choices import DocumentType
from carbet.coordination.documents.models import Document
from carbet.core.actor import Actor, DataCategory, Level
from carbet.core.audit import Trace
from carbet.core.operation import operation
from carbet.registries.patients.models import Patient

_SPACE = uuid.UUID("0b6f36a0-5d0f-4a3e-8c7c-2f6ad2c4b9d1")


@operation("care_plan.file", action="C")
def file_version(
    trace: Trace, *, actor: Actor, now: datetime, patient: Patient, version: Version, pdf: bytes
) -> Document:
    """File the paper of an approved version as a clinical document; the next one replaces it.

    Whoever reads the whole plan files it whole (LOINC 18776-5), for those who read medical and
    social data; the others file what they read, without medical needs (80788-3).

    Raises:
        UnableToAct: the role does not write in records.
        UnableToFile: a later version is filed already.
    """
    whole = rules.WHOLE in care_teams.opened(patient_id=patient.pk, level=Level.READ)
    document = documents.file_composed(
        actor=actor,
        now=now,
        patient=patient,
        pdf=pdf,
        kind=DocumentType.CARE_PLAN if whole else DocumentType.SUPPORT_PLAN,
        title=f"Plan personnalisé, version {version.number}",
        series="plan" if whole else "plan-social",
        version=version.number,
        gesture=uuid.uuid5(_SPACE, f"{patient.pk}/{version.number}/{whole}"),
        authenticator_role_id=version.approved_by.id,
        category=rules.WHOLE if whole else DataCategory.SOCIAL,
    )
    trace.about(patient_id=patient.pk, entity=document)
    return document
