"""Who may enter what the rules propose about a person: the circle, each behind its category."""

from datetime import datetime

from carbet.coordination.care_teams import access as care_teams
from carbet.coordination.care_teams.access import NoSuchRecord
from carbet.coordination.detection.models import DetectedIssue
from carbet.core.actor import Actor, Level
from carbet.registries.patients.models import Patient

__all__ = ["NoSuchRecord", "get_issue", "get_record"]


def get_record(
    *, actor: Actor, patient_id: int, now: datetime, level: Level = Level.READ
) -> Patient:
    """Return the person about whom the rules propose, and trace the entry.

    Raises:
        NoSuchRecord: there is none, or not for this actor at this level.
    """
    return care_teams.get_record(
        actor=actor, patient_id=patient_id, now=now, level=level, purpose="detection.read"
    )


def get_issue(*, patient: Patient, issue_id: int) -> DetectedIssue:
    """Return what a rule proposed about a person already entered.

    Raises:
        NoSuchRecord: it is not this person's, or its category is not open to the reader.
    """
    issue = DetectedIssue.objects.filter(patient_id=patient.pk, pk=issue_id).first()
    if issue is None:
        raise NoSuchRecord
    return issue
