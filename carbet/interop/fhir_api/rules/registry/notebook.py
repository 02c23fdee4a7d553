"""Notes of the notebook, measures, and the files of these notes (notebook)."""

from carbet.interop.fhir_api.rules.registry.parameters import (
    ACTORS,
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

CDL = "https://interop.esante.gouv.fr/ig/fhir/cdl/StructureDefinition/"
MES = "https://interop.esante.gouv.fr/ig/fhir/mesures/StructureDefinition/mesures-"

_OF_ONE_PERSON = one_of(
    *("_id", "identifier", "patient", "subject"),
    *("patient.identifier", "subject.identifier", "subject:Patient.identifier"),
)


def _about_one_person(of: str) -> tuple[Parameter, ...]:
    """Return what an entry is sought by, through the person whom it is about."""
    return (
        standard("clinical", "patient", REFERENCE, *PERSON),
        standard(of, "subject", REFERENCE, *PERSON),
        *identified("patient", "subject", "subject:Patient"),
    )


def _includes(of: str, author: str) -> dict[str, str]:
    """Return what may come with an entry: its person, its author, and who the author is."""
    return {
        "PractitionerRole:practitioner": "Practitioner",
        "PractitionerRole:organization": "Organization",
        f"{of}:subject": "Patient",
        f"{of}:patient": "Patient",
        f"{of}:{author}": "",
    }


SERVED = (
    Resource(
        "DocumentReference",
        CDL + "cdl-document-reference",
        (*READING, *WRITING, "vread", "history-instance"),
        parameters(
            standard("clinical", "identifier", TOKEN),
            *_about_one_person("DocumentReference"),
            standard("DocumentReference", "status", TOKEN),
            standard("clinical", "type", TOKEN),
            standard("DocumentReference", "date", DATE),
            standard("DocumentReference", "security-label", TOKEN),
            standard("DocumentReference", "author", REFERENCE, *ACTORS),
            *identified("author:Organization", "author:Practitioner"),
            standard("DocumentReference", "relatesto", REFERENCE, "DocumentReference"),
        ),
        includes=_includes("DocumentReference", "author"),
        asks_one_of=_OF_ONE_PERSON,
        documentation="Notes du cahier de liaison (CdL). Une recherche dit au moins _id,"
        " identifier ou une personne. PUT corrige le texte ou retire (entered-in-error). Un"
        " auteur qui n’est pas de la structure qui envoie est gardé par son nom.",
    ),
    Resource(
        "Observation",
        MES + "fr-observation-bp",
        (*READING, *WRITING),
        parameters(
            standard("clinical", "identifier", TOKEN),
            *_about_one_person("Observation"),
            standard("Observation", "status", TOKEN),
            standard("Observation", "category", TOKEN),
            standard("clinical", "code", TOKEN),
            standard("clinical", "date", DATE),
            standard("Observation", "performer", REFERENCE, *ACTORS),
        ),
        includes=_includes("Observation", "performer"),
        also_profiles=tuple(
            MES + name
            for name in (
                *("fr-observation-body-weight", "fr-observation-heartrate"),
                *("fr-observation-body-temperature", "fr-observation-oxygen-sat"),
                *("fr-observation-resp-rate", "fr-observation-bodyheight"),
                *("fr-observation-bmi", "observation-glucose", "observation-hb1ac"),
                *("observation-pain-severity", "observation-waist-circumference"),
                "observation-head-circumference",
            )
        ),
        asks_one_of=_OF_ONE_PERSON,
        documentation="Mesures (MES). Une recherche dit au moins _id, identifier ou une"
        " personne. PUT ne fait que retirer (entered-in-error).",
    ),
    Resource(
        "Binary",
        "http://hl7.org/fhir/StructureDefinition/Binary",
        ("read",),
        {},
        documentation="Photos et fichiers des notes du cahier.",
    ),
)
