"""What can be done to a circle: open it, let members in and out, record consent, break glass."""

from carbet.coordination.care_teams.operations.deciding import (
    UnableToProve,
    UnableToRecordConsent,
    prove_consent,
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
from carbet.coordination.care_teams.operations.inviting import (
    UnableToAnswerInvitation,
    UnableToInvite,
    accept_invitation,
    decline_invitation,
    invite,
    withdraw_invitation,
)
from carbet.coordination.care_teams.operations.members import (
    UnableToDecideScope,
    UnableToEndParticipation,
    add_participant,
    add_related_person,
    decide_scope,
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
    "UnableToAnswerInvitation",
    "UnableToBreakGlass",
    "UnableToDecideScope",
    "UnableToEndParticipation",
    "UnableToInvite",
    "UnableToOpenCareTeam",
    "UnableToOpenPortal",
    "UnableToProve",
    "UnableToRecordConsent",
    "UnableToRegister",
    "UnableToReviseCareTeam",
    "accept_invitation",
    "add_participant",
    "add_related_person",
    "break_glass",
    "close_portal",
    "decide_scope",
    "decline_invitation",
    "end_participation",
    "invite",
    "invite_to_portal",
    "join_as_coordinator",
    "open_care_team",
    "open_to_person",
    "prove_consent",
    "receive_care_team",
    "receive_related_person",
    "record_consent",
    "register_with_circle",
    "review_glass",
    "revise_care_team",
    "withdraw_invitation",
]
