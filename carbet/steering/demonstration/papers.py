"""Documents that other places wrote: a PDF in a clinical document, as their software would."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from carbet.coordination.documents.presenters import sheets
from carbet.core import row_security
from carbet.core.actor import Actor
from carbet.interop import cda, xdm
from carbet.interop.cda import vocabulary as v
from carbet.registries.patients import queries as patients
from carbet.registries.patients.models import Patient

HOSPITAL = cda.Organization(
    "Centre hospitalier de Cayenne", cda.Identifier(v.STRUCTURE, "1970300026"), "0594395050"
)
HOSPITAL_DOCTOR = cda.Author(
    cda.Name("SOULIER", "Anne", suffix="DR"),
    cda.Identifier(v.PROFESSIONAL, "899900000011"),
    cda.Code("G15_10/SM54", "Médecin - Médecine générale (SM)", v.AUTHOR_SPECIALTY),
    HOSPITAL,
)


@dataclass(frozen=True)
class Paper:
    """What such a document says."""

    title: str
    paragraphs: Sequence[str]
    kind: str = "11490-0"
    label: str = ""
    author: cda.Author = HOSPITAL_DOCTOR


def packed(
    reader: Actor, patient: Patient, paper: Paper, *, at: datetime, now: datetime, key: uuid.UUID
) -> xdm.Packed:
    """Return a document about a person whom the reader may see.

    Args:
        at: when it was written; `key` is what makes it the same document each time.
    """
    with row_security.acting_as(reader, now=now):
        ins = patients.ins_that_leaves(patient=patient)
    author = paper.author
    place = author.organization or HOSPITAL
    said = author.name or cda.Name("")
    named = f"{said.given} {said.family.title()}".strip()
    pdf = sheets.pdf(
        patient=patient,
        ins=ins,
        title=paper.title,
        author=f"Dr {named}, {place.name}",
        now=now,
        parts=[sheets.Part(paragraphs=list(paper.paragraphs))],
        signed=f"Dr {named}",
    )
    held = (
        (cda.Identifier(ins.system.removeprefix("urn:oid:"), ins.value),) if ins is not None else ()
    )
    header = cda.Header(
        identifier=cda.new_identifier(key),
        type=cda.Code(paper.kind, paper.label or paper.title, v.LOINC),
        title=paper.title,
        effective_at=at,
        patient=cda.Patient(
            identifiers=(*held, cda.Identifier("2.25.77", f"IPP-{patient.pk}")),
            birth_family=patient.birth_family,
            birth_given=" ".join(patient.birth_given),
            first_given=patient.first_given,
            used_family=patient.used_family,
            gender=patient.gender,
            birth_date=patient.birth_date,
            birth_date_precision=patient.birth_date_precision,
            birth_place_code=patient.birth_place_code,
            birth_place_name=patient.birth_place_name,
        ),
        authors=(author,),
        custodian=place,
        legal_authenticator=author,
        services=(cda.Service(cda.Period(at, at)),),
        encounter=cda.Encounter(cda.Period(at)),
    )
    return xdm.Packed(cda.write_level_one(header, pdf), header)
