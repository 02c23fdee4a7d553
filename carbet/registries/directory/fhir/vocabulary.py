"""Addresses that the guides give to profiles, identifiers, nomenclatures and extensions."""

import re

from carbet.core import fhir
from carbet.core.fhir import nos
from carbet.registries.directory.choices import RPPS_SYSTEM

AS = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/"
ROR = "https://interop.esante.gouv.fr/ig/fhir/ror/StructureDefinition/"
HL7 = "http://hl7.org/fhir/StructureDefinition/"

PRACTITIONER = AS + "as-practitioner"
PRACTITIONER_ROLE = AS + "as-practitionerrole"
ORGANIZATION = AS + "as-organization"
HEALTHCARE_SERVICE = ROR + "ror-healthcareservice"
LOCATION = ROR + "ror-location"
ENDPOINT = HL7 + "Endpoint"

RPPS = RPPS_SYSTEM
IDNPS = "urn:oid:1.2.250.1.71.4.2.1"
IDNST = "urn:oid:1.2.250.1.71.4.2.2"
FINESS = "https://finess.esante.gouv.fr"
# Its address before, which many still write.
FORMER_FINESS = "https://finess.sante.gouv.fr"
SIRENE = "https://sirene.fr"
INTERNAL_ORGANIZATION = "https://oi.esante.gouv.fr"

HEALTH_PROFESSIONS = nos("TRE_G15-ProfessionSante")
SOCIAL_PROFESSIONS = nos("TRE_R94-ProfessionSocial")
CARE_ROLES = nos("TRE_R85-RolePriseCharge")
PRACTICE_MODES = nos("TRE_R23-ModeExercice")
SPECIALTIES = nos("TRE_R38-SpecialiteOrdinale")
ACTIVITY_KINDS = nos("TRE_R22-GenreActivite")
FUNCTIONS = nos("TRE_R21-Fonction")
LIBERAL_ACTIVITIES = nos("TRE_R24-TypeActiviteLiberale")
SECTORS = nos("TRE_R02-SecteurActivite")
ESTABLISHMENTS = nos("TRE_R66-CategorieEtablissement")
LEGAL_STATUSES = nos("TRE_R72-FinessStatutJuridique")
PLACES = nos("TRE_R343-FonctionLieu")
FIELDS = nos("TRE_R227-ChampActivite")
OFFERS = nos("TRE_R244-CategorieOrganisation")
ACTIVITIES = nos("TRE_R211-ActiviteOperationnelle")
CARE_MODES = nos("TRE_R213-ModePriseEnCharge")
TEMPORALITIES = nos("TRE_R240-TemporaliteAccueil")
MODALITIES = nos("TRE_R338-ModaliteAccueil")
ACTS = nos("TRE_R210-ActeSpecifique")
EQUIPMENT = nos("TRE_R212-Equipement")
COMPETENCES = nos("TRE_R243-CompetenceSpecifique")
SPECIALISATIONS = nos("TRE_R245-SpecialisationDePriseEnCharge")
PUBLICS = nos("TRE_R239-PublicPrisEnCharge")
RESOURCE_PROFESSIONS = nos("TRE_R350-ProfessionRessource")
MAILBOX_KINDS = nos("TRE_R257-TypeBAL")
MAILBOX_SYSTEMS = nos("TRE_R256-TypeMessagerie")
DIVISIONS = nos("TRE_R201-TypeDivisionTerritoriale")
COMMUNES = nos("TRE_R13-Commune")
# The code systems from which the value sets J187 to J195 of the ROR are drawn.
CAPACITY_TYPES = nos("TRE_R329-NatureCapacite")
CAPACITY_STATUSES = nos("TRE_R330-TypeStatutCapacite")
CAPACITY_TEMPORALITIES = nos("TRE_R331-TemporaliteCapacite")
CAPACITY_GENDERS = nos("TRE_R332-GenreCapacite")
CAPACITY_CLOSINGS = nos("TRE_R333-TypeFermetureCapacite")
CAPACITY_BEDS = nos("TRE_R334-TypeLitSupplementaire")
CAPACITY_SOURCES = nos("TRE_R335-TypeSourceCapacite")
CAPACITY_CRISES = nos("TRE_R336-TypeCrise")
CAPACITY_ASSIGNMENTS = nos("TRE_R337-AffectationTemporaire")
CONNECTIONS = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
REGIONS = nos("TRE_R30-RegionOM")

