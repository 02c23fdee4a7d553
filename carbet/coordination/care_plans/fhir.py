"""Plans in FHIR R4: CarePlan with its needs contained, and Goal, now and as they stood."""

from typing import Any

from django.db.models import Count, Max, QuerySet

from carbet.coordination.care_plans import queries
from carbet.coordination.care_plans.choices import SERAFIN, SERAFIN_SYSTEM, GoalStatus, PlanStatus
from carbet.coordination.care_plans.models import CarePlan, Goal
from carbet.coordination.care_plans.rules import ActionContent, Content, NeedContent
from carbet.coordination.care_teams.models import CareTeam, CareTeamParticipant
from carbet.core import fhir
from carbet.core.fhir import Json

CARE_PLAN = "http://hl7.org/fhir/StructureDefinition/CarePlan"
GOAL = "http://hl7.org/fhir/StructureDefinition/Goal"
ACHIEVEMENT = "http://terminology.hl7.org/CodeSystem/goal-achievement"
# FHIR request-status of each of ours.
STATUSES = {
    PlanStatus.DRAFT: "draft",
    PlanStatus.PROPOSED: "draft",
    PlanStatus.ACTIVE: "active",
    PlanStatus.COMPLETED: "completed",
}
# How far back the history of one resource is told.
MOST_VERSIONS = 50


def care_plans(rows: QuerySet[CarePlan]) -> list[Json]:
    """Return the CarePlan resources of these plans, as they stand, in four queries."""
    plans = list(rows)
    persons = {plan.patient_id for plan in plans}
    links, contents = _links(persons), queries.contents(patient_ids=persons)
    return [
        _care_plan(vars(plan), contents[plan.patient_id], links)
        for plan in plans
        if plan.patient_id in contents
    ]


def care_plan_versions(number: int) -> list[Json]:
    """Return the versions of a plan, the latest first: one for each change of its content."""
    events: dict[int, dict[str, Any]] = {}
    rows = CarePlan.pgh_event_model.objects.filter(pgh_obj_id=number).order_by("pk").values()
    for row in rows:
        events[row["revision"]] = row | {"id": row["pgh_obj_id"]}
    latest = sorted(events, reverse=True)[:MOST_VERSIONS]
    links = _links({row["patient_id"] for row in events.values()})
    told = []
    for revision in latest:
        row = events[revision]
        content = queries.content_at(patient_id=row["patient_id"], revision=revision)
        if content is not None:
            told.append(_care_plan(row, content, links))
    return told


def goals(rows: QuerySet[Goal]) -> list[Json]:
    """Return the Goal resources of these goals, in two queries."""
    found = list(rows.select_related("need__care_plan"))
    events = Goal.pgh_event_model.objects.filter(pgh_obj_id__in=[goal.pk for goal in found])
    kept = {
        row["pgh_obj_id"]: row
        for row in events.values("pgh_obj_id").annotate(count=Count("pk"), at=Max("pgh_created_at"))
    }
    return [
        _goal(
            vars(goal),
            version=kept[goal.pk]["count"] if goal.pk in kept else 1,
            at=kept[goal.pk]["at"] if goal.pk in kept else goal.need.care_plan.created_at,
            status=goal.need.care_plan.status,
        )
        for goal in found
    ]


def goal_versions(number: int) -> list[Json]:
    """Return the versions of a goal, the latest first."""
    rows = list(Goal.pgh_event_model.objects.filter(pgh_obj_id=number).order_by("pk").values())
    present = Goal.objects.filter(pk=number).select_related("need__care_plan").first()
    if present is None or present.removed_at is not None or present.need.removed_at is not None:
        return []
    told = [
        _goal(
            row | {"id": row["pgh_obj_id"]},
            version=rank,
            at=row["pgh_created_at"],
            status=present.need.care_plan.status,
        )
        for rank, row in enumerate(rows, start=1)
    ]
    return told[::-1][:MOST_VERSIONS]


def _links(patients: set[int]) -> dict[str, dict[int, Any]]:
    """Return the circle of each person, and to whom each of its members' row leads."""
    circles = dict(CareTeam.objects.filter(patient_id__in=patients).values_list("patient_id", "pk"))
    columns = ("practitioner_role_id", "organization_id", "related_person_id")
    members = {
        row["pk"]: row
        for row in CareTeamParticipant.objects.filter(patient_id__in=patients).values(
            "pk", *columns
        )
    }
    return {"circles": circles, "members": members}


