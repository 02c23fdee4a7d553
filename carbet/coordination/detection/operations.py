"""What can be done with early detection: propose, acknowledge, dismiss. A person decides."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from carbet.coordination.alerts import operations as alerts
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.detection.choices import IssueStatus
from carbet.coordination.detection.models import DetectedIssue
from carbet.coordination.detection.rules import Finding
from carbet.core import live
from carbet.core.actor import Actor, DataCategory, Level
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.registries.directory.rules import WRITE_NOTEBOOK

LIVE_KIND = "detection"
GONE = "Ne se vérifie plus : une donnée a changé."


class UnableToJudge(UnableTo):
    """It cannot be judged as asked: somebody did already, or the reason is missing."""


@operation("detection.propose", action="C")
def propose(
    trace: Trace, *, actor: Actor, now: datetime, patient_id: int, findings: Sequence[Finding]
) -> list[DetectedIssue]:
    """Keep what the rules found about a person, alert those who manage the record of what is new.

    What waits already is brought up to date; what was judged is not proposed again on the same
    facts; what no longer holds is closed by the house, saying so. Return what is new.
    """
    with connection.cursor() as cursor:
        # Two workers may look at once: the second waits, then finds what the first proposed.
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('detection', %s))", [patient_id]
        )
    rows = DetectedIssue.objects.select_for_update().filter(patient_id=patient_id)
    waiting = {row.rule: row for row in rows.filter(status=IssueStatus.PROPOSED)}
    judged: dict[str, datetime] = {}
    for rule, latest_at in (
        DetectedIssue.objects.filter(patient_id=patient_id)
        .exclude(status=IssueStatus.PROPOSED)
        .filter(judged_by__isnull=False)
        .values_list("rule", "latest_at")
    ):
        judged[rule] = max(latest_at, judged.get(rule, latest_at))
    new = []
    for finding in findings:
        row = waiting.pop(finding.rule, None)
        if row is None and finding.rule in judged and finding.latest_at <= judged[finding.rule]:
            continue
        said = _columns(finding)
        if row is None:
            row = DetectedIssue.objects.create(
                patient_id=patient_id, rule=finding.rule, identified_at=now, **said
            )
            new.append(row)
        elif any(getattr(row, name) != value for name, value in said.items()):
            for name, value in said.items():
                setattr(row, name, value)
            row.save(update_fields=list(said))
    for row in waiting.values():
        row.status, row.judged_at, row.judgement = IssueStatus.DISMISSED, now, GONE
        row.save(update_fields=["status", "judged_at", "judgement"])
    for row in new:
        _tell(row, actor=actor, now=now)
    _refresh_screens(patient_id, now=now)
    trace.about(patient_id=patient_id, entity=f"DetectedIssue x{len(new)}")
    return new


@operation("detection.acknowledge")
def acknowledge(
    trace: Trace, *, actor: Actor, now: datetime, issue: DetectedIssue, what: str
) -> DetectedIssue:
    """Say that what a rule proposed is taken into account, and what is done about it.

    Raises:
        UnableToAct: the role does not write in records.
        UnableToJudge: judged already, or nothing said.
    """
    return _judge(
        trace, actor, now, issue, IssueStatus.ACKNOWLEDGED, what, "Dites ce qui est fait."
    )


@operation("detection.dismiss")
def dismiss(
    trace: Trace, *, actor: Actor, now: datetime, issue: DetectedIssue, reason: str
) -> DetectedIssue:
    """Set aside what a rule proposed, and say why; it comes back on later facts only.

    Raises:
        UnableToAct: the role does not write in records.
        UnableToJudge: judged already, or no reason.
    """
    return _judge(
        trace,
        actor,
        now,
        issue,
        IssueStatus.DISMISSED,
        reason,
        "Dites pourquoi ce signal est écarté.",
    )


def _judge(
    trace: Trace,
    actor: Actor,
    now: datetime,
    issue: DetectedIssue,
    status: IssueStatus,
    text: str,
    missing: str,
) -> DetectedIssue:
    if not actor.can(WRITE_NOTEBOOK) or actor.role_id is None:
        raise UnableToAct("Votre rôle ne permet pas de répondre à ce signal.")
    row = DetectedIssue.objects.select_for_update().filter(pk=issue.pk).first()
    if row is None:
        raise UnableToAct("Ce signal ne vous est plus ouvert.")
    if row.status != IssueStatus.PROPOSED:
        answer = IssueStatus(row.status).label.lower()
        by = f" par {row.judged_by_name}" if row.judged_by_name else ""
        raise UnableToJudge(f"Ce signal a déjà été {answer}{by}.")
    text = text.strip()
    if not text:
        raise UnableToJudge(missing, field="text")
    row.status, row.judged_at, row.judgement = status, now, text[:500]
    row.judged_by_id, row.judged_by_name = actor.role_id, actor.display_name
    row.save(update_fields=["status", "judged_at", "judgement", "judged_by", "judged_by_name"])
    _refresh_screens(row.patient_id, now=now)
    trace.about(patient_id=row.patient_id, entity=row, reason=text)
    return row


def _columns(finding: Finding) -> dict[str, Any]:
    return {
        "severity": finding.severity,
        "category": int(finding.category),
        "reason": finding.reason[:500],
        "evidence": [
            {"kind": fact.kind, "id": fact.pk, "at": fact.at.isoformat(), "label": fact.label}
            for fact in finding.evidence
        ],
        "latest_at": finding.latest_at,
    }


def _tell(row: DetectedIssue, *, actor: Actor, now: datetime) -> None:
    """Alert those who manage the record and read this category."""
    alerts.raise_alert(
        actor=actor,
        now=now,
        patient_id=row.patient_id,
        recipients=care_teams.keys_of_level(
            patient_id=row.patient_id,
            level=Level.MANAGE,
            category=DataCategory(row.category),
        ),
        kind=AlertKind.DETECTED,
        target="detection",
        urgent=False,
    )


def _refresh_screens(patient_id: int, *, now: datetime) -> None:
    live.announce(
        care_teams.keys_of_level(patient_id=patient_id, level=Level.READ), LIVE_KIND, now=now
    )
