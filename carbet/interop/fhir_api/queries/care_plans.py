"""How plans and their goals are sought."""

from collections.abc import Callable
from datetime import timedelta

from django.db.models import Model, Q

from carbet.coordination.care_plans.choices import GoalStatus, PlanStatus
from carbet.coordination.care_plans.fhir import STATUSES
from carbet.coordination.care_plans.models import CarePlan, Goal
from carbet.coordination.care_teams.models import CareTeam
from carbet.coordination.support.models import SupportRequest
from carbet.core import fhir
from carbet.core.fhir import Json
from carbet.interop.fhir_api.queries.offer import Condition, pointing
from carbet.interop.fhir_api.rules.search import Target, Token, When

MODELS: dict[str, type[Model]] = {"CarePlan": CarePlan, "Goal": Goal}
# What was taken out of a plan is read in its history, no more beside it.
OPEN = {"Goal": Q(removed_at__isnull=True, need__removed_at__isnull=True)}
_APPROVED = Q(need__care_plan__status__in=[PlanStatus.ACTIVE, PlanStatus.COMPLETED])
_NOTHING = Q(pk__in=[])
MOST_REQUESTS = 100


def _status(token: Token) -> Q:
    return Q(status__in=[ours for ours, theirs in STATUSES.items() if theirs == token.code])


def _lifecycle(token: Token) -> Q:
    if token.code == "proposed":
        return Q(status=GoalStatus.ACTIVE) & ~_APPROVED
    if token.code == "active":
        return Q(status=GoalStatus.ACTIVE) & _APPROVED
    return Q(status=token.code)


def _of_goal(target: Target) -> Q:
    if not target.number:
        return _NOTHING
    held = Goal.objects.filter(OPEN["Goal"], pk=target.number)
    return Q(pk__in=held.values("need__care_plan_id"))


def _of_circle(target: Target) -> Q:
    if not target.number:
        return _NOTHING
    return Q(patient_id__in=CareTeam.objects.filter(pk=target.number).values("patient_id"))


def _target_day(when: When) -> Q:
    """Return the condition on the day of a target; the span said ends on its last day."""
    low = when.span.start.date()
    last = (when.span.end - timedelta(microseconds=1)).date()
    return {
        "eq": Q(target_on__gte=low, target_on__lte=last),
        "ge": Q(target_on__gte=low),
        "gt": Q(target_on__gt=last),
        "le": Q(target_on__lte=last),
        "lt": Q(target_on__lt=low),
    }[when.comparison]


def with_requests(plans: list[Json]) -> list[Json]:
    """Add to plans the requests of support of their persons, those that the system may read."""
    persons = {int(plan["subject"]["reference"].partition("/")[2]) for plan in plans}
    asked: dict[int, list[Json]] = {}
    rows = SupportRequest.objects.filter(patient_id__in=persons).order_by("-pk")
    for number, person in rows.values_list("pk", "patient_id")[:MOST_REQUESTS]:
        asked.setdefault(person, []).append(fhir.reference("ServiceRequest", number))
    for plan in plans:
        if found := asked.get(int(plan["subject"]["reference"].partition("/")[2])):
            plan["supportingInfo"] = found
    return plans


def conditions(
    moment: Callable[..., Condition], person: Callable[[Token], Q]
) -> dict[tuple[str, str], Condition]:
    """Return the condition of each parameter of plans and goals.

    Args:
        moment: makes the condition on a column that is a moment.
        person: the condition on the identifier of the person.
    """
    found: dict[tuple[str, str], Condition] = {}
    for kind in MODELS:
        for name in ("patient", "subject"):
            found[kind, name] = pointing("patient_id")
        for path in ("patient", "subject", "subject:Patient"):
            found[kind, f"{path}.identifier"] = person
    return found | {
        ("CarePlan", "status"): _status,
        # The period of a plan has a beginning, and no end while it lives.
        ("CarePlan", "date"): _begun(moment("created_at")),
        ("CarePlan", "care-team"): _of_circle,
        ("CarePlan", "goal"): _of_goal,
        ("Goal", "lifecycle-status"): _lifecycle,
        ("Goal", "target-date"): _target_day,
        ("Goal", "_lastUpdated"): moment("need__care_plan__updated_at"),
    }


def _begun(moment: Condition) -> Condition:
    """Return the condition on an open period: whatever comes after its beginning meets it."""

    def condition(when: When) -> Q:
        if when.comparison in ("ge", "gt"):
            return Q(pk__isnull=False)
        if when.comparison == "eq":
            return Q(created_at__lt=when.span.end)
        return moment(when)

    return condition
