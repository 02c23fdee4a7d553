"""The regional directory: who works where, offers what, and how to reach them. Open facts."""

from carbet.registries.directory.models.contacts import Endpoint, SecureMailbox
from carbet.registries.directory.models.imports import (
    ImportLine,
    ImportRun,
    SourceRecord,
    StagedRow,
)
from carbet.registries.directory.models.offer import (
    Capacity,
    Closure,
    HealthcareService,
    Location,
    OpeningHours,
)
from carbet.registries.directory.models.organizations import Organization, SystemClient
from carbet.registries.directory.models.professionals import (
    Delegation,
    Practitioner,
    PractitionerRole,
)
from carbet.registries.directory.models.rights import Right
from carbet.registries.directory.models.territory import Commune, Term

__all__ = [
    "Capacity",
    "Closure",
    "Commune",
    "Delegation",
    "Endpoint",
    "HealthcareService",
    "ImportLine",
    "ImportRun",
    "Location",
    "OpeningHours",
    "Organization",
    "Practitioner",
    "PractitionerRole",
    "Right",
    "SecureMailbox",
    "SourceRecord",
    "StagedRow",
    "SystemClient",
    "Term",
]