def _care_plan(row: dict[str, Any], content: Content, links: dict[str, dict[int, Any]]) -> Json:
    subject = fhir.reference("Patient", row["patient_id"])
    found: Json = {
        "resourceType": "CarePlan",
        "id": str(row["id"]),
        "meta": fhir.meta(CARE_PLAN, version=row["revision"], updated_at=row["updated_at"]),
        "status": STATUSES[PlanStatus(row["status"])],
        "intent": "plan",
        "title": "Plan personnalisé de coordination en santé",
        "subject": subject,
        "period": {"start": fhir.instant(row["created_at"])},
        "created": fhir.instant(row["created_at"]),
        "author": fhir.reference("PractitionerRole", row["author_id"]),
    }
    if (circle := links["circles"].get(row["patient_id"])) is not None:
        found["careTeam"] = [fhir.reference("CareTeam", circle)]
    if content.needs:
        found["contained"] = [_need(need, subject) for need in content.needs]
        found["addresses"] = [{"reference": f"#need-{need.id}"} for need in content.needs]
    told = [goal for need in content.needs for goal in need.goals]
    if told:
        found["goal"] = [fhir.reference("Goal", goal.id) for goal in told]
    activities = [
        _activity(action, goal.id, links["members"]) for goal in told for action in goal.actions
    ]
    if activities:
        found["activity"] = activities
    if content.person_words:
        found["note"] = [{"text": content.person_words}]
    return found


def _need(need: NeedContent, subject: Json) -> Json:
    code: Json = {"text": need.text}
    if need.serafin:
        code["coding"] = [fhir.coding(SERAFIN_SYSTEM, need.serafin, SERAFIN.get(need.serafin, ""))]
    return {
        "resourceType": "Condition",
        "id": f"need-{need.id}",
        "code": code,
        "subject": subject,
    }


def _activity(action: ActionContent, goal_id: int, members: dict[int, Any]) -> Json:
    detail: Json = {
        "kind": "ServiceRequest",
        "goal": [fhir.reference("Goal", goal_id)],
        "status": action.status or "not-started",
        "description": action.text,
    }
    if action.frequency:
        detail["scheduledString"] = action.frequency
    elif action.start_on or action.due_on:
        period = {"start": action.start_on, "end": action.due_on}
        detail["scheduledPeriod"] = {
            name: day.isoformat() for name, day in period.items() if day is not None
        }
    member = members.get(action.responsible_id or 0)
    for kind, column in (
        ("PractitionerRole", "practitioner_role_id"),
        ("Organization", "organization_id"),
        ("RelatedPerson", "related_person_id"),
    ):
        if member is not None and member[column] is not None:
            detail["performer"] = [fhir.reference(kind, member[column])]
            break
    found: Json = {"detail": detail}
    if action.appointment_id is not None:
        found["outcomeReference"] = [fhir.reference("Appointment", action.appointment_id)]
    return found


def _goal(row: dict[str, Any], *, version: int, at: Any, status: str) -> Json:
    approved = status in (PlanStatus.ACTIVE, PlanStatus.COMPLETED)
    lifecycle = row["status"]
    if lifecycle == GoalStatus.ACTIVE and not approved:
        lifecycle = "proposed"
    found: Json = {
        "resourceType": "Goal",
        "id": str(row["id"]),
        "meta": fhir.meta(GOAL, version=version, updated_at=at),
        "lifecycleStatus": lifecycle,
        "description": {"text": row["text"]},
        "subject": fhir.reference("Patient", row["patient_id"]),
    }
    if row["status"] == GoalStatus.COMPLETED:
        found["achievementStatus"] = fhir.concept(ACHIEVEMENT, "achieved", "Achieved")
    target: Json = {}
    if row["measure"] and row["amount"] is not None:
        target["measure"] = fhir.concept("http://loinc.org", row["measure"])
        target["detailQuantity"] = {"value": float(row["amount"])}
        if row["comparator"]:
            target["detailQuantity"]["comparator"] = row["comparator"]
    elif row["target"]:
        target["measure"] = {"text": row["target"]}
    if row["target_on"]:
        target["dueDate"] = row["target_on"].isoformat()
    if target:
        found["target"] = [target]
    return found
