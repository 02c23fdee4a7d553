"""The directory in FHIR: the offer, professionals and their roles (Annuaire Santé, ROR)."""

from carbet.registries.directory.fhir.declaring import (
    OrganizationRead,
    finess_of,
    match_organizations,
    match_practitioners,
    read_organization,
    rpps_of,
)
from carbet.registries.directory.fhir.vocabulary import (
    CARE_ROLES,
    FINESS,
    HEALTH_PROFESSIONS,
    IDNPS,
    IDNST,
    ORGANIZATION,
    PRACTITIONER,
    PRACTITIONER_ROLE,
    RPPS,
    SIRENE,
    SOCIAL_PROFESSIONS,
)
from carbet.registries.directory.fhir.writing import (
    endpoints,
    healthcare_services,
    locations,
    organizations,
    practitioners,
    profession,
    roles,
)

__all__ = [
    "CARE_ROLES",
    "FINESS",
    "HEALTH_PROFESSIONS",
    "IDNPS",
    "IDNST",
    "ORGANIZATION",
    "PRACTITIONER",
    "PRACTITIONER_ROLE",
    "RPPS",
    "SIRENE",
    "SOCIAL_PROFESSIONS",
    "OrganizationRead",
    "endpoints",
    "finess_of",
    "healthcare_services",
    "locations",
    "match_organizations",
    "match_practitioners",
    "organizations",
    "practitioners",
    "profession",
    "read_organization",
    "roles",
    "rpps_of",
]
