"""The pages of the plan: written, proposed and approved with plain posts; the swap is the page."""

import re
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from carbet.coordination.care_plans import operations, queries, rules
from carbet.coordination.care_plans.tests import factories
from carbet.core import row_security
from carbet.core.actor import internal
from carbet.core.models import AuditEvent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(world, monkeypatch):
    """Let requests happen when the world says."""
    monkeypatch.setattr("carbet.core.clock.now", lambda: world.now)


def url(name, care_team, **more):
    return reverse(f"care_plans:{name}", kwargs={"patient_id": care_team.patient_id, **more})


def as_member(sign_in, world, key):
    return sign_in(world.accounts[key], role=world.roles[key])


def fragment(page, name):
    """Return one element of a page, without what is drawn anew at each rendering."""
    start = page.index(f'<div id="{name}"')
    depth, end = 0, start
    for mark in re.finditer(r"<(/?)div\b[^>]*>", page[start:]):
        depth += -1 if mark.group(1) else 1
        if depth == 0:
            end = start + mark.end()
            break
    return re.sub(r'name="(gesture|csrfmiddlewaretoken)" value="[^"]*"', "", page[start:end])


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


def queries_of(client, where):
    """Return what a page asks the database, without the transaction of the test itself."""
    with CaptureQueriesContext(connection) as captured:
        assert client.get(where).status_code == 200
    return [one["sql"] for one in captured if "SAVEPOINT" not in one["sql"]]


def test_pages_stay_within_eight_queries_whatever_the_size(world, sign_in):
    desk = factories.begin(world)
    desk.fill(1)
    desk.propose()
    desk.approve()
    counted = {}
    for needs in (1, 30):
        desk.fill(max(1, needs - len(desk.plan().content.needs)))
        desk.propose()
        for key, name, more in (
            ("gp", "detail", {}),
            ("coordinator", "detail", {}),
            ("coordinator", "edit", {}),
            ("nurse", "versions", {}),
            ("nurse", "version", {"number": 1}),
            ("nurse", "pdf", {}),
            ("coordinator", "review", {}),
            ("coordinator", "agree", {}),
        ):
            asked = queries_of(as_member(sign_in, world, key), url(name, desk.care_team, **more))
            counted.setdefault((key, name), []).append(len(asked))
    assert {pair for pair, (few, many) in counted.items() if few != many} == set()
    assert max(many for _, many in counted.values()) <= 8, counted


def test_what_is_new_costs_no_more_than_the_budget(world, sign_in):
    desk = factories.begin(world)
    desk.fill(1)
    client = as_member(sign_in, world, "nurse")
    client.get(url("detail", desk.care_team))
    world.later(hours=2)
    desk.add(need="Souffler un peu")
    # The longest way: changes to tell, and a doctor to choose.
    assert len(queries_of(client, url("detail", desk.care_team))) <= 8
    page = client.get(url("detail", desk.care_team)).content.decode()
    assert "Depuis votre dernière visite" in page
    assert "Souffler un peu" in page.split("Depuis votre dernière visite")[1].split("</ul>")[0]
    world.later(hours=2)
    page = client.get(url("detail", desk.care_team)).content.decode()
    assert "Depuis votre dernière visite" not in page


@pytest.mark.parametrize("key", ["other_gp", "social_worker", "operator"])
@pytest.mark.parametrize("name", ["detail", "edit", "versions", "pdf"])
def test_whoever_stands_outside_finds_no_plan(world, sign_in, key, name):
    desk = factories.begin(world)
    answer = as_member(sign_in, world, key).get(url(name, desk.care_team))
    assert answer.status_code in ({404} if key != "operator" or name != "edit" else {403})


