"""The circle in FHIR: what the CdS guide asks of us, and what we ask of others."""

from datetime import UTC, datetime

import pytest

from carbet.coordination.care_teams import fhir as care_teams_fhir
from carbet.coordination.care_teams import operations
from carbet.coordination.care_teams.models import CareTeam, RelatedPerson
from carbet.core import row_security

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TEAM = {
    "resourceType": "CareTeam",
    "identifier": [{"system": "urn:x", "value": "1"}],
    "status": "active",
    "name": "Cercle",
    "subject": {"reference": "Patient/1"},
    "period": {"start": "2020"},
    "participant": [{"member": {"reference": "Organization/1"}, "period": {"start": "2020-02-03"}}],
}
RELATIVE = {
    "resourceType": "RelatedPerson",
    "identifier": [{"use": "temp", "system": "urn:x", "value": "1"}],
    "patient": {"reference": "Patient/1"},
    "relationship": [
        {"coding": [{"system": care_teams_fhir.ROLE_CLASSES, "code": "ECON"}]},
        {"coding": [{"system": care_teams_fhir.TIES, "code": "DAUC"}]},
    ],
    "name": [{"family": "Montgénie", "given": ["Anne"]}],
    "telecom": [{"system": "phone", "value": "0694000000"}],
}


def errors(read):
    return [(each.code, each.expression) for each in read.issues if each.severity == "error"]


def read(**changes):
    team = {name: value for name, value in (TEAM | changes).items() if value is not None}
    return care_teams_fhir.read_care_team(team, "CareTeam", now=NOW)


@pytest.mark.django_db
def test_a_circle_of_the_screens_is_what_the_guide_asks(world):
    care_team = world.circle("nurse")
    with row_security.acting_as(world.actor("gp"), now=world.now):
        [resource] = care_teams_fhir.care_teams(CareTeam.objects.filter(pk=care_team.pk))
    assert resource["meta"]["profile"] == [care_teams_fhir.CARE_TEAM]
    assert len(resource["identifier"]) == 1
    assert resource["subject"] == {"reference": f"Patient/{care_team.patient_id}"}
    assert {"status", "name", "period"} <= resource.keys()
    assert [stay["member"] for stay in resource["participant"]] == [
        {"reference": f"PractitionerRole/{world.roles[key].pk}"} for key in ("gp", "nurse")
    ]
    assert resource["participant"][0]["role"] == [
        {"coding": [{"system": care_teams_fhir.PARTICIPATION, "code": "PCP"}]}
    ]
    assert all("start" in stay["period"] for stay in resource["participant"])


@pytest.mark.django_db
def test_who_may_not_enter_reads_no_circle_in_fhir(world):
    world.circle("nurse")
    with row_security.acting_as(world.actor("other_gp"), now=world.now):
        assert care_teams_fhir.care_teams(CareTeam.objects.all()) == []
        assert care_teams_fhir.related_persons(RelatedPerson.objects.all()) == []


@pytest.mark.parametrize("name", ["identifier", "status", "name", "subject", "period"])
def test_what_the_guide_makes_mandatory(name):
    assert ("required", f"CareTeam.{name}") in errors(read(**{name: None}))


@pytest.mark.parametrize(
    ("participant", "code", "where"),
    [
        ({"period": {"start": "2020"}}, "required", "member"),
        ({"member": {"reference": "x/1"}}, "required", "period.start"),
        ({"member": {"reference": "x/1"}, "period": {"end": "2020"}}, "required", "period.start"),
        (
            {"member": {"reference": "x/1"}, "period": {"start": "2020", "end": "2019"}},
            "invariant",
            "period.end",
        ),
        (
            {
                "member": {"reference": "x/1"},
                "period": {"start": "2020"},
                "role": [{"coding": [{"system": care_teams_fhir.PARTICIPATION, "code": "ZZZ"}]}],
            },
            "code-invalid",
            "role[0]",
        ),
    ],
)
def test_a_participant_that_is_wrong(participant, code, where):
    assert errors(read(participant=[participant])) == [(code, f"CareTeam.participant[0].{where}")]


def test_a_day_ends_with_its_last_moment():
    period = {"start": "2020-02-03", "end": "2020-02-03"}
    [stay] = read(participant=[{"member": {"reference": "x/1"}, "period": period}]).stays
    assert (stay.ended_at - stay.started_at).total_seconds() == 86400
    assert (
        care_teams_fhir.care_team(
            {
                "id": 1,
                "patient_id": 1,
                "status": "active",
                "name": "x",
                "identifier_system": "",
                "identifier_value": "",
                "started_at": stay.started_at,
                "started_precision": "day",
                "ended_at": stay.ended_at,
                "ended_precision": "day",
                "managing_organization_id": None,
                "updated_at": NOW,
                "version": 1,
            },
            [],
        )["period"]
        == period
    )


@pytest.mark.parametrize("code", ["PCP", "ECON", "330", "353", "NOK", ""])
def test_roles_keep_their_system(code):
    role = [care_teams_fhir.role(code)] if code else []
    member = {"member": {"reference": "x/1"}, "period": {"start": "2020"}}
    [stay] = read(participant=[member | ({"role": role} if role else {})]).stays
    assert stay.role == code


def test_a_relative():
    found = care_teams_fhir.read_related_person(RELATIVE, "RelatedPerson")
    assert found.issues == []
    assert found.fields == {
        "identifier_system": "urn:x",
        "identifier_value": "1",
        "identifier_use": "temp",
        "role": "ECON",
        "relationship": "DAUC",
        "family": "Montgénie",
        "given": "Anne",
        "phone": "0694000000",
        "capacity": "",
        "gender": "",
    }


@pytest.mark.parametrize("name", ["identifier", "relationship", "name", "telecom"])
def test_what_the_guide_makes_mandatory_of_a_relative(name):
    relative = {key: value for key, value in RELATIVE.items() if key != name}
    found = care_teams_fhir.read_related_person(relative, "RelatedPerson")
    assert errors(found) == [("required", f"RelatedPerson.{name}")]


@pytest.mark.django_db
def test_a_relative_who_speaks_for_the_person_says_so_and_is_read_back(world):
    care_team = world.circle()
    operations.add_related_person(
        actor=world.actor("gp"),
        now=world.now,
        care_team=care_team,
        family="Aluku",
        given="Josette",
        role="NOK",
        relationship="DAUC",
        phone="0694123456",
        capacity="tutor",
    )
    with row_security.acting_as(world.actor("gp"), now=world.now):
        [said] = care_teams_fhir.related_persons(RelatedPerson.objects.all())
    guardian = {"system": care_teams_fhir.ROLE_CLASSES, "code": "GUARD"}
    assert guardian in said["relationship"][-1]["coding"]
    back = care_teams_fhir.read_related_person(said, "RelatedPerson")
    assert not back.issues
    assert (back.fields["role"], back.fields["relationship"]) == ("NOK", "DAUC")
    assert back.fields["capacity"] == "tutor"
