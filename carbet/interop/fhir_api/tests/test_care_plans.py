"""Plans and goals read by other systems: as they stand, as they stood, by whoever may."""

import json
import uuid
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from carbet.coordination.care_plans import operations
from carbet.coordination.care_plans.tests import factories
from carbet.coordination.support import operations as support
from carbet.core import grants, row_security
from carbet.core.actor import DataCategory, Level, internal, organization_key
from carbet.core.models import AuditEvent
from tests.world import NOW

pytestmark = pytest.mark.django_db

# Elements that R4 makes mandatory, and the codes that it binds.
ACTIVITY = {"not-started", "scheduled", "in-progress", "on-hold", "completed", "cancelled"}


@pytest.fixture
def desk(world):
    desk = factories.begin(world)
    desk.entry = desk.add(
        need="Se déplacer",
        domain="1.2.1.3",
        goal="Marcher",
        target="jusqu’au marché",
        target_on=date(2026, 12, 31),
        action="Kiné",
        frequency="2 fois par semaine",
        responsible_id=desk.members["physio"],
    )
    desk.medical = desk.add(
        need="Diabète", domain="health", goal="Équilibrer", action="Surveiller", due_on=None
    )
    open_record(desk)
    return desk


def open_record(desk, **categories):
    with row_security.acting_as(internal("test"), now=NOW, operation="test"):
        grants.grant(
            organization_key(desk.world.places["office"].pk),
            patient_id=desk.patient_id,
            level=Level.READ,
            source="system",
            now=NOW - timedelta(days=1),
            **categories,
        )


def plan_of(system, desk, more=""):
    return system.get(f"/CarePlan?patient={desk.patient_id}{more}").json()


def test_a_plan_is_read_with_its_needs_goals_and_actions(desk, system):
    [entry] = plan_of(system, desk)["entry"]
    plan = entry["resource"]
    assert (plan["status"], plan["intent"], plan["subject"]["reference"]) == (
        "draft",
        "plan",
        f"Patient/{desk.patient_id}",
    )
    assert [each["code"]["text"] for each in plan["contained"]] == ["Se déplacer", "Diabète"]
    assert plan["contained"][0]["code"]["coding"][0]["code"] == "1.2.1.3"
    assert [each["reference"] for each in plan["addresses"]] == [
        f"#{each['id']}" for each in plan["contained"]
    ]
    detail = plan["activity"][0]["detail"]
    assert detail["status"] in ACTIVITY
    assert (detail["description"], detail["scheduledString"]) == ("Kiné", "2 fois par semaine")
    assert detail["performer"] == [
        {"reference": f"PractitionerRole/{desk.world.roles['physio'].pk}"}
    ]
    assert plan["careTeam"][0]["reference"] == f"CareTeam/{desk.care_team.pk}"
    read = system.get(f"/CarePlan/{plan['id']}")
    assert read.json() == plan
    with row_security.acting_as(internal("test")):
        assert AuditEvent.objects.filter(operation="fhir.read", patient_id=desk.patient_id).exists()


def test_goals_come_with_their_plan_and_follow_its_approval(desk, system):
    found = plan_of(system, desk, "&_include=CarePlan:goal&_include=CarePlan:patient")
    kinds = sorted(each["resource"]["resourceType"] for each in found["entry"])
    assert kinds == ["CarePlan", "Goal", "Goal", "Patient"]
    ask = f"/Goal?patient={desk.patient_id}"
    proposed = system.get(f"{ask}&lifecycle-status=proposed").json()["entry"]
    assert len(proposed) == 2
    first = proposed[0]["resource"]
    assert first["description"]["text"] == "Marcher"
    assert first["target"] == [{"measure": {"text": "jusqu’au marché"}, "dueDate": "2026-12-31"}]
    desk.propose()
    desk.approve()
    assert plan_of(system, desk, "&status=active")["entry"]
    assert "entry" not in plan_of(system, desk, "&status=draft")
    assert "entry" not in system.get(f"{ask}&lifecycle-status=proposed").json()
    assert len(system.get(f"{ask}&lifecycle-status=active").json()["entry"]) == 2
    assert len(system.get(f"{ask}&target-date=2026-12").json()["entry"]) == 1
    assert "entry" not in system.get(f"{ask}&target-date=lt2026-12-01").json()
    goal = first["id"]
    assert len(plan_of(system, desk, f"&goal=Goal/{goal}")["entry"]) == 1


def test_the_pages_of_a_search_follow_each_other(desk, system):
    first = system.get(f"/Goal?patient={desk.patient_id}&_count=1").json()
    assert len(first["entry"]) == 1
    [following] = [each["url"] for each in first["link"] if each["relation"] == "next"]
    second = system.get("/" + following.split("/fhir/", 1)[1]).json()
    assert second["entry"][0]["resource"]["id"] != first["entry"][0]["resource"]["id"]


