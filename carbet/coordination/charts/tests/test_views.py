"""The record in brief: what is new, who wrote what when, and what it costs."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.notebook import operations as notebook
from carbet.core import clock, grants, row_security
from carbet.core.actor import Level, internal
from carbet.registries.patients.access import patients_open_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def care_team(world):
    return world.circle("nurse", "home_help")


def address(care_team):
    return reverse("charts:detail", args=[care_team.patient_id])


def person(world, key, care_team):
    with row_security.acting_as(world.actor(key), now=world.now):
        return patients_open_to(world.actor(key), now=world.now).get(pk=care_team.patient_id)


def write(world, care_team, key="nurse", **said):
    now = said.pop("now", world.now)
    return notebook.write_note(
        actor=world.actor(key),
        now=now,
        patient=person(world, key, care_team),
        kind=said.pop("kind", "OBS"),
        text=said.pop("text", "Pansement refait"),
        gesture=uuid.uuid4(),
        **said,
    )


@pytest.fixture
def visit(world, sign_in, monkeypatch):
    """Open the record at a moment, as a role."""

    def visit(care_team, key="gp", at=None):
        monkeypatch.setattr(clock, "now", lambda: at or world.now)
        return sign_in(world.accounts[key], role=world.roles[key]).get(address(care_team))

    return visit


def test_the_first_visit_marks_nothing(world, care_team, visit):
    write(world, care_team)
    page = visit(care_team, at=world.later(minutes=5))
    assert page.context["since"] is None
    assert "Nouveau" not in page.content.decode()
    assert "Inès Robeiri" in page.content.decode()


def test_what_others_wrote_since_my_last_visit_is_new(world, care_team, visit):
    write(world, care_team, text="Avant", now=world.later(minutes=1))
    visit(care_team, at=world.later(hours=1))
    write(world, care_team, "gp", text="De moi", now=world.later(hours=1))
    write(world, care_team, text="Après", now=world.later(minutes=1))
    page = visit(care_team, at=world.later(hours=1))
    assert [line.new for line in page.context["lines"]] == [True, False, False]
    assert page.context["news"].entries == 1
    assert "Déjà là lors de votre dernière visite" in page.content.decode()


def test_a_visit_lasts_half_an_hour(world, care_team, visit):
    visit(care_team, at=world.now)
    assert visit(care_team, at=world.later(minutes=29)).context["since"] is None
    assert visit(care_team, at=world.later(minutes=2)).context["since"] is not None


def test_a_new_urgent_note_stands_first(world, care_team, visit):
    visit(care_team, at=world.now)
    write(world, care_team, text="Tension 178/102", urgent=True, now=world.later(hours=1))
    page = visit(care_team, at=world.later(minutes=1)).content.decode()
    assert "Note urgente" in page
    assert page.index("Tension 178/102") < page.index("Dernières entrées")


def test_measures_of_one_visit_are_one_entry_with_their_units(world, care_team, visit):
    notebook.record_measures(
        actor=world.actor("nurse"),
        now=world.later(minutes=1),
        patient=person(world, "nurse", care_team),
        values={"85354-9": (142, 86), "29463-7": (68,)},
        gesture=uuid.uuid4(),
    )
    page = visit(care_team, at=world.later(minutes=1))
    [shown] = page.context["lines"]
    assert {(line.value, line.unit) for line in shown.together} == {
        ("142/86", "mmHg"),
        ("68", "kg"),
    }
    assert "142/86" in page.content.decode()


def test_a_new_member_is_news(world, care_team, visit):
    visit(care_team, at=world.now)
    care_teams.add_participant(
        actor=world.actor("gp"),
        now=world.later(hours=1),
        care_team=care_team,
        practitioner_role=world.roles["physio"],
    )
    assert visit(care_team, at=world.later(minutes=1)).context["news"].members == 1


@pytest.mark.parametrize("number", [1, 30])
def test_the_record_costs_the_same_whatever_it_holds(world, care_team, visit, client, number):
    for rank in range(number):
        write(world, care_team, text=f"n{rank}", now=world.later(minutes=1))
    page = visit(care_team, at=world.later(minutes=1))
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address(care_team)).status_code == 200
    asked = [one["sql"] for one in captured if "SAVEPOINT" not in one["sql"]]
    assert len(asked) <= 8, asked
    assert len(page.context["lines"]) <= 8


@pytest.mark.parametrize(
    ("key", "status"),
    [
        ("gp", 200),
        ("secretary", 200),
        ("nurse", 200),
        ("home_help", 200),
        ("other_gp", 404),
        ("coordinator", 404),
    ],
)
def test_who_enters(care_team, visit, key, status):
    assert visit(care_team, key).status_code == status


def test_the_title_names_nobody(care_team, visit):
    page = visit(care_team).content.decode()
    assert "Claire" not in page[page.index("<title>") : page.index("</title>")]


def test_who_only_reads_is_not_offered_to_write(world, care_team, visit):
    with row_security.acting_as(internal("test"), operation="test"):
        grants.grant(
            f"role:{world.roles['physio'].pk}",
            patient_id=care_team.patient_id,
            level=Level.READ,
            source="test",
            now=world.now - timedelta(minutes=1),
        )
    page = visit(care_team, "physio").content.decode()
    assert "Écrire une note" not in page
    assert "Écrire une note" in visit(care_team, "nurse").content.decode()
