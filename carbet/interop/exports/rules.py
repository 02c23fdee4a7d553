"""What is true of exports: how long they are kept, how files are called, what stays behind."""

from datetime import datetime, timedelta

from carbet.interop.exports.choices import ExportStatus

KEPT = timedelta(days=1)
TERRITORY_KEPT = timedelta(days=3)
# Rows read in one transaction.
BATCH = 500
MOST_WAITING = 3

# Tables that speak of a person and are no part of the record taken out, each with the reason.
LEFT_BEHIND = {
    "Alert": "told to one professional, about what the record holds",
    "Escalation": "told to one professional, about what the record holds",
    "Invitation": "where a circle was asked for: who came in stands in CareTeam",
    "GlassBreaking": "an entry: kept in the trace, shown by the page of accesses",
    "AuditEvent": "the trace itself: shown by the page of accesses, never taken out with it",
    "AccessGrant": "who may enter now: said by CareTeam",
    "Subscription": "what another software asked to be told",
    "Piece": "the bytes of File",
    "FileWords": "the search's copy of File",
    "RequestPiece": "the bytes of RequestFile",
    "RequestStep": "said with its SupportRequest",
    "NoteFile": "said with its Note",
    "NoteReceipt": "who has read a note, not what was written",
    "CaseStep": "the team's own log of Case",
    "Movement": "said with its Encounter",
    "AppointmentSeries": "said by its Appointments",
    "AppointmentParticipant": "said with its Appointment",
    "Need": "said with its CarePlan",
    "PlannedAction": "said with its CarePlan",
    "PlanReview": "said with its CarePlan",
    "PlanComment": "said with its CarePlan",
    "CarePlanVersion": "a former state of CarePlan, told by its date and its author",
    "CareTeamParticipant": "said with its CareTeam",
    "PatientIdentifier": "said with its Patient",
    "PatientTelecom": "said with its Patient",
    "HospitalMessage": "what a hospital sent, before it became Encounter or Document",
    "RecordExport": "an export itself",
    "IncomingMail": "how a Document came; what nobody filed yet is in nobody's record",
    "Deposit": "how a Document left, to the shared record",
    "OutgoingMail": "how a Document left, by secure mail",
    "Thread": "said by its Messages, each with the subject",
    "OutboxMessage": "what waits to leave the house, about what the record holds",
    "PatientSearch": "hashed keys by which Patient is found",
    "PatientTraits": "the normal form of Patient, to compare identities",
    "LocalIdentity": "the numbers of establishments, which Patient bears as identifiers",
    "AlertPersonRule": "the wish of one reader about their own alerts",
    "Episode": "the sums of steering, made from ServiceRequest and Case",
    "Change": "work of the sums of steering",
}


def is_open(status: str, expires_at: datetime | None, now: datetime) -> bool:
    """Tell whether what an export made may still be taken."""
    return status == ExportStatus.READY and expires_at is not None and expires_at > now


def part_kind(section: str) -> str:
    """Return what a part of a section is sealed as."""
    return f"part {section}"


def file_path(kind: str, number: int, ending: str) -> str:
    """Return where a file stands in the archive: never under a name that came from outside."""
    return f"fichiers/{kind}-{number}.{ending}"


# What resources a section holds, where its name is ours and not FHIR's.
_KINDS = {
    "Situation": "Observation",
    "EmergencyInformation": "Observation",
    "Document": "DocumentReference",
    "Case": "EpisodeOfCare",
    "Referral": "ServiceRequest",
    "Message": "Communication",
}


def kind_of(section: str) -> str:
    """Return the type of the resources of a section."""
    return "Binary" if section.startswith("Binary-") else _KINDS.get(section, section)
