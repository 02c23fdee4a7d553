"""Questionnaires, and what was answered to them (assessments)."""

from carbet.interop.fhir_api.rules.registry.parameters import (
    ACTORS,
    DATE,
    HL7,
    PERSON,
    REFERENCE,
    STRING,
    TOKEN,
    URI,
    Parameter,
    identified,
    one_of,
    parameters,
    standard,
)
from carbet.interop.fhir_api.rules.registry.resource import READING, WRITING, Resource

SERVED = (
    Resource(
        "Questionnaire",
        "http://hl7.org/fhir/StructureDefinition/Questionnaire",
        (*READING, "vread", "history-instance"),
        parameters(
            standard("Questionnaire", "url", URI),
            standard("Questionnaire", "version", TOKEN),
            standard("Questionnaire", "title", STRING),
            standard("Questionnaire", "status", TOKEN),
        ),
        documentation="Questionnaires publiés ou retirés, une ressource par version ; un brouillon"
        " ne se lit pas. Ce que le moteur prend en charge : docs/rules/questionnaires.md.",
    ),
    Resource(
        "QuestionnaireResponse",
        "http://hl7.org/fhir/StructureDefinition/QuestionnaireResponse",
        (*READING, *WRITING, "vread", "history-instance"),
        parameters(
            standard("QuestionnaireResponse", "identifier", TOKEN),
            standard("QuestionnaireResponse", "patient", REFERENCE, *PERSON),
            standard("QuestionnaireResponse", "subject", REFERENCE, *PERSON),
            *identified("patient", "subject", "subject:Patient"),
            Parameter(
                "questionnaire",
                REFERENCE,
                f"{HL7}QuestionnaireResponse-questionnaire",
                ("Questionnaire",),
                canonical=True,
            ),
            standard("QuestionnaireResponse", "status", TOKEN),
            standard("QuestionnaireResponse", "authored", DATE),
            standard("QuestionnaireResponse", "author", REFERENCE, *ACTORS),
        ),
        includes={
            "QuestionnaireResponse:subject": "Patient",
            "QuestionnaireResponse:patient": "Patient",
            "QuestionnaireResponse:author": "",
        },
        asks_one_of=one_of(
            *("_id", "identifier", "patient", "subject"),
            *("patient.identifier", "subject.identifier", "subject:Patient.identifier"),
        ),
        documentation="Évaluations. create envoie des réponses, vérifiées et cotées ici par le même"
        " moteur que les pages ; le même identifier, une seule fois. update (If-Match) : qui les a"
        " envoyées termine un brouillon, corrige (amended) ou retire (entered-in-error).",
    ),
)