def test_a_home_help_reads_and_marks_but_does_not_write(world, sign_in):
    desk = factories.begin(world, "home_help")
    entry = desk.add(
        need="Bouger", domain="participation", goal="Marcher", action="Accompagner au marché"
    )
    desk.add(need="Détendre le bras", goal="S’habiller seule", action="Toxine")
    client = as_member(sign_in, world, "home_help")
    page = client.get(url("detail", desk.care_team)).content.decode()
    assert "Accompagner au marché" in page
    assert "Toxine" not in page
    assert "Détendre" not in page
    assert "Modifier" not in page
    assert client.get(url("edit", desk.care_team)).status_code == 403
    answer = client.post(
        url("progress", desk.care_team), {"do": f"completed-action-{entry.action_id}"}
    )
    assert answer.status_code == 302
    assert desk.plan().content.needs[0].goals[0].actions[0].status == "completed"


def test_the_swapped_editor_is_the_reloaded_editor(world, sign_in):
    desk = factories.begin(world)
    desk.fill(1)
    client = as_member(sign_in, world, "coordinator")
    swapped = client.post(
        url("add_entry", desk.care_team),
        typed(desk.plan(), need="Souffler", goal="Un après-midi", action="Relais"),
        headers={"HX-Request": "true"},
    ).content.decode()
    goal = desk.plan().content.needs[-1].goals[0]
    reloaded = client.get(
        url("edit", desk.care_team), {"ouvert": f"suite-{goal.id}"}
    ).content.decode()
    assert "<html" not in swapped
    assert fragment(swapped, "editor") == fragment(reloaded, "editor")
    # The next action goes under the goal just written: the keyboard is already there.
    assert re.search(r'name="action"[^>]*autofocus', swapped)


def test_the_swapped_tree_is_the_reloaded_tree(world, sign_in):
    desk = factories.begin(world)
    entry = desk.add(need="Bouger", goal="Marcher", action="Kiné")
    client = as_member(sign_in, world, "nurse")
    swapped = client.post(
        url("progress", desk.care_team),
        {"do": f"in-progress-action-{entry.action_id}"},
        headers={"HX-Request": "true"},
    ).content.decode()
    reloaded = client.get(url("detail", desk.care_team)).content.decode()
    assert fragment(swapped, "plan-tree") == fragment(reloaded, "plan-tree")
    assert "En cours" in swapped


def test_two_people_editing_one_line_lose_nothing(world, sign_in):
    desk = factories.begin(world)
    entry = desk.add(need="Bouger", goal="Marcher", action="Kiné")
    read = desk.plan()
    others = {"text": "Kiné", "responsible_id": desk.members["physio"]}
    others |= {"frequency": "", "start_on": None, "due_on": None}
    desk.do(operations.change_part, kind=rules.ACTION, part_id=entry.action_id, **others)
    client = as_member(sign_in, world, "nurse")
    where = url("change_action", desk.care_team, action_id=entry.action_id)
    lines = {"revision": read.revision, "text": "Kiné, à domicile", "frequency": "2 fois"}
    # Other fields: both are kept, nobody is stopped.
    assert client.post(where, lines).status_code == 302
    [action] = desk.plan().content.needs[0].goals[0].actions
    assert (action.text, action.frequency) == ("Kiné, à domicile", "2 fois")
    assert action.responsible_id == desk.members["physio"]


def test_the_same_field_twice_is_shown_twice_and_chosen_by_a_person(world, sign_in):
    desk = factories.begin(world)
    entry = desk.add(need="Bouger", goal="Marcher", action="Kiné")
    read = desk.plan()
    desk.do(
        operations.change_part,
        kind=rules.ACTION,
        part_id=entry.action_id,
        text="Kiné au cabinet",
    )
    client = as_member(sign_in, world, "nurse")
    where = url("change_action", desk.care_team, action_id=entry.action_id)
    mine = {"text": "Kiné à domicile", "frequency": "2 fois"}
    answer = client.post(where, mine | {"revision": read.revision})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Kiné au cabinet" in page
    assert 'value="Kiné à domicile"' in page
    assert 'name="garder-text"' in page
    assert desk.plan().content.needs[0].goals[0].actions[0].text == "Kiné au cabinet"
    again = mine | {"revision": desk.plan().revision, "leur-text": "Kiné au cabinet"}
    undecided = client.post(where, again)
    assert undecided.status_code == 422
    assert "Choisissez ce qui est gardé." in undecided.content.decode()
    assert client.post(where, again | {"garder-text": "leur"}).status_code == 302
    [action] = desk.plan().content.needs[0].goals[0].actions
    assert (action.text, action.frequency) == ("Kiné au cabinet", "2 fois")


