"""Professionals, structures, places and what they offer (directory)."""

from carbet.interop.fhir_api.rules.registry.parameters import (
    DATE,
    HL7,
    NUMBER,
    QUANTITY,
    REFERENCE,
    SPECIAL,
    STRING,
    TOKEN,
    URI,
    Parameter,
    modified,
    parameters,
    standard,
)
from carbet.interop.fhir_api.rules.registry.resource import READING, Resource

AS = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/"
AS_SEARCH = "https://interop.esante.gouv.fr/ig/fhir/annuaire/SearchParameter/"
ROR = "https://interop.esante.gouv.fr/ig/fhir/ror/StructureDefinition/"
ROR_SEARCH = "https://interop.esante.gouv.fr/ig/fhir/ror/SearchParameter/"


def _annuaire(name: str, kind: str) -> Parameter:
    return Parameter(name, kind, f"{AS_SEARCH}as-sp-{name}")


def _ror(of: str, name: str, kind: str) -> Parameter:
    return Parameter(name, kind, f"{ROR_SEARCH}ror-sp-{of}-{name}")


_PROFILE = Parameter("_profile", URI, HL7 + "Resource-profile")
_FILTER = Parameter("_filter", SPECIAL)
# ROR: the region, "03".
_TAG = Parameter("_tag", TOKEN, HL7 + "Resource-tag")
# Annuaire: from which information system and which authority the data come.
_TRACE = (
    _annuaire("data-information-system", TOKEN),
    _annuaire("data-registration-authority", TOKEN),
)

