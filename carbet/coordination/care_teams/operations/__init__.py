"""What can be done to a circle: open it, let members in and out, record consent, break glass."""

from carbet.coordination.care_teams.operations.deciding import (
    UnableToRecordConsent,
    record_consent,
)
from carbet.coordination.care_teams.operations.glass import (
    UnableToBreakGlass,
    break_glass,
    review_glass,
)
from carbet.coordination.care_teams.operations.holding import (
    UnableToAddParticipant,
)
from carbet.coordination.care_teams.operations.members import (
    UnableToEndParticipation,
    add_participant,
    add_related_person,
    end_participation,
)
from carbet.coordination.care_teams.operations.opening import (
    UnableToOpenCareTeam,
    UnableToRegister,
    join_as_coordinator,
    open_care_team,
    register_with_circle,
)
from carbet.coordination.care_teams.operations.portal import (
    UnableToOpenPortal,
    close_portal,
    invite_to_portal,
    open_to_person,
)
from carbet.coordination.care_teams.operations.receiving import (
    UnableToReviseCareTeam,
    receive_care_team,
    receive_related_person,
    revise_care_team,
)

__all__ = [
    "UnableToAddParticipant",
    "UnableToBreakGlass",
    "UnableToEndParticipation",
    "UnableToOpenCareTeam",
    "UnableToOpenPortal",
    "UnableToRecordConsent",
    "UnableToRegister",
    "UnableToReviseCareTeam",
    "add_participant",
    "add_related_person",
    "break_glass",
    "close_portal",
    "end_participation",
    "invite_to_portal",
    "join_as_coordinator",
    "open_care_team",
    "open_to_person",
    "receive_care_team",
    "receive_related_person",
    "record_consent",
    "register_with_circle",
    "review_glass",
    "revise_care_team",
]
