"""What can be asked of a plan: all it says in one query, its versions, what changed since when."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet

from carbet.coordination.care_plans import rules
from carbet.coordination.care_plans.choices import ActionStatus, GoalStatus, PlanStatus
from carbet.coordination.care_plans.models import (
    CarePlan,
    CarePlanVersion,
    PlanComment,
    PlannedAction,
    PlanReview,
)
from carbet.coordination.care_plans.queries import statements
from carbet.coordination.care_plans.queries.proposals import (
    Assessed,
    assessed,
    fittest,
    proposal_key,
)
from carbet.coordination.care_plans.queries.visiting import (
    CODES,
    Visits,
    is_made_by,
    visits,
    visits_from_json,
)
from carbet.coordination.care_plans.rules import (
    ActionContent,
    AgreementContent,
    Change,
    Content,
    GoalContent,
    NeedContent,
)
from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.care_teams.models import CareTeamParticipant
from carbet.coordination.notebook import queries as notebook
from carbet.coordination.notebook.queries import MeasurePoint
from carbet.core.actor import Actor
from carbet.registries.directory.rules import APPROVING, DOCTOR
from carbet.registries.patients import queries as patients
from carbet.registries.patients.models import Patient, PatientIdentifier

__all__ = [
    "Assessed",
    "Plan",
    "RemovedPart",
    "Summary",
    "Version",
    "Visits",
    "Who",
    "action",
    "approved_version",
    "approvers",
    "assessed",
    "awaiting_approval",
    "changes_since",
    "comments",
    "content_at",
    "contents",
    "due_for_review",
    "fittest",
    "get_plan",
    "get_versions",
    "ins_of",
    "is_made_by",
    "measured",
    "member_name",
    "members",
    "proposal_key",
    "reviews",
    "summary",
    "versions",
    "versions_besides",
    "visits",
]

AWAITING_LIMIT = 25
JSONB = 3802
"""PostgreSQL's number for the type, whose values Django leaves as text."""


@dataclass(frozen=True, slots=True)
class Who:
    """A professional as named in the directory when the question was asked."""

    id: int
    name: str
    label: str
    organization: str

    def __str__(self) -> str:
        return f"{self.name}, {self.label}" if self.label else self.name


@dataclass(frozen=True, slots=True)
class Version:
    """An approved version: its number, who approved it and when, what it said."""

    number: int
    approved_at: datetime
    approved_by: Who
    comment: str
    content: Content
    author: str = ""
    agreement: AgreementContent = field(default_factory=AgreementContent)


@dataclass(frozen=True, slots=True)
class RemovedPart:
    """A need, goal or action taken out of the plan, which can be put back."""

    kind: str
    id: int
    text: str
    removed_at: datetime
    parent_id: int | None = None


