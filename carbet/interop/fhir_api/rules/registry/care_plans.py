"""The plan of a person and its goals (care_plans)."""

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

_OF_ONE_PERSON = one_of(
    *("_id", "patient", "subject"),
    *("patient.identifier", "subject.identifier", "subject:Patient.identifier"),
)
_HISTORY = ("vread", "history-instance")

SERVED = (
    Resource(
        "CarePlan",
        "http://hl7.org/fhir/StructureDefinition/CarePlan",
        (*READING, *_HISTORY),
        parameters(
            standard("clinical", "patient", REFERENCE, *PERSON),
            standard("CarePlan", "subject", REFERENCE, *PERSON),
            *identified("patient", "subject", "subject:Patient"),
            standard("CarePlan", "status", TOKEN),
            standard("clinical", "date", DATE),
            standard("CarePlan", "care-team", REFERENCE, "CareTeam"),
            standard("CarePlan", "goal", REFERENCE, "Goal"),
        ),
        includes={
            "CarePlan:subject": "Patient",
            "CarePlan:patient": "Patient",
            "CarePlan:care-team": "CareTeam",
            "CarePlan:goal": "Goal",
        },
        asks_one_of=_OF_ONE_PERSON,
        documentation="Plan personnalisé tel qu’il est, selon ce que la structure lit. Les besoins"
        " sont des Condition contenues (SERAFIN-PH). Lecture seule : un plan s’écrit et"
        " s’approuve par des personnes.",
    ),
    Resource(
        "Goal",
        "http://hl7.org/fhir/StructureDefinition/Goal",
        (*READING, *_HISTORY),
        parameters(
            standard("clinical", "patient", REFERENCE, *PERSON),
            standard("Goal", "subject", REFERENCE, *PERSON),
            *identified("patient", "subject", "subject:Patient"),
            standard("Goal", "lifecycle-status", TOKEN),
            standard("Goal", "target-date", DATE),
        ),
        includes={"Goal:subject": "Patient", "Goal:patient": "Patient"},
        asks_one_of=_OF_ONE_PERSON,
        documentation="Objectifs du plan. Lecture seule.",
    ),
)