SERVED = (
    Resource(
        "Practitioner",
        AS + "as-practitioner",
        (*READING, "create"),
        parameters(
            _PROFILE,
            _FILTER,
            standard("Practitioner", "identifier", TOKEN),
            Parameter("identifier-type", TOKEN),
            standard("Practitioner", "active", TOKEN),
            standard("Practitioner", "name", STRING),
            standard("individual", "family", STRING),
            standard("individual", "given", STRING),
            *modified("name", "family", "given"),
            *_TRACE,
            _annuaire("number-smartcard", STRING),
            _annuaire("type-smartcard", TOKEN),
            _annuaire("qualification-code", TOKEN),
            _annuaire("mailbox-mss", STRING),
        ),
        revincludes={"PractitionerRole:practitioner": "PractitionerRole"},
        sorts=("_id", "_lastUpdated", "family", "given"),
        documentation="create retrouve le professionnel de l’annuaire ; il n’en ajoute pas.",
    ),
    Resource(
        "PractitionerRole",
        AS + "as-practitionerrole",
        (*READING, "create"),
        parameters(
            _PROFILE,
            _FILTER,
            standard("PractitionerRole", "identifier", TOKEN),
            standard("PractitionerRole", "active", TOKEN),
            standard("PractitionerRole", "practitioner", REFERENCE, "Practitioner"),
            standard("PractitionerRole", "organization", REFERENCE, "Organization"),
            standard("PractitionerRole", "service", REFERENCE, "HealthcareService"),
            standard("PractitionerRole", "role", TOKEN),
            *_TRACE,
            standard("PractitionerRole", "specialty", TOKEN),
            _annuaire("mailbox-mss", STRING),
        ),
        includes={
            "PractitionerRole:practitioner": "Practitioner",
            "PractitionerRole:organization": "Organization",
            "PractitionerRole:service": "HealthcareService",
            "Organization:partof": "Organization",
            "HealthcareService:location": "Location",
            "HealthcareService:organization": "Organization",
        },
        sorts=("_id", "_lastUpdated"),
        documentation="create retrouve le rôle de l’annuaire ; il n’en ajoute pas."
        " Chaînages : practitioner., organization. ou service. et un de leurs paramètres.",
    ),
    Resource(
        "Organization",
        AS + "as-organization",
        (*READING, "create"),
        parameters(
            _PROFILE,
            _FILTER,
            standard("Organization", "identifier", TOKEN),
            Parameter("identifier-type", TOKEN),
            standard("Organization", "active", TOKEN),
            standard("Organization", "name", STRING),
            standard("Organization", "type", TOKEN),
            standard("Organization", "partof", REFERENCE, "Organization"),
            standard("Organization", "address", STRING),
            Parameter("address-line", STRING),
            standard("Organization", "address-city", STRING),
            standard("Organization", "address-postalcode", STRING),
            *modified("name", "address", "address-line", "address-city", "address-postalcode"),
            *_TRACE,
            Parameter("address-insee", STRING, AS_SEARCH + "as-sp-insee-code"),
            _annuaire("mailbox-mss", STRING),
            _annuaire("pharmacy-licence", STRING),
            _TAG,
        ),
        includes={"Organization:partof": "Organization"},
        revincludes={
            "Organization:partof": "Organization",
            "PractitionerRole:organization": "PractitionerRole",
            "HealthcareService:organization": "HealthcareService",
            "Location:organization": "Location",
            "Endpoint:organization": "Endpoint",
        },
        sorts=("_id", "_lastUpdated", "name", "address-city", "address-postalcode"),
        documentation="create retrouve la structure par son identifiant, ou la déclare.",
    ),
    Resource(
        "Location",
        ROR + "ror-location",
        READING,
        parameters(
            _PROFILE,
            _FILTER,
            standard("Location", "identifier", TOKEN),
            standard("Location", "name", STRING),
            standard("Location", "status", TOKEN),
            standard("Location", "type", TOKEN),
            standard("Location", "organization", REFERENCE, "Organization"),
            standard("Location", "address-city", STRING),
            standard("Location", "address-postalcode", STRING),
            *modified("name", "address-city", "address-postalcode"),
            _ror("location", "commune-cog", TOKEN),
            standard("Location", "near", SPECIAL),
            _ror("location", "near-insee-code", SPECIAL),
            _ror("location", "capacity-status", TOKEN),
            _ror("location", "capacity-type", TOKEN),
            _ror("location", "temporality-capacity", TOKEN),
            _ror("location", "nb-capacity", NUMBER),
            _ror("location", "capacity-update-date", DATE),
            _TAG,
        ),
        includes={
            "Location:organization": "Organization",
            "Organization:partof": "Organization",
        },
        revincludes={"HealthcareService:location": "HealthcareService"},
        sorts=("_id", "_lastUpdated", "name", "address-city", "address-postalcode"),
        documentation="near : latitude|longitude|distance|km ; near-insee-code :"
        " code INSEE|distance|km. Les paramètres de capacité valent chacun pour une capacité.",
    ),
    Resource(
        "HealthcareService",
        ROR + "ror-healthcareservice",
        READING,
        parameters(
            _PROFILE,
            _FILTER,
            standard("HealthcareService", "identifier", TOKEN),
            standard("HealthcareService", "name", STRING),
            *modified("name"),
            standard("HealthcareService", "active", TOKEN),
            standard("HealthcareService", "organization", REFERENCE, "Organization"),
            standard("HealthcareService", "location", REFERENCE, "Location"),
            standard("HealthcareService", "service-category", TOKEN),
            standard("HealthcareService", "service-type", TOKEN),
            standard("HealthcareService", "specialty", TOKEN),
            *_TRACE,
            standard("HealthcareService", "characteristic", TOKEN),
            _ror("healthcareservice", "patient-type", TOKEN),
            _ror("healthcareservice", "intervention-zone", TOKEN),
            _ror("healthcareservice", "notavailable-closing-reopeningdate", DATE),
            _ror("healthcareservice", "psychiatric-sector", STRING),
            _ror("healthcareservice", "age-range-low", QUANTITY),
            _ror("healthcareservice", "age-range-high", QUANTITY),
            _TAG,
        ),
        includes={
            "HealthcareService:organization": "Organization",
            "HealthcareService:location": "Location",
            "Organization:partof": "Organization",
            "PractitionerRole:practitioner": "Practitioner",
        },
        revincludes={"PractitionerRole:service": "PractitionerRole"},
        sorts=("_id", "_lastUpdated", "name"),
        documentation="Les unités sensibles ne sont pas montrées. Chaînages : organization."
        " et location. suivis d’un de leurs paramètres (location.near-insee-code).",
    ),
    Resource(
        "Endpoint",
        "http://hl7.org/fhir/StructureDefinition/Endpoint",
        READING,
        parameters(
            _PROFILE,
            _FILTER,
            standard("Endpoint", "identifier", TOKEN),
            standard("Endpoint", "name", STRING),
            *modified("name"),
            standard("Endpoint", "status", TOKEN),
            standard("Endpoint", "organization", REFERENCE, "Organization"),
            standard("Endpoint", "connection-type", TOKEN),
        ),
        includes={"Endpoint:organization": "Organization"},
        sorts=("_id", "_lastUpdated", "name"),
    ),
)
