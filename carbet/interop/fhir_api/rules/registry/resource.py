"""A type of resource that the door serves: how it may be read, sought and written."""

from dataclasses import dataclass, field

from carbet.interop.fhir_api.choices import LARGEST_PAGE
from carbet.interop.fhir_api.rules.registry.parameters import Parameter

FR_CORE = "https://hl7.fr/ig/fhir/core/StructureDefinition/"

READING = ("read", "search-type")
WRITING = ("create", "update")

PUBLIC = (
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "Location",
    "HealthcareService",
    "Endpoint",
    "Schedule",
    "Slot",
    "Questionnaire",
)


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
    largest_page: int = LARGEST_PAGE
    conditional_update: bool = False
    # What `_sort` may order by; paging follows it.
    sorts: tuple[str, ...] = ()

    @property
    def is_public(self) -> bool:
        """Tell whether it speaks of no person cared for."""
        return self.type in PUBLIC