ORGANIZATION_TYPES = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-3307"
ORGANIZATION_TYPE_SLICE = AS + "as-ext-organization-types"
ORGANIZATION_PERIOD = HL7 + "organization-period"
MAILBOX = AS + "as-ext-mailbox-mss-metadata"
EMAIL_TYPE = fhir.FR_CORE + "fr-core-contact-point-email-type"

CAPACITY = ROR + "ror-location-supported-capacity"
LOCATION_EQUIPMENT = ROR + "ror-location-equipment"
COMMUNE = ROR + "ror-commune-cog"
SENSITIVE = ROR + "ror-healthcareservice-sensitive-unit"
PATIENT_TYPE = ROR + "ror-healthcareservice-patient-type"
PSYCHIATRIC_SECTOR = ROR + "ror-healthcareservice-psychiatric-sector"
TERRITORIAL_DIVISION = ROR + "ror-territorial-division"
CONTACT = ROR + "ror-healthcareservice-contact"
CONTACT_TELECOM = ROR + "ror-healthcareservice-contact-telecom"
ACT_TYPE = ROR + "ror-act-type"
WEEKDAY = ROR + "ror-available-time-number-days-of-week"
OPENING_PERIOD = ROR + "ror-available-time-effective-opening-closing-date"
EXERCISE_MODE = ROR + "ror-practitionerrole-unit-exercise-mode"
ROLE_NAME = ROR + "ror-practitionerrole-name"
HOME_VISIT = ROR + "ror-practitionerrole-home-visit"

# The parts of a capacity: sub-extension, column, nomenclature; the first seven are mandatory.
CAPACITY_PARTS = (
    ("capacityType", "type", CAPACITY_TYPES),
    ("capacityStatus", "status", CAPACITY_STATUSES),
    ("temporalityCapacity", "temporality", CAPACITY_TEMPORALITIES),
    ("nbCapacity", "number", ""),
    ("capacitySourceType", "source_type", CAPACITY_SOURCES),
    ("capacityUpdateDate", "updated_at", ""),
    ("temporaryAssignement", "temporary_assignment", CAPACITY_ASSIGNMENTS),
    ("genderCapacityAvailable", "gender", CAPACITY_GENDERS),
    ("capacityClosingType", "closing_type", CAPACITY_CLOSINGS),
    ("additionalBedType", "additional_bed_type", CAPACITY_BEDS),
    ("crisisType", "crisis_type", CAPACITY_CRISES),
)
MANDATORY_CAPACITY_PARTS = tuple(part for part, _, _ in CAPACITY_PARTS[:7])

# The codes of a service: nomenclature, column. One column may hold codes of several nomenclatures.
CHARACTERISTICS = (
    (CARE_MODES, "care_mode"),
    (TEMPORALITIES, "temporality"),
    (MODALITIES, "modalities"),
    (ACTS, "acts"),
    (EQUIPMENT, "equipment"),
    (SPECIALISATIONS, "specialisations"),
    (RESOURCE_PROFESSIONS, "professions"),
    (COMPETENCES, "competences"),
)


_NUMBER = re.compile(r"(?:TRE|JDV)[_-]([GRJ]\d+)-")
# A value set in the place of its code system, as several official examples write it.
_VALUE_SETS = {
    "J16": "R210", "J17": "R211", "J18": "R212", "J19": "R213", "J20": "R227", "J26": "R236",
    "J29": "R239", "J30": "R240", "J33": "R243", "J35": "R245", "J48": "R94", "J55": "R66",
    "J95": "R23", "J101": "R02", "J129": "R66", "J100": "R72", "J186": "R350", "J198": "R343",
    "J199": "R72", "J217": "R23", "J210": "R38", "J226": "R338", "J229": "G15", "J238": "R244",
}  # fmt: skip


def number_of(system: str) -> str:
    """Return the number of a national nomenclature: "R211", whatever the form of its address."""
    found = _NUMBER.search(system)
    return _VALUE_SETS.get(found[1], found[1]) if found else ""


def nomenclature(system: str) -> str:
    """Return the short name of a national nomenclature ("TRE_R211-…"), or the address as it is."""
    name = system.partition("/NOS/")[2].partition("/")[0]
    return name if name and nos(name) == system else system


def system_of(name: str) -> str:
    """Return the address of a nomenclature from its short name."""
    return nos(name) if name.startswith(("TRE_", "JDV_")) else name