def test_the_requests_of_support_are_linked(desk, system):
    world = desk.world
    row = support.request_support(
        actor=world.actor("gp"),
        now=NOW,
        patient=desk.care_team.patient,
        addressee=world.places["dac"],
        gesture=uuid.uuid4(),
        reason="discharge",
        text="Vit seule.",
        consent_given_by="person",
    )
    plan = plan_of(system, desk)["entry"][0]["resource"]
    assert plan["supportingInfo"] == [{"reference": f"ServiceRequest/{row.pk}"}]
    assert system.get(f"/CarePlan/{plan['id']}/_history/3").json() == plan


def test_the_history_tells_each_version_as_it_was(desk, system):
    plan = plan_of(system, desk)["entry"][0]["resource"]
    told = system.get(f"/CarePlan/{plan['id']}/_history").json()["entry"]
    assert [each["resource"]["meta"]["versionId"] for each in told] == ["3", "2", "1"]
    second = system.get(f"/CarePlan/{plan['id']}/_history/2").json()
    assert [each["code"]["text"] for each in second["contained"]] == ["Se déplacer"]
    assert system.get(f"/CarePlan/{plan['id']}/_history/9").status_code == 404
    operations.record_progress(
        actor=desk.actor,
        now=NOW,
        patient_id=desk.patient_id,
        kind="goal",
        part_id=desk.entry.goal_id,
        status="completed",
    )
    goal = system.get(f"/Goal/{desk.entry.goal_id}").json()
    assert (goal["lifecycleStatus"], goal["achievementStatus"]["coding"][0]["code"]) == (
        "completed",
        "achieved",
    )
    versions = system.get(f"/Goal/{desk.entry.goal_id}/_history").json()["entry"]
    assert versions[0]["resource"]["meta"]["versionId"] == goal["meta"]["versionId"]
    assert versions[-1]["resource"]["lifecycleStatus"] == "proposed"


def test_nobody_lists_plans_nor_reads_those_of_others(desk, system, stranger):
    assert system.get("/CarePlan").status_code == 400
    assert system.get("/Goal?lifecycle-status=active").status_code == 400
    plan = plan_of(system, desk)["entry"][0]["resource"]
    assert stranger.get(f"/CarePlan/{plan['id']}").status_code == 404
    assert stranger.get(f"/CarePlan/{plan['id']}/_history").status_code == 404
    assert stranger.get(f"/Goal/{desk.entry.goal_id}").status_code == 404
    assert "entry" not in plan_of(stranger, desk)
    assert system.post("/CarePlan", plan).status_code in (404, 405)


def test_a_social_system_reads_no_medical_need(world, make_system):
    desk = factories.begin(world)
    desk.add(need="Se déplacer", domain="autonomy", goal="Marcher", action="Kiné")
    hidden = desk.add(need="Diabète", domain="health", goal="Équilibrer", action="Surveiller")
    with row_security.acting_as(internal("test"), now=NOW, operation="test"):
        grants.grant(
            organization_key(world.places["social"].pk),
            patient_id=desk.patient_id,
            level=Level.READ,
            source="system",
            now=NOW - timedelta(days=1),
            categories=DataCategory.SOCIAL,
        )
    social = make_system("social")
    text = json.dumps(plan_of(social, desk, "&_include=CarePlan:goal"))
    assert "placer" in text
    assert "Diab" not in text
    assert "quilibrer" not in text
    assert social.get(f"/Goal/{hidden.goal_id}").status_code == 404
    assert social.get(f"/Goal/{hidden.goal_id}/_history").status_code == 404
    told = social.get(f"/CarePlan?patient={desk.patient_id}").json()["entry"][0]["resource"]
    assert "Diab" not in json.dumps(social.get(f"/CarePlan/{told['id']}/_history").json())


def test_what_is_removed_is_read_no_more(desk, system):
    desk.do(operations.remove_part, kind="goal", part_id=desk.entry.goal_id)
    assert system.get(f"/Goal/{desk.entry.goal_id}").status_code == 404
    plan = plan_of(system, desk)["entry"][0]["resource"]
    assert f"Goal/{desk.entry.goal_id}" not in json.dumps(plan)


def test_a_longer_plan_costs_no_more_queries(desk, system):
    def count():
        with CaptureQueriesContext(connection) as asked:
            plan_of(system, desk, "&_include=CarePlan:goal")
        return len(asked)

    before = count()
    desk.fill(5)
    assert count() == before <= 14
