"""Words of the FHIR door: scopes, addresses of profiles, limits."""

from carbet.coordination.care_teams import choices as care_teams
from carbet.registries.directory.rules import FIND_PATIENT, REGISTER_PATIENT

READ_SCOPE = "system/*.read"
WRITE_SCOPE = "system/*.write"

# What an actor may do at this door, from the scopes of its token.
READ = "fhir.read"
WRITE = "fhir.write"
CAPABILITIES = {
    READ_SCOPE: frozenset({READ, FIND_PATIENT}),
    WRITE_SCOPE: frozenset({WRITE, REGISTER_PATIENT}),
}

FHIR_VERSION = "4.0.1"
# A request body is refused beyond this many bytes, before it is read.
LARGEST_BODY = 2 * 1024 * 1024
LARGEST_BUNDLE = 200
DEEPEST = 32
LARGEST_PAGE = 50
ORDINARY_PAGE = 25

CDS = "https://interop.esante.gouv.fr/ig/fhir/cds/StructureDefinition/"
CDS_SEARCH = "https://interop.esante.gouv.fr/ig/fhir/cds/SearchParameter/"
CREATION_PROFILE = CDS + "cds-bundle-transaction-creation"
UPDATE_PROFILE = CDS + "cds-bundle-transaction-maj"
CARE_TEAM_STATUSES = tuple(care_teams.CareTeamStatus.values)
