"""Requests, cases and plans written straight into their tables, at any moment, in any order."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.db import connection

from carbet.coordination.care_plans.models import CarePlan, CarePlanVersion
from carbet.coordination.care_teams import queries as care_team_queries
from carbet.coordination.support.models import Case, SupportRequest
from carbet.core import row_security
from carbet.core.actor import internal
from carbet.steering.activity import operations, queries
from carbet.steering.activity.access import HOUSE

INTERNAL = internal("test")


def at(day, hour=12):
    """Return noon, or another hour in UTC, of a day written « 2026-03-31 »."""
    return datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC)


@contextmanager
def writing(now):
    """Write as the house, in an operation."""
    with row_security.acting_as(INTERNAL, now=now, operation="test.activity"):
        yield


def a_request(world, patient, day, **traits):
    """Write a request to the DAC, sent that day."""
    consent = care_team_queries.latest_consent(patient_id=patient.pk)
    return SupportRequest.objects.create(
        patient_id=patient.pk,
        requester=world.roles["gp"],
        addressee=world.places["dac"],
        consent=consent,
        reason=traits.pop("reason", "home"),
        text="Situation",
        submitted_at=at(day),
        due_at=traits.pop("due_at", None) or at(day) + timedelta(days=7),
        **traits,
    )


def a_case(world, patient, day, request=None, **traits):
    """Write a case opened that day, from a request when one is given."""
    if request is not None:
        request.status, request.decided_at = "accepted", at(day)
        request.decided_by = world.roles["coordinator"]
        request.save()
    return Case.objects.create(
        patient_id=patient.pk,
        organization=world.places["dac"],
        request=request,
        coordinator=traits.pop("coordinator", world.roles["coordinator"]),
        requested_at=request.submitted_at if request else at(day),
        opened_at=at(day),
        **traits,
    )


def close(case, day, **traits):
    """Close a case that day."""
    for name, value in (traits | {"status": "finished", "closed_at": at(day)}).items():
        setattr(case, name, value)
    case.save()


def a_plan(world, patient, day, review_due_on=None, approved=True):
    """Write the plan of a person, with a version approved that day."""
    plan, _ = CarePlan.objects.get_or_create(
        patient_id=patient.pk,
        defaults={"author": world.roles["gp"], "created_at": at(day), "updated_at": at(day)},
    )
    plan.review_due_on = review_due_on
    plan.save()
    if approved:
        CarePlanVersion.objects.create(
            patient_id=patient.pk,
            care_plan=plan,
            number=plan.versions.count() + 1,
            content={"needs": []},
            approved_at=at(day),
            approved_by=world.roles["gp"],
        )
    return plan


def follow(now, most=5_000):
    """Let the sums follow everything that waits."""
    while operations.refresh_figures(actor=HOUSE, now=now, most=most):
        pass


def waits():
    with row_security.acting_as(HOUSE):
        return queries.changes_wait()


def sums():
    """Return every sum that is not nought, and every episode without its number."""
    with row_security.acting_as(HOUSE), connection.cursor() as cursor:
        cursor.execute(
            "SELECT organization_id, figure, dimension, on_day, value, count, points"
            " FROM activity_tally WHERE count <> 0 OR points <> 0 ORDER BY 1, 2, 3, 4, 5"
        )
        tallies = cursor.fetchall()
        cursor.execute(
            "SELECT to_jsonb(e) - 'id' FROM activity_episode e ORDER BY request_id, case_id"
        )
        return tallies, cursor.fetchall()
