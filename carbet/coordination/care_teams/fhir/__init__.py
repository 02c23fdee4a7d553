"""The circle in FHIR: CareTeam, RelatedPerson, and Consent to what the circle shares."""

from carbet.coordination.care_teams.fhir.circle import (
    CARE_TEAM,
    MEMBER_TYPES,
    PARTICIPATION,
    ROLE_CLASSES,
    TIES,
    StayRead,
    care_team,
    care_teams,
    read_care_team,
    read_related_person,
    related_persons,
    role,
)
from carbet.coordination.care_teams.fhir.consent import consent_versions, consents

__all__ = [
    "CARE_TEAM",
    "MEMBER_TYPES",
    "PARTICIPATION",
    "ROLE_CLASSES",
    "TIES",
    "StayRead",
    "care_team",
    "care_teams",
    "consent_versions",
    "consents",
    "read_care_team",
    "read_related_person",
    "related_persons",
    "role",
]