@dataclass(frozen=True, slots=True)
class Comment:
    """What the one who was asked said of a proposed plan, at a revision, without deciding."""

    text: str
    written_at: datetime
    written_by_name: str
    revision: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a person as it stands, with its latest approved version."""

    id: int
    patient_id: int
    status: PlanStatus
    revision: int
    content: Content
    author: Who
    approver: Who | None
    proposed_by: Who | None
    updated_by: Who | None
    proposed_at: datetime | None
    returned_at: datetime | None
    returned_comment: str
    created_at: datetime
    updated_at: datetime
    today: date
    last_visit_at: datetime | None
    latest: Version | None
    removed: tuple[RemovedPart, ...] = ()
    agreement: AgreementContent = field(default_factory=AgreementContent)
    agreed_revision: int | None = None
    left: frozenset[int] = field(default_factory=frozenset)
    """The participants named in the plan who have left the circle."""

    comments: tuple[Comment, ...] = ()
    """What was said of it since the latest approved version, the oldest first."""

    visits: dict[int, Visits] = field(default_factory=dict)
    """The visits to come of the actions that became visits, by action."""

    @property
    def is_approved(self) -> bool:
        return self.status == PlanStatus.ACTIVE and self.latest is not None

    @property
    def is_agreed_as_it_stands(self) -> bool:
        """Tell whether what the person said of the plan is of what it says now."""
        return bool(self.agreement) and self.agreed_revision == self.revision


@dataclass(frozen=True, slots=True)
class Summary:
    """What the record page shows of a plan."""

    status: PlanStatus
    status_label: str
    needs: tuple[NeedContent, ...]
    number: int | None
    approved_at: datetime | None
    approved_by: str
    review_due_on: date | None
    updated_at: datetime
    approver_id: int | None
    goals_total: int
    goals_reached: int
    actions_open: int
    actions_late: tuple[ActionContent, ...]
    actions_next: tuple[ActionContent, ...]
    person_words: str


def get_plan(
    *, patient_id: int, actor: Actor | None = None, now: datetime | None = None
) -> Plan | None:
    """Return the plan of the person as it stands, whole, in one query; None when there is none.

    Args:
        actor, now: who reads and when, to know when they last looked at the plan.
    """
    row = _one(
        statements.PLAN,
        {
            "patient": patient_id,
            "zone": settings.TIME_ZONE,
            "account": actor.account_id if actor else None,
            "visit": now - rules.VISIT_GAP if now else None,
            **CODES,
        },
    )
    if row is None:
        return None
    parts = {kind: row[kind] or [] for kind in ("needs", "goals", "actions")}
    return Plan(
        id=row["id"],
        patient_id=patient_id,
        status=PlanStatus(row["status"]),
        revision=row["revision"],
        content=_content(row),
        author=Who(**row["author"]),
        approver=_maybe(row["approver"]),
        proposed_by=_maybe(row["proposed_by"]),
        updated_by=_maybe(row["updated_by"]),
        proposed_at=row["proposed_at"],
        returned_at=row["returned_at"],
        returned_comment=row["returned_comment"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        today=row["today"],
        last_visit_at=row["last_visit_at"],
        latest=_version(row["latest"]) if row["latest"] else None,
        removed=tuple(_removed(parts)),
        agreement=AgreementContent(
            decision=row["agreement"],
            given_by=row["agreed_by"],
            on=row["agreed_on"],
            words=row["agreement_words"],
            taken_by=row["taken_by"]["name"] if row["taken_by"] else "",
        ),
        agreed_revision=row["agreed_revision"],
        comments=tuple(
            Comment(**said | {"written_at": datetime.fromisoformat(said["written_at"])})
            for said in row["comments"] or ()
        ),
        visits=visits_from_json(row["visits"]),
        left=frozenset(
            action["responsible_id"]
            for action in parts["actions"]
            if action["responsible"] and action["responsible"]["left"]
        ),
    )


def contents(*, patient_ids: Iterable[int]) -> dict[int, Content]:
    """Return what the plans of these persons say, by person, in one query."""
    rows = _all(statements.CONTENTS, {"patients": list(patient_ids)})
    return {row["patient_id"]: _content(row) for row in rows}


def summary(*, patient_id: int) -> Summary | None:
    """Return what the record page shows of the plan, in one query; None when there is none."""
    plan = get_plan(patient_id=patient_id)
    if plan is None:
        return None
    goals = [goal for need in plan.content.needs for goal in need.goals]
    waiting = [
        action
        for goal in goals
        for action in goal.actions
        if action.status not in (ActionStatus.COMPLETED, ActionStatus.CANCELLED)
    ]
    late = [
        action for action in waiting if rules.is_late(action.due_on, action.status, on=plan.today)
    ]
    coming = sorted(
        (action for action in waiting if action not in late),
        key=lambda action: action.due_on or date.max,
    )
    return Summary(
        status=plan.status,
        status_label=str(plan.status.label),
        needs=plan.content.needs,
        number=plan.latest.number if plan.latest else None,
        approved_at=plan.latest.approved_at if plan.latest else None,
        approved_by=str(plan.latest.approved_by) if plan.latest else "",
        review_due_on=plan.content.review_due_on,
        updated_at=plan.updated_at,
        approver_id=plan.approver.id if plan.approver else None,
        goals_total=len(goals),
        goals_reached=sum(goal.status == GoalStatus.COMPLETED for goal in goals),
        actions_open=len(waiting),
        actions_late=tuple(late),
        actions_next=tuple(coming[:3]),
        person_words=plan.content.person_words,
    )


def content_at(*, patient_id: int, revision: int) -> Content | None:
    """Return what the plan said at a revision, from its history; None when it did not exist."""
    row = _one(statements.CONTENT_AT, {"patient": patient_id, "revision": revision, "at": None})
    return _content(row) if row is not None else None


def changes_since(
    plan: Plan, *, revision: int | None = None, at: datetime | None = None
) -> list[Change] | None:
    """Return what changed in the plan since a revision or a moment, from its history, in words.

    None when the plan did not exist then.
    """
    row = _one(statements.CONTENT_AT, {"patient": plan.patient_id, "revision": revision, "at": at})
    return rules.compare(_content(row), plan.content) if row is not None else None


def versions(*, patient_id: int) -> list[CarePlanVersion]:
    """Return the approved versions without their content, the latest first, each once."""
    found = (
        CarePlanVersion.objects.filter(patient_id=patient_id)
        .select_related("approved_by__practitioner", "approved_by__organization")
        .defer("content")
        .order_by("-number", "categories")
    )
    return list({version.number: version for version in found}.values())


def versions_besides(*, records: list[int]) -> list[CarePlanVersion]:
    """Return the approved versions that stayed on records merged into one: no query where none.

    A version keeps its number for ever; that of a number which the other plan has stays there.
    """
    if not records:
        return []
    found = (
        CarePlanVersion.objects.filter(patient_id__in=records)
        .select_related("approved_by__practitioner")
        .defer("content")
        .order_by("-approved_at", "-number", "categories")
    )
    return list({(row.patient_id, row.number): row for row in found}.values())


def get_versions(*, patient_id: int, numbers: list[int]) -> dict[int, Version]:
    """Return these approved versions of the person's plan, whole, by number."""
    return {
        row.number: _kept(row)
        for row in _rows(patient_id).filter(number__in=numbers).order_by("categories")
    }


