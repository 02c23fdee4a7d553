"""The personal space opens to the person and to relatives, and closes at once."""

import pytest
from django.urls import reverse

from carbet.coordination.care_teams import operations

pytestmark = pytest.mark.django_db


@pytest.fixture
def care_team(world):
    return world.circle()


def address(care_team):
    return reverse("care_teams:portal", args=[care_team.patient_id])


def test_the_doctor_opens_the_space_and_the_person_reads(world, sign_in, care_team):
    gp = sign_in(world.accounts["gp"], role=world.roles["gp"])
    answer = gp.post(address(care_team), {"email": "CLAIRE@carbet.test", "holder": ""})
    assert answer.status_code == 302
    assert "La personne elle-même" in gp.get(address(care_team)).content.decode()
    claire = sign_in(world.accounts["claire"])
    record = reverse("portal:record", args=[care_team.patient_id])
    assert claire.get(record).status_code == 200


def test_closing_shuts_the_record_at_once(world, sign_in, care_team):
    operations.invite_to_portal(
        actor=world.actor("gp"),
        now=world.now,
        patient=care_team.patient,
        email="claire@carbet.test",
    )
    gp = sign_in(world.accounts["gp"], role=world.roles["gp"])
    gp.post(address(care_team), {"close": world.accounts["claire"].pk})
    claire = sign_in(world.accounts["claire"])
    assert claire.get(reverse("portal:record", args=[care_team.patient_id])).status_code == 404


@pytest.mark.parametrize("email", ["nobody@carbet.test", "nurse@carbet.test"])
def test_only_a_personal_account_is_let_in(world, sign_in, care_team, email):
    gp = sign_in(world.accounts["gp"], role=world.roles["gp"])
    answer = gp.post(address(care_team), {"email": email, "holder": ""})
    assert answer.status_code == 422
    assert "Aucun compte personnel" in answer.content.decode()


def test_a_member_who_does_not_manage_cannot_open_it(world, sign_in):
    care_team = world.circle("nurse")
    nurse = sign_in(world.accounts["nurse"], role=world.roles["nurse"])
    answer = nurse.post(address(care_team), {"email": "claire@carbet.test", "holder": ""})
    assert answer.status_code == 404
