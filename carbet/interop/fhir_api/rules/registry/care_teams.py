"""The circle of a person (care_teams)."""

from carbet.interop.fhir_api.choices import CDS, CDS_SEARCH
from carbet.interop.fhir_api.rules.registry.parameters import (
    DATE,
    PERSON,
    REFERENCE,
    TOKEN,
    Parameter,
    identified,
    one_of,
    parameters,
    standard,
)
from carbet.interop.fhir_api.rules.registry.resource import READING, WRITING, Resource

_MEMBERS = ("PractitionerRole", "Organization", "RelatedPerson")


def _team(name: str, kind: str) -> Parameter:
    return Parameter(name, kind, f"{CDS_SEARCH}cds-careteam-{name}")


SERVED = (
    Resource(
        "CareTeam",
        CDS + "cds-ihe-careteam",
        (*READING, *WRITING, "vread", "history-instance"),
        parameters(
            standard("clinical", "identifier", TOKEN),
            standard("CareTeam", "status", TOKEN),
            standard("CareTeam", "subject", REFERENCE, *PERSON),
            standard("clinical", "patient", REFERENCE, *PERSON),
            *identified("subject", "subject:Patient", "patient"),
            standard("CareTeam", "participant", REFERENCE, *_MEMBERS),
            standard("clinical", "date", DATE),
            _team("start", DATE),
            _team("end", DATE),
            _team("participant-start", DATE),
            _team("participant-end", DATE),
            Parameter(
                "managingOrganization",
                REFERENCE,
                CDS_SEARCH + "cds-careteam-managing-organization",
                ("Organization",),
            ),
        ),
        includes={
            "CareTeam:subject": "Patient",
            "CareTeam:patient": "Patient",
            "CareTeam:participant": "",
            "CareTeam:managingOrganization": "Organization",
            "PractitionerRole:practitioner": "Practitioner",
            "PractitionerRole:organization": "Organization",
        },
        documentation="Un seul cercle par personne. Chaînages : subject.identifier,"
        " subject:Patient.identifier, patient.identifier.",
    ),
    Resource(
        "Consent",
        "http://hl7.org/fhir/StructureDefinition/Consent",
        (*READING, "vread", "history-instance"),
        parameters(
            standard("clinical", "patient", REFERENCE, *PERSON),
            *identified("patient"),
            standard("Consent", "status", TOKEN),
            standard("clinical", "date", DATE),
        ),
        includes={"Consent:patient": "Patient"},
        asks_one_of=one_of("_id", "patient", "patient.identifier"),
        documentation="Ce que la personne a décidé du partage : la dernière décision est active,"
        " les précédentes inactives. provision.provision dit ce qu’elle ferme à un membre. Lecture"
        " seule : un accord se recueille auprès d’elle.",
    ),
)
