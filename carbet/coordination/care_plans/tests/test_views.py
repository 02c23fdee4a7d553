"""The pages of the plan: written, proposed and approved with plain posts; the swap is the page."""

import uuid

import pytest
from django.urls import reverse

from carbet.coordination.care_plans import queries
from carbet.core import row_security

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(world, monkeypatch):
    """Let requests happen when the world says."""
    monkeypatch.setattr("carbet.core.clock.now", lambda: world.now)


def url(name, care_team, **more):
    return reverse(f"care_plans:{name}", kwargs={"patient_id": care_team.patient_id, **more})


def standing(world, care_team, key="gp"):
    with row_security.acting_as(world.actor(key), now=world.now):
        return queries.get_plan(patient_id=care_team.patient_id)


def typed(plan, **lines):
    return {"revision": plan.revision, "gesture": str(uuid.uuid4()), "opened": "", **lines}


def test_a_plan_is_written_proposed_and_approved_with_plain_posts(world, sign_in):
    care_team = world.circle("coordinator", "nurse", "physio")
    client = sign_in(world.accounts["coordinator"], role=world.roles["coordinator"])
    empty = client.get(url("detail", care_team))
    assert "Commencer le plan" in empty.content.decode()
    begun = client.post(url("create", care_team), follow=True)
    assert "Saisie rapide" in begun.content.decode()
    plan = standing(world, care_team)
    page = client.post(
        url("add_entry", care_team),
        typed(plan, need="Se déplacer", goal="Marcher", action="Kiné", frequency="2 fois"),
        follow=True,
    ).content.decode()
    assert "Se déplacer" in page
    assert "Kiné" in page
    plan = standing(world, care_team)
    assert plan.revision == 2
    answer = client.post(
        url("propose", care_team), {"revision": 2, "approver": world.roles["gp"].pk}, follow=True
    )
    assert "Plan proposé à Yann Le Bihan" in answer.content.decode()
    client = sign_in(world.accounts["gp"], role=world.roles["gp"])
    assert (
        "Ce plan attend votre approbation" in client.get(url("detail", care_team)).content.decode()
    )
    answer = client.post(
        url("decide", care_team), {"revision": 2, "decision": "approve", "comment": ""}, follow=True
    )
    assert "version 1" in answer.content.decode()
    assert client.get(url("pdf", care_team)).content.startswith(b"%PDF")
