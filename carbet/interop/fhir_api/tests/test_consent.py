"""What persons decided about sharing, read by other systems: the latest holds, none is erased."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from carbet.coordination.care_teams import operations
from carbet.coordination.care_teams.choices import ConsentDecision, ConsentGiver
from carbet.coordination.care_teams.models import CareTeamParticipant, Consent
from carbet.core import grants, row_security
from carbet.core.actor import DataCategory, Level, internal, organization_key
from carbet.core.models import AuditEvent
from tests.world import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def circle(world):
    circle = world.circle("nurse", "home_help")
    with row_security.acting_as(internal("test"), now=NOW, operation="test"):
        grants.grant(
            organization_key(world.places["office"].pk),
            patient_id=circle.patient_id,
            level=Level.READ,
            source="system",
            now=NOW - timedelta(days=1),
        )
    return circle


def decide(world, circle, decision, **said):
    return operations.record_consent(
        actor=world.actor("gp"),
        now=world.now,
        patient=circle.patient,
        decision=decision,
        given_by=ConsentGiver.PERSON,
        gesture=uuid.uuid4(),
        **said,
    )


def found(system, circle, more=""):
    answer = system.get(f"/Consent?patient={circle.patient_id}{more}")
    assert answer.status_code == 200, answer.content.decode()
    return [each["resource"] for each in answer.json().get("entry", ())]


def test_the_latest_decision_holds_and_the_former_stays(world, system, circle):
    [given] = found(system, circle)
    assert given["status"] == "active"
    assert given["provision"] == {"type": "permit"}
    assert given["scope"]["coding"][0]["code"] == "patient-privacy"
    assert given["category"]
    assert given["policyRule"]["coding"][0]["code"] == "OPTIN"
    assert given["performer"] == [{"reference": f"Patient/{circle.patient_id}"}]
    assert given["meta"]["versionId"] == "1"
    world.later(hours=1)
    decide(world, circle, ConsentDecision.OPPOSED)
    former, latest = found(system, circle)
    assert (former["status"], former["id"]) == ("inactive", given["id"])
    assert (latest["status"], latest["provision"]) == ("active", {"type": "deny"})
    assert latest["policyRule"]["coding"][0]["code"] == "OPTOUT"
    assert [each["id"] for each in found(system, circle, "&status=active")] == [latest["id"]]
    assert [each["id"] for each in found(system, circle, "&status=inactive")] == [former["id"]]
    assert found(system, circle, "&status=draft") == []
    assert [each["id"] for each in found(system, circle, "&date=lt2000")] == []
    later = former["meta"]["lastUpdated"]
    asked = f"&_lastUpdated=ge{later[:19]}Z"
    assert {each["id"] for each in found(system, circle, asked)} == {former["id"], latest["id"]}


def test_each_version_can_be_read_again(world, system, circle):
    [given] = found(system, circle)
    world.later(hours=1)
    decide(world, circle, ConsentDecision.OPPOSED)
    history = system.get(f"/Consent/{given['id']}/_history").json()["entry"]
    told = [each["resource"] for each in history]
    assert [(each["meta"]["versionId"], each["status"]) for each in told] == [
        ("2", "inactive"),
        ("1", "active"),
    ]
    for each in told:
        version = each["meta"]["versionId"]
        assert system.get(f"/Consent/{given['id']}/_history/{version}").json() == each
    assert system.get(f"/Consent/{given['id']}/_history/3").status_code == 404


def test_its_proof_and_who_answered_are_said(world, system, circle):
    with row_security.acting_as(world.actor("gp"), now=world.now, operation="test"):
        consent = Consent.objects.get(patient_id=circle.patient_id)
    operations.prove_consent(
        actor=world.actor("gp"),
        now=world.now,
        consent=consent,
        kind="signature",
        document_id=7,
        digest="ab" * 32,
    )
    [given] = found(system, circle)
    assert given["verification"][0]["verified"] is True
    assert given["sourceReference"]["display"].endswith("ab" * 32)
    assert "url" not in str(given["sourceReference"])
    assert given["meta"]["versionId"] == "2"


def test_what_the_person_closes_to_a_member_is_an_exception(world, system, circle):
    with row_security.acting_as(world.actor("gp"), now=world.now):
        stay = CareTeamParticipant.objects.get(practitioner_role=world.roles["nurse"])
    operations.decide_scope(
        actor=world.actor("gp"),
        now=world.now,
        participant=stay,
        scope=DataCategory.MEDICAL,
        note="Dit ce matin, à domicile",
    )
    [given] = found(system, circle)
    [exception] = given["provision"]["provision"]
    assert exception["type"] == "deny"
    assert exception["actor"][0]["reference"] == {
        "reference": f"PractitionerRole/{world.roles['nurse'].pk}"
    }
    assert [each["coding"][0]["code"] for each in exception["code"]] == [
        "social",
        "administrative",
    ]


def test_nobody_lists_persons_by_their_decisions(system, circle):
    assert system.get("/Consent?status=active").status_code == 400
    assert system.get("/Consent").status_code == 400
    assert system.post("/Consent", {"resourceType": "Consent"}).status_code in (404, 405)


def test_a_reading_is_traced_and_costs_the_same_for_many(world, system, circle):
    def cost():
        with CaptureQueriesContext(connection) as captured:
            found(system, circle)
        return len(captured)

    cost()
    one = cost()
    for number in range(6):
        world.later(hours=1)
        decision = ConsentDecision.OPPOSED if number % 2 else ConsentDecision.GIVEN
        decide(world, circle, decision)
    assert cost() == one
    with row_security.acting_as(internal("test"), now=NOW):
        assert AuditEvent.objects.filter(
            operation="fhir.search", entity="Consent", patient_id=circle.patient_id
        ).exists()
