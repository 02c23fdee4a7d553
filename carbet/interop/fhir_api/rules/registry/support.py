"""What asks a team of support to support a person (support)."""

from carbet.interop.fhir_api.rules.registry.parameters import (
    DATE,
    PERSON,
    REFERENCE,
    TOKEN,
    identified,
    one_of,
    parameters,
    standard,
)
from carbet.interop.fhir_api.rules.registry.resource import READING, Resource

SERVED = (
    Resource(
        "ServiceRequest",
        "http://hl7.org/fhir/StructureDefinition/ServiceRequest",
        (*READING, "create"),
        parameters(
            standard("clinical", "identifier", TOKEN),
            standard("clinical", "patient", REFERENCE, *PERSON),
            standard("ServiceRequest", "subject", REFERENCE, *PERSON),
            *identified("patient", "subject", "subject:Patient"),
            standard("ServiceRequest", "status", TOKEN),
            standard("ServiceRequest", "authored", DATE),
            standard("ServiceRequest", "performer", REFERENCE, "Organization"),
        ),
        includes={
            "ServiceRequest:subject": "Patient",
            "ServiceRequest:patient": "Patient",
            "ServiceRequest:performer": "Organization",
        },
        asks_one_of=one_of(
            *("_id", "identifier", "patient", "subject"),
            *("patient.identifier", "subject.identifier", "subject:Patient.identifier"),
        ),
        documentation="Demandes d’appui à un DAC. create en adresse une ; le même identifier, une"
        " seule fois. L’accord de la personne est déjà enregistré ici. La suite se lit dans status"
        " et note.",
    ),
)
