"""Synthetic documents for the tests, written by our own writer or by hand."""

import uuid
from datetime import UTC, date, datetime

from carbet.interop import cda
from carbet.interop.cda import vocabulary as v

PDF = b"%PDF-1.4\n% a synthetic letter\n%%EOF\n"
INS = "251039730200722"
HOSPITAL = cda.Organization(
    "Centre hospitalier de Cayenne", cda.Identifier(v.STRUCTURE, "1970300026"), "0594395050"
)
DOCTOR = cda.Author(
    cda.Name("SOULIER", "Anne", suffix="DR"),
    cda.Identifier(v.PROFESSIONAL, "899900000011"),
    cda.Code("G15_10/SM54", "Médecin - Médecine générale (SM)", v.AUTHOR_SPECIALTY),
    HOSPITAL,
    phone="0594395050",
)
CLAIRE = cda.Patient(
    identifiers=(
        cda.Identifier("1.2.250.1.213.1.4.10", INS),
        cda.Identifier("2.25.77", "IPP-204"),
    ),
    birth_family="RÉGIS",
    birth_given="CLAIRE MARIE",
    first_given="CLAIRE",
    used_family="MONTGÉNIE",
    gender="female",
    birth_date=date(1951, 3, 14),
    birth_place_code="97302",
    birth_place_name="CAYENNE",
    phone="0694000001",
    city="Matoury",
    postal_code="97351",
)


def header(**changed) -> cda.Header:
    """Return the header of a discharge letter about Claire."""
    at = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
    said = {
        "identifier": cda.new_identifier(uuid.UUID(int=changed.pop("seed", 4_000_000))),
        "type": cda.Code(
            "11490-0", "Lettre de liaison à la sortie d'un établissement de soins", v.LOINC
        ),
        "title": "Lettre de sortie",
        "effective_at": at,
        "patient": CLAIRE,
        "authors": (DOCTOR,),
        "custodian": HOSPITAL,
        "services": (
            cda.Service(
                cda.Period(at, at),
                setting=cda.Code("ETABLISSEMENT", "Établissement de santé", v.PRACTICE_SETTING),
            ),
        ),
        "encounter": cda.Encounter(
            cda.Period(at), cda.Code("SA01", "Etablissement public de santé", v.FACILITY)
        ),
    }
    return cda.Header(**(said | changed))


def letter(pdf: bytes = PDF, **changed) -> bytes:
    """Return a level-1 discharge letter about Claire."""
    return cda.write_level_one(header(**changed), pdf)


def structured(section: str, before: str = "") -> bytes:
    """Return a structured document with one section, whose inside is given."""
    text = letter().decode()
    start, end = text.index("<component>"), text.index("</component>")
    inside = f"<component><section>{section}</section></component>"
    body = f"<component><structuredBody>{inside}</structuredBody>"
    return (before + text[text.index("<ClinicalDocument") : start] + body + text[end:]).encode()
