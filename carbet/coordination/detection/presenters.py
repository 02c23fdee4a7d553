"""What pages show of early detection: what to look at, why, on which facts, what was made of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, FilteredRelation, Q, QuerySet
from django.urls import reverse

from carbet.coordination.detection import queries
from carbet.coordination.detection.choices import IssueStatus, RuleCode, Severity
from carbet.coordination.detection.models import DetectedIssue
from carbet.core import home
from carbet.core.actor import Actor
from carbet.registries.directory.rules import WRITE_NOTEBOOK
from carbet.registries.patients import queries as patients

TONES = {Severity.HIGH: "danger", Severity.MODERATE: "warning"}
_ICONS = {
    "measure": "pulse",
    "note": "note",
    "visit": "calendar",
    "event": "hospital",
    "assessment": "check",
}
_PAGES = {
    "measure": "notebook:measures",
    "note": "notebook:list",
    "visit": "scheduling:of_patient",
    "event": "charts:detail",
    "assessment": "assessments:list",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact on which a proposal stands, and the page where it is."""

    label: str
    at: datetime
    icon: str
    href: str


@dataclass(frozen=True, slots=True)
class Issue:
    """One proposal, as its page shows it."""

    pk: int
    title: str
    icon: str
    reason: str
    severity: str
    tone: str
    waits: bool
    status: str
    status_tone: str
    identified_at: datetime
    evidence: tuple[Evidence, ...]
    judged_at: datetime | None
    judged_by: str
    judgement: str


def issues(rows: Iterable[DetectedIssue]) -> list[Issue]:
    """Return what the page shows of each proposal."""
    return [issue(row) for row in rows]


def issue(row: DetectedIssue) -> Issue:
    """Return what the page shows of one proposal."""
    return Issue(
        pk=row.pk,
        title=RuleCode(row.rule).label,
        icon="alert" if row.severity == Severity.HIGH else "eye",
        reason=row.reason,
        severity=Severity(row.severity).label,
        tone=TONES[Severity(row.severity)],
        waits=row.status == IssueStatus.PROPOSED,
        status=IssueStatus(row.status).label,
        status_tone="success" if row.status == IssueStatus.ACKNOWLEDGED else "neutral",
        identified_at=row.identified_at,
        evidence=tuple(
            Evidence(
                label=each["label"],
                at=datetime.fromisoformat(each["at"]),
                icon=_ICONS.get(each["kind"], "info"),
                href=reverse(_PAGES[each["kind"]], args=[row.patient_id])
                if each["kind"] in _PAGES
                else "",
            )
            for each in row.evidence
        ),
        judged_at=row.judged_at,
        judged_by=row.judged_by_name,
        judgement=row.judgement,
    )


# --- On the front page ---------------------------------------------------------------------------


def waiting(*, actor: Actor, now: datetime) -> QuerySet[DetectedIssue, dict[str, Any]] | None:
    """Return what waits to be judged, for those who write in records."""
    if not actor.can(WRITE_NOTEBOOK):
        return None
    return (
        queries.waiting_for(actor=actor, now=now)
        .annotate(person=FilteredRelation("patient", condition=Q(patient__pk__isnull=False)))
        .annotate(about=F("patient_id"))
        .values(
            "about",
            "rule",
            "severity",
            "reason",
            "identified_at",
            *patients.name_columns("person__"),
        )[: home.MOST + 1]
    )


def waiting_line(row: dict[str, Any], *, now: datetime) -> home.Line:
    """Say one thing to look at."""
    return home.Line(
        title=patients.name_in(row, "person__"),
        href=reverse("detection:of_patient", args=[row["about"]]),
        text=row["reason"],
        meta=(RuleCode(row["rule"]).label,),
        at=home.moment(row["identified_at"]),
        badge=Severity(row["severity"]).label,
        tone=TONES[Severity(row["severity"])],
        icon="eye",
    )


HOME = home.Block(
    key="detection",
    title="Signaux à regarder",
    icon="eye",
    rows=waiting,
    line=waiting_line,
    order=25,
    live="detection",
)
