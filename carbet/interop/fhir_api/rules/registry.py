"""What the FHIR door serves: resources, interactions, search parameters. The one list of it.

The capability statement is written from it, the search reads by it, a test holds them together.
"""

from dataclasses import dataclass, field

from carbet.interop.fhir_api.choices import CDS, CDS_SEARCH, UPDATE_PROFILE

FR_CORE = "https://hl7.fr/ig/fhir/core/StructureDefinition/"
AS = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/"
HL7 = "http://hl7.org/fhir/SearchParameter/"

TOKEN, STRING, DATE, REFERENCE = "token", "string", "date", "reference"
READING = ("read", "search-type")
WRITING = ("create", "update")


@dataclass(frozen=True)
class Parameter:
    """One search parameter; `targets` are the types that a reference may point to."""

    name: str
    kind: str
    definition: str = ""
    targets: tuple[str, ...] = ()
    documentation: str = ""

    @property
    def is_chain(self) -> bool:
        return "." in self.name


@dataclass(frozen=True)
class Resource:
    """One type of resource: how it may be read, sought and written.

    `asks_one_of`: sets of parameters of which one at least must be said whole, since a system
    never lists persons.
    """

    type: str
    profile: str
    interactions: tuple[str, ...]
    parameters: dict[str, Parameter]
    includes: dict[str, str] = field(default_factory=dict)
    revincludes: dict[str, str] = field(default_factory=dict)
    also_profiles: tuple[str, ...] = ()
    asks_one_of: tuple[frozenset[str], ...] = ()
    documentation: str = ""

    @property
    def is_public(self) -> bool:
        """Tell whether it speaks of no person cared for."""
        return self.type in ("Practitioner", "PractitionerRole", "Organization")


def _parameters(*given: Parameter) -> dict[str, Parameter]:
    common = (
        Parameter("_id", TOKEN, HL7 + "Resource-id"),
        Parameter("_lastUpdated", DATE, HL7 + "Resource-lastUpdated"),
    )
    return {parameter.name: parameter for parameter in (*common, *given)}


def _one_of(*sets: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(each.split()) for each in sets)


_PERSON = ("Patient",)
_MEMBERS = ("PractitionerRole", "Organization", "RelatedPerson")