def approved_version(*, patient_id: int) -> Version | None:
    """Return the latest approved version, whole: the plan as the person reads it."""
    row = _rows(patient_id).order_by("-number", "-categories").first()
    return _kept(row) if row else None


def ins_of(*, patient: Patient) -> PatientIdentifier | None:
    """Return the INS that a document may carry: of a qualified identity only (RNIV 2.0)."""
    return patients.ins_that_leaves(patient=patient)


def awaiting_approval(*, actor: Actor) -> QuerySet[CarePlan]:
    """Return the plans that wait for the actor's own approval, the oldest proposal first."""
    return (
        CarePlan.objects.filter(status=PlanStatus.PROPOSED, approver_id=actor.role_id or 0)
        .select_related("patient", "proposed_by__practitioner", "proposed_by__organization")
        .order_by("proposed_at", "pk")[:AWAITING_LIMIT]
    )


def due_for_review(*, role_id: int, today: date) -> QuerySet[CarePlan]:
    """Return the plans written by a role whose review comes within two weeks, the oldest first."""
    return (
        CarePlan.objects.filter(author_id=role_id, review_due_on__lte=today + rules.REVIEW_NOTICE)
        .exclude(status=PlanStatus.COMPLETED)
        .order_by("review_due_on", "pk")
    )


def reviews(*, patient_id: int, limit: int = 20) -> list[PlanReview]:
    """Return the reviews of the person's plan that the actor may read, the latest first."""
    return list(PlanReview.objects.filter(patient_id=patient_id)[:limit])


def comments(*, patient_id: int, number: int, limit: int = 50) -> list[PlanComment]:
    """Return what was said of a version before it was approved, as far as the actor may read it."""
    return list(PlanComment.objects.filter(patient_id=patient_id, number=number)[:limit])


def measured(plan: Plan) -> dict[str, MeasurePoint]:
    """Return the last measure of each kind that a target waits for; no query when none does."""
    wanted = {goal.measure for need in plan.content.needs for goal in need.goals if goal.measure}
    if not wanted:
        return {}
    found = notebook.latest_measures(patient_id=plan.patient_id, each=1)
    return {kind: points[-1] for kind, points in found.items() if kind in wanted and points}


def action(*, patient_id: int, action_id: int) -> PlannedAction | None:
    """Return an action of the person's plan with who is responsible, removed or not."""
    return (
        PlannedAction.objects.filter(patient_id=patient_id, pk=action_id)
        .select_related("responsible", "appointment__series")
        .first()
    )


def members(*, patient_id: int, now: datetime) -> list[CareTeamParticipant]:
    """Return the present members of the person's circle, attending doctor first."""
    return list(
        care_teams.participants(patient_id=patient_id)
        .filter(Q(ended_at__isnull=True) | Q(ended_at__gt=now), started_at__lte=now)
        .order_by("-role", "started_at", "pk")
    )


def approvers(
    present: list[CareTeamParticipant], *, proposer_id: int | None
) -> list[CareTeamParticipant]:
    """Return the members who may be asked to approve: doctors first, then other carers.

    A carer who is no doctor never approves what they propose themselves.
    """
    asked = [
        member
        for member in present
        if member.practitioner_role is not None
        and member.practitioner_role.profession in APPROVING
        and (_is_doctor(member) or member.practitioner_role_id != proposer_id)
    ]
    return sorted(asked, key=lambda member: not _is_doctor(member))


def _is_doctor(member: CareTeamParticipant) -> bool:
    role = member.practitioner_role
    return role is not None and role.profession == DOCTOR