def test_a_line_removed_meanwhile_gives_back_what_was_typed(world, sign_in):
    desk = factories.begin(world)
    entry = desk.add(need="Bouger", goal="Marcher", action="Kiné")
    read = desk.plan()
    desk.do(operations.remove_part, kind=rules.ACTION, part_id=entry.action_id)
    answer = as_member(sign_in, world, "nurse").post(
        url("change_action", desk.care_team, action_id=entry.action_id),
        {"revision": read.revision, "text": "Kiné, chaque lundi"},
    )
    assert answer.status_code == 422
    assert "Kiné, chaque lundi" in answer.content.decode()


def test_a_quick_entry_refused_keeps_its_text_beside_the_reason(world, sign_in):
    desk = factories.begin(world)
    answer = as_member(sign_in, world, "coordinator").post(
        url("add_entry", desk.care_team), typed(desk.plan(), need="Bouger", action="Kiné")
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Dites quel objectif cette action sert." in page
    assert 'value="Bouger"' in page


def test_a_part_taken_out_is_put_back_with_plain_posts(world, sign_in):
    desk = factories.begin(world)
    entry = desk.add(need="Bouger", goal="Marcher", action="Kiné")
    client = as_member(sign_in, world, "coordinator")
    page = client.post(
        url("arrange", desk.care_team),
        {"revision": desk.plan().revision, "do": f"remove-goal-{entry.goal_id}"},
        follow=True,
    ).content.decode()
    assert "Annuler le retrait : Marcher" in page
    client.post(
        url("arrange", desk.care_team),
        {"revision": desk.plan().revision, "do": f"restore-goal-{entry.goal_id}"},
    )
    assert desk.plan().content.needs[0].goals[0].text == "Marcher"


def test_a_part_of_another_plan_is_not_found(world, sign_in):
    desk = factories.begin(world)
    other = factories.begin(world, birth_family="Autre", used_family="")
    entry = other.add(need="Autre besoin")
    answer = as_member(sign_in, world, "coordinator").post(
        url("change_need", desk.care_team, need_id=entry.need_id),
        {"revision": 1, "text": "À moi", "domain": "health"},
    )
    assert answer.status_code == 404
    assert other.plan().content.needs[0].text == "Autre besoin"


def test_the_draft_and_the_version_in_force_both_print(world, sign_in):
    desk = factories.begin(world)
    desk.fill(1)
    desk.propose()
    desk.approve()
    desk.add(need="Souffler")
    client = as_member(sign_in, world, "nurse")
    page = client.get(url("detail", desk.care_team)).content.decode()
    assert "Modifié depuis l’approbation" in page
    for where in (url("pdf", desk.care_team), url("pdf", desk.care_team) + "?version=1"):
        answer = client.get(where)
        assert answer["Content-Type"] == "application/pdf"
        assert answer["Content-Disposition"] == 'inline; filename="plan-personnalise.pdf"'
    assert client.get(url("pdf", desk.care_team) + "?version=7").status_code == 404


def test_the_doctor_comments_without_deciding_with_plain_posts(world, sign_in):
    desk = factories.begin(world)
    desk.fill(1)
    desk.propose()
    gp = as_member(sign_in, world, "gp")
    page = gp.get(url("detail", desk.care_team)).content.decode()
    assert "Commenter sans décider" in page
    sent = {
        "revision": desk.plan().revision,
        "decision": "comment",
        "gesture": str(uuid.uuid4()),
        "comment": "",
    }
    answer = gp.post(url("decide", desk.care_team), sent)
    assert answer.status_code == 422
    assert "Écrivez votre commentaire." in answer.content.decode()
    sent["comment"] = "Et la vue <b>?"
    for _ in range(2):
        page = gp.post(url("decide", desk.care_team), sent, follow=True).content.decode()
    assert "le plan attend toujours" in page
    assert page.count("Et la vue &lt;b&gt;?") == 1
    assert desk.plan().status == "proposed"
    coordinator = as_member(sign_in, world, "coordinator")
    assert "Et la vue" in coordinator.get(url("detail", desk.care_team)).content.decode()
    desk.approve()
    for name, more in (("version", {"number": 1}), ("detail", {})):
        page = coordinator.get(url(name, desk.care_team, **more)).content.decode()
        assert ("Et la vue" in page) is (name == "version")


@pytest.mark.parametrize("text", ["\x00", "x" * 20_000, "\ud800"])
def test_a_comment_that_cannot_be_kept_is_refused_at_its_field(world, sign_in, text):
    desk = factories.begin(world)
    desk.fill(1)
    desk.propose()
    sent = {"revision": desk.plan().revision, "decision": "comment", "comment": text}
    body = "&".join(f"{key}={value}" for key, value in sent.items()).encode(
        "utf-8", "surrogatepass"
    )
    answer = as_member(sign_in, world, "gp").post(
        url("decide", desk.care_team), body, content_type="application/x-www-form-urlencoded"
    )
    # A lone surrogate never reaches the form: the browser's bytes are read with replacement.
    assert answer.status_code == (302 if text == "\ud800" else 422)
    assert (desk.plan().status, desk.plan().revision) == ("proposed", sent["revision"])


def test_versions_are_read_and_compared(world, sign_in):
    desk = factories.begin(world)
    for number in (1, 2):
        desk.fill(1)
        desk.propose()
        assert desk.approve().number == number
    client = as_member(sign_in, world, "nurse")
    assert "Version 2" in client.get(url("versions", desk.care_team)).content.decode()
    first = client.get(url("version", desk.care_team, number=1)).content.decode()
    assert "version 1" in first
    compared = client.get(url("compare", desk.care_team), {"de": 1, "a": 2}).content.decode()
    assert "Besoin ajouté" in compared
    assert client.get(url("compare", desk.care_team), {"de": "x"}).status_code == 302
    assert client.get(url("version", desk.care_team, number=9)).status_code == 404


def test_versions_stand_side_by_side_field_by_field(world, sign_in):
    desk = factories.begin(world)
    entry = desk.add(need="Bouger", goal="Marcher", action="Kiné")
    desk.propose()
    desk.approve()
    desk.do(operations.change_part, kind=rules.ACTION, part_id=entry.action_id, text="Vélo")
    desk.propose()
    desk.approve()
    page = (
        as_member(sign_in, world, "nurse")
        .get(url("compare", desk.care_team), {"de": 1, "a": 2})
        .content.decode()
    )
    assert re.search(r"<s><bdi[^>]*>Kiné</bdi></s>", page)
    assert re.search(r"<strong><bdi[^>]*>Vélo</bdi></strong>", page)


def test_what_the_person_says_is_of_what_was_read_to_them(world, sign_in):
    desk = factories.begin(world)
    desk.fill(1)
    client = as_member(sign_in, world, "nurse")
    page = client.get(url("agree", desk.care_team))
    assert page.status_code == 200
    said = {"decision": "partly", "given_by": "person", "words": "", "on": ""}
    said["revision"] = desk.plan().revision
    answer = client.post(url("agree", desk.care_team), said)
    assert answer.status_code == 422
    assert "Écrivez ses réserves" in answer.content.decode()
    said["words"] = "Pas le samedi."
    desk.add(need="Autre besoin")
    assert client.post(url("agree", desk.care_team), said).status_code == 422
    said["revision"] = desk.plan().revision
    assert client.post(url("agree", desk.care_team), said).status_code == 302
    assert desk.plan().is_agreed_as_it_stands
    assert "Pas le samedi." in client.get(url("detail", desk.care_team)).content.decode()
    desk.add(need="Encore un")
    page = client.get(url("detail", desk.care_team)).content.decode()
    assert "son accord est à redemander" in page


def test_a_review_carries_over_what_goes_on(world, sign_in):
    desk = factories.begin(world)
    done = desk.add(need="Droits", domain="rights", goal="Carte Vitale", action="Dossier")
    goes = desk.add(need="Bouger", goal="Marcher", action="Kiné")
    desk.propose()
    desk.approve()
    client = as_member(sign_in, world, "coordinator")
    page = client.get(url("review", desk.care_team)).content.decode()
    assert "Carte Vitale" in page
    typed_in = {
        "revision": desk.plan().revision,
        "gesture": str(uuid.uuid4()),
        f"goal-{done.goal_id}": "reached",
        f"note-{done.goal_id}": "Reçue le 12",
        f"goal-{goes.goal_id}": "continued",
        f"note-{goes.goal_id}": "",
        "conclusion": "Va mieux.",
        "present": "La personne",
        "next_review_on": "",
    }
    answer = client.post(url("review", desk.care_team), typed_in)
    assert answer.status_code == 422
    assert "Dites quand revoir ce qui continue." in answer.content.decode()
    typed_in["next_review_on"] = "2027-02-22"
    for _ in range(2):
        assert client.post(url("review", desk.care_team), typed_in).status_code == 302
    plan = desk.plan()
    assert [need.text for need in plan.content.needs] == ["Bouger"]
    assert plan.content.review_due_on.isoformat() == "2027-02-22"
    assert plan.status == "draft"
    page = client.get(url("versions", desk.care_team)).content.decode()
    assert page.count("Reçue le 12") == 1


def test_reading_and_printing_leave_a_trace(world, sign_in):
    desk = factories.begin(world)
    client = as_member(sign_in, world, "nurse")
    client.get(url("detail", desk.care_team))
    client.get(url("pdf", desk.care_team))
    with row_security.acting_as(internal("test")):
        left = set(
            AuditEvent.objects.filter(
                patient_id=desk.patient_id, role_id=world.roles["nurse"].pk
            ).values_list("operation", flat=True)
        )
    assert left == {"care_plan.read", "care_plan.print"}


def test_no_page_title_names_the_person(world, sign_in):
    desk = factories.begin(world)
    client = as_member(sign_in, world, "coordinator")
    for name in ("detail", "edit", "versions"):
        page = client.get(url(name, desk.care_team)).content.decode()
        title = re.search(r"<title>(.*?)</title>", page, re.DOTALL).group(1)
        assert "lan" in title
        assert "Montgénie" not in title


def test_a_plan_that_waits_can_be_proposed_to_another_doctor(world, sign_in):
    desk = factories.begin(world, "other_gp")
    desk.fill(1)
    desk.propose()
    client = as_member(sign_in, world, "coordinator")
    assert (
        "Demander à quelqu’un d’autre" in client.get(url("detail", desk.care_team)).content.decode()
    )
    client.post(
        url("propose", desk.care_team),
        {"revision": desk.plan().revision, "approver": world.roles["other_gp"].pk},
    )
    assert desk.plan().approver.name == "Paul Kouyouri"
    former = as_member(sign_in, world, "gp").post(
        url("decide", desk.care_team),
        {"revision": desk.plan().revision, "decision": "approve", "comment": ""},
    )
    assert former.status_code == 422
    assert desk.plan().latest is None