RESOURCES: dict[str, Resource] = {
    resource.type: resource
    for resource in (
        Resource(
            "CareTeam",
            CDS + "cds-ihe-careteam",
            (*READING, *WRITING, "vread", "history-instance"),
            _parameters(
                Parameter("identifier", TOKEN, HL7 + "clinical-identifier"),
                Parameter("status", TOKEN, HL7 + "CareTeam-status"),
                Parameter("subject", REFERENCE, HL7 + "CareTeam-subject", _PERSON),
                Parameter("patient", REFERENCE, HL7 + "clinical-patient", _PERSON),
                Parameter("subject.identifier", TOKEN),
                Parameter("subject:Patient.identifier", TOKEN),
                Parameter("patient.identifier", TOKEN),
                Parameter("participant", REFERENCE, HL7 + "CareTeam-participant", _MEMBERS),
                Parameter("date", DATE, HL7 + "clinical-date"),
                Parameter("start", DATE, CDS_SEARCH + "cds-careteam-start"),
                Parameter("end", DATE, CDS_SEARCH + "cds-careteam-end"),
                Parameter("participant-start", DATE, CDS_SEARCH + "cds-careteam-participant-start"),
                Parameter("participant-end", DATE, CDS_SEARCH + "cds-careteam-participant-end"),
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
            "Patient",
            FR_CORE + "fr-core-patient",
            (*READING, *WRITING),
            _parameters(
                Parameter("identifier", TOKEN, HL7 + "Patient-identifier"),
                Parameter("family", STRING, HL7 + "individual-family"),
                Parameter("given", STRING, HL7 + "individual-given"),
                Parameter("name", STRING, HL7 + "Patient-name"),
                Parameter("birthdate", DATE, HL7 + "individual-birthdate"),
                Parameter("gender", TOKEN, HL7 + "individual-gender"),
                Parameter("address", STRING, HL7 + "individual-address"),
                Parameter("birthplace", STRING, CDS_SEARCH + "cds-patient-birthplace"),
            ),
            revincludes={
                "CareTeam:subject": "CareTeam",
                "CareTeam:patient": "CareTeam",
                "RelatedPerson:patient": "RelatedPerson",
            },
            also_profiles=(FR_CORE + "fr-core-patient-ins",),
            asks_one_of=_one_of("_id", "identifier", "family birthdate", "name birthdate"),
            documentation="Une recherche dit au moins _id, identifier (avec son système), ou"
            " family (ou name) et birthdate. Le matricule INS ne sort, et ne sert à chercher, que"
            " pour une identité qualifiée.",
        ),
        Resource(
            "RelatedPerson",
            CDS + "cds-fr-related-person",
            (*READING, "create"),
            _parameters(
                Parameter("patient", REFERENCE, HL7 + "RelatedPerson-patient", _PERSON),
                Parameter("name", STRING, HL7 + "RelatedPerson-name"),
                Parameter("relationship", TOKEN, HL7 + "RelatedPerson-relationship"),
            ),
            includes={"RelatedPerson:patient": "Patient"},
            asks_one_of=_one_of("_id", "patient"),
            documentation="Une recherche dit au moins _id ou patient.",
        ),
        Resource(
            "Practitioner",
            AS + "as-practitioner",
            (*READING, "create"),
            _parameters(
                Parameter("identifier", TOKEN, HL7 + "Practitioner-identifier"),
                Parameter("name", STRING, HL7 + "Practitioner-name"),
                Parameter("family", STRING, HL7 + "individual-family"),
                Parameter("given", STRING, HL7 + "individual-given"),
            ),
            revincludes={"PractitionerRole:practitioner": "PractitionerRole"},
            documentation="create retrouve le professionnel de l’annuaire ; il n’en ajoute pas.",
        ),
        Resource(
            "PractitionerRole",
            AS + "as-practitionerrole",
            (*READING, "create"),
            _parameters(
                Parameter(
                    "practitioner",
                    REFERENCE,
                    HL7 + "PractitionerRole-practitioner",
                    ("Practitioner",),
                ),
                Parameter(
                    "organization",
                    REFERENCE,
                    HL7 + "PractitionerRole-organization",
                    ("Organization",),
                ),
                Parameter("role", TOKEN, HL7 + "PractitionerRole-role"),
                Parameter("practitioner.identifier", TOKEN),
                Parameter("organization.identifier", TOKEN),
            ),
            includes={
                "PractitionerRole:practitioner": "Practitioner",
                "PractitionerRole:organization": "Organization",
            },
            documentation="create retrouve le rôle de l’annuaire ; il n’en ajoute pas."
            " Chaînages : practitioner.identifier, organization.identifier.",
        ),
        Resource(
            "Organization",
            AS + "as-organization",
            (*READING, "create"),
            _parameters(
                Parameter("identifier", TOKEN, HL7 + "Organization-identifier"),
                Parameter("name", STRING, HL7 + "Organization-name"),
            ),
            revincludes={"PractitionerRole:organization": "PractitionerRole"},
            documentation="create retrouve la structure par son identifiant, ou la déclare.",
        ),
    )
}
# Parameters that change the answer, not what is sought.
RESULT_PARAMETERS = frozenset(
    {
        "_count",
        "_elements",
        "_format",
        "_include",
        "_include:iterate",
        "_page",
        "_pretty",
        "_revinclude",
        "_summary",
        "_total",
    }
)
TRANSACTION_PROFILES = (CDS + "cds-bundle-transaction-creation", UPDATE_PROFILE)