def member_name(member: CareTeamParticipant) -> str:
    """Return the name of a member as the plan shows it."""
    if member.practitioner_role is not None:
        return f"{member.practitioner_role.practitioner}, {member.practitioner_role.label}"
    return str(member.organization or member.related_person)


def _one(statement: str, values: dict[str, Any]) -> dict[str, Any] | None:
    return next(iter(_all(statement, values)), None)


def _all(statement: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows = cursor.fetchall()
        columns = cursor.description
    return [
        {
            column.name: json.loads(value)
            if isinstance(value, str) and column.type_code == JSONB
            else value
            for column, value in zip(columns, row, strict=True)
        }
        for row in rows
    ]


def _content(row: dict[str, Any]) -> Content:
    """Put the parts of a plan together, without those that were removed."""
    kept = {
        kind: [part for part in row[kind] or [] if not part.get("removed_at")]
        for kind in ("needs", "goals", "actions")
    }
    actions: dict[int, list[ActionContent]] = {}
    for part in kept["actions"]:
        actions.setdefault(part["parent"], []).append(
            ActionContent(
                id=part["id"],
                text=part["text"],
                responsible_id=part["responsible_id"],
                responsible=part["responsible"]["name"] if part["responsible"] else "",
                frequency=part["frequency"],
                start_on=_day(part["start_on"]),
                due_on=_day(part["due_on"]),
                status=part["status"],
                appointment_id=part.get("appointment_id"),
            )
        )
    goals: dict[int, list[GoalContent]] = {}
    for part in kept["goals"]:
        goals.setdefault(part["parent"], []).append(
            GoalContent(
                id=part["id"],
                text=part["text"],
                target=part["target"],
                target_on=_day(part["target_on"]),
                measure=part["measure"],
                comparator=part["comparator"],
                amount=Decimal(part["amount"]) if part["amount"] else None,
                status=part["status"],
                actions=tuple(actions.get(part["id"], ())),
            )
        )
    return Content(
        person_words=row["person_words"],
        review_due_on=row["review_due_on"],
        needs=tuple(
            NeedContent(
                id=part["id"],
                text=part["text"],
                domain=part["domain"],
                serafin=part["serafin"],
                goals=tuple(goals.get(part["id"], ())),
            )
            for part in kept["needs"]
        ),
    )


def _removed(parts: dict[str, list[dict[str, Any]]]) -> list[RemovedPart]:
    """Return what was taken out and whose parent is still there, the latest first."""
    present = {
        kind: {part["id"] for part in rows if not part["removed_at"]}
        for kind, rows in parts.items()
    }
    parents = {"goals": present["needs"], "actions": present["goals"]}
    kinds = {"needs": rules.NEED, "goals": rules.GOAL, "actions": rules.ACTION}
    found = [
        RemovedPart(
            kinds[kind],
            part["id"],
            part["text"],
            datetime.fromisoformat(part["removed_at"]),
            part.get("parent"),
        )
        for kind, rows in parts.items()
        for part in rows
        if part["removed_at"] and (kind == "needs" or part["parent"] in parents[kind])
    ]
    return sorted(found, key=lambda part: part.removed_at, reverse=True)


def _rows(patient_id: int) -> QuerySet[CarePlanVersion]:
    return CarePlanVersion.objects.filter(patient_id=patient_id).select_related(
        "approved_by__practitioner", "approved_by__organization"
    )


def _kept(row: CarePlanVersion) -> Version:
    role = row.approved_by
    known = Who(role.pk, str(role.practitioner), role.label, role.organization.name)
    return Version(
        number=row.number,
        approved_at=row.approved_at,
        approved_by=_as_they_were(row.content, known),
        comment=row.comment,
        content=rules.from_json(row.content),
        author=row.content.get("author", ""),
        agreement=rules.agreement_from_json(row.content.get("agreement")),
    )


def _version(row: dict[str, Any]) -> Version:
    return Version(
        number=row["number"],
        approved_at=datetime.fromisoformat(row["approved_at"]),
        approved_by=_as_they_were(row["content"], Who(**row["approved_by"])),
        comment=row["comment"],
        content=rules.from_json(row["content"]),
        author=row["content"].get("author", ""),
        agreement=rules.agreement_from_json(row["content"].get("agreement")),
    )


def _as_they_were(content: dict[str, Any], known: Who) -> Who:
    """Return the approver under the name they had when they approved."""
    return Who(**content["approved_by"]) if "approved_by" in content else known


def _maybe(row: dict[str, Any] | None) -> Who | None:
    return Who(**row) if row else None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
