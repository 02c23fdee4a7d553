"""The persons cared for and those close to them (patients)."""

from dataclasses import replace

from carbet.interop.fhir_api.choices import CDS, CDS_SEARCH
from carbet.interop.fhir_api.rules.registry.parameters import (
    DATE,
    HL7,
    PERSON,
    REFERENCE,
    STRING,
    TOKEN,
    Parameter,
    exact,
    one_of,
    parameters,
    standard,
)
from carbet.interop.fhir_api.rules.registry.resource import FR_CORE, READING, WRITING, Resource

MOTHERS_MAIDEN_NAME = "patient-extensions-Patient-mothersMaidenName"
_ADDRESS = ("city", "country", "postalcode", "state")

SERVED = (
    Resource(
        "Patient",
        FR_CORE + "fr-core-patient",
        (*READING, *WRITING, "vread", "history-instance"),
        parameters(
            replace(standard("Patient", "identifier", TOKEN), domains=True),
            standard("Patient", "active", TOKEN),
            standard("individual", "family", STRING),
            standard("individual", "given", STRING),
            standard("Patient", "name", STRING),
            standard("individual", "birthdate", DATE),
            standard("individual", "gender", TOKEN),
            standard("individual", "address", STRING),
            standard("individual", "address-city", STRING),
            standard("individual", "address-country", STRING),
            standard("individual", "address-postalcode", STRING),
            standard("individual", "address-state", STRING),
            standard("individual", "telecom", TOKEN),
            standard("individual", "phone", TOKEN),
            Parameter("mothersMaidenName", STRING, HL7 + MOTHERS_MAIDEN_NAME),
            *exact("family", "given", "name", "mothersMaidenName"),
            *exact("address", *(f"address-{part}" for part in _ADDRESS)),
            Parameter("birthplace", STRING, CDS_SEARCH + "cds-patient-birthplace"),
        ),
        revincludes={
            "CareTeam:subject": "CareTeam",
            "CareTeam:patient": "CareTeam",
            "RelatedPerson:patient": "RelatedPerson",
        },
        also_profiles=(FR_CORE + "fr-core-patient-ins",),
        asks_one_of=one_of(
            "_id",
            "identifier",
            "family birthdate",
            "name birthdate",
            "family:exact birthdate",
            "name:exact birthdate",
        ),
        documentation="Une recherche dit au moins _id, identifier (avec son système), ou"
        " family (ou name) et birthdate : jamais de liste à parcourir. identifier=système| ne"
        " rend que les numéros de ce domaine (IHE PDQm, ITI-78). Le matricule INS ne sort, et ne"
        " sert à chercher, que pour une identité qualifiée.",
    ),
    Resource(
        "RelatedPerson",
        CDS + "cds-fr-related-person",
        (*READING, "create"),
        parameters(
            standard("RelatedPerson", "patient", REFERENCE, *PERSON),
            standard("RelatedPerson", "name", STRING),
            standard("RelatedPerson", "relationship", TOKEN),
        ),
        includes={"RelatedPerson:patient": "Patient"},
        asks_one_of=one_of("_id", "patient"),
        documentation="Une recherche dit au moins _id ou patient.",
    ),
)
