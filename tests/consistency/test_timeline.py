"""The timeline of a record: what happens in every room, each row by its own door and category."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from carbet.coordination.care_plans.models import CarePlan
from carbet.coordination.documents.models import Document
from carbet.coordination.notebook import forms, presenters, queries
from carbet.coordination.notebook.models import Note
from carbet.coordination.scheduling.models import Appointment
from carbet.core import clock, row_security, timeline
from carbet.core.actor import ANONYMOUS_ACTOR, DataCategory
from tests.consistency import scene as scenes

pytestmark = pytest.mark.django_db
KEYS = tuple(key for key, _ in timeline.choices())


@pytest.fixture
def scene(world, monkeypatch):
    """Arrange the scene, two days later: the appointment has taken place."""
    found = scenes.build(world)
    world.later(days=2)
    monkeypatch.setattr(clock, "now", lambda: world.now)
    return found


def read(scene, actor, *, now=None, **asked):
    now = now or scene.world.now
    filters = queries.Filters(**{"happenings": KEYS} | asked)
    with row_security.acting_as(actor, now=now):
        return queries.timeline(
            patient_id=scene.patient_id, limit=500, filters=filters, reader_role_id=1, now=now
        )


def write(scene, change):
    with row_security.acting_as(scenes.INTERNAL, now=scene.world.now, operation="test.write"):
        return change()


def letters(entries):
    return {entry.source for entry in entries}


def test_every_room_adds_what_happens_in_it(scene):
    def decide():
        plan = CarePlan.objects.get(patient_id=scene.patient_id)
        plan.approver_id = scene.world.roles["gp"].pk
        plan.returned_at = scene.world.now - timedelta(hours=1)
        plan.save()
        for revision in (2, 3):  # what is changed afterwards is no further decision
            plan.revision = revision
            plan.save()

    write(scene, decide)
    shown = read(scene, scenes.INTERNAL)
    assert letters(shown) == {each.letter for each in timeline.sources(KEYS)} | {"n", "m"}
    assert [entry.source for entry in shown].count("r") == 1


def test_each_relation_sees_what_row_security_opens(scene):
    everything = read(scene, scenes.INTERNAL)
    medical = {
        (entry.source, entry.pk)
        for model, source in ((Document, "d"),)
        for entry in everything
        if entry.source == source
        and write(scene, lambda e=entry, m=model: m.objects.get(pk=e.pk).category)
        == DataCategory.MEDICAL
    }
    assert medical
    for relation, actor in scenes.actors(scene).items():
        held = scenes.RELATIONS[relation]
        seen = read(scene, actor)
        if held is None:
            assert seen == [], relation
        elif held < 20:
            assert letters(seen) <= {"s"}, relation  # what the person decided of being helped
        elif relation == "home_help":
            assert not medical & {(entry.source, entry.pk) for entry in seen}
            assert "m" not in letters(seen)
            assert {"d", "e", "a", "c", "p"} <= letters(seen)
        else:
            assert len(seen) == len(everything), relation
    assert read(scene, ANONYMOUS_ACTOR) == []


@pytest.mark.parametrize("relation", ["gp", "home_help"])
def test_whatever_is_shown_opens(scene, sign_in, relation):
    client = sign_in(scene.world.accounts[relation], role=scene.world.roles[relation])
    page = client.get(reverse("notebook:list", args=[scene.patient_id])).content.decode()
    body = page.partition('id="timeline"')[2].partition("<aside")[0]
    hrefs = set(re.findall(r'class="entry-body"><a href="([^"]+)"', body))
    assert len(hrefs) >= 5
    for href in hrefs:
        assert client.get(href).status_code == 200, href


@pytest.mark.parametrize("key", KEYS)
def test_each_kind_is_asked_for_alone(scene, sign_in, key):
    client = sign_in(scene.world.accounts["gp"], role=scene.world.roles["gp"])
    where = reverse("notebook:list", args=[scene.patient_id])
    lines = client.get(where, {"type": key}).context["lines"]
    assert lines
    assert {line.id.partition("-")[0] for line in lines} <= {
        each.letter for each in timeline.sources([key])
    }


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ({"urgent": True}, set()),
        ({"words": "lettre"}, set()),
        ({"files": True}, {"d"}),
        ({"since": "before"}, {"d", "a", "e", "c", "p", "s"}),
        ({"since": "after"}, set()),
    ],
)
def test_filters_keep_what_they_say(scene, asked, left):
    moments = {"before": timedelta(days=-3), "after": timedelta(hours=1)}
    if "since" in asked:
        asked = {"since": scene.world.now + moments[asked["since"]]}
    found = letters(read(scene, scenes.INTERNAL, **asked)) - {"n", "m"}
    assert left <= found
    assert left or not found


def test_an_author_s_own(scene):
    nurse = scene.world.roles["nurse"].pk
    found = read(scene, scenes.INTERNAL, author_role_id=nurse)
    assert {"d", "e"} <= letters(found)
    assert {entry.author_role_id for entry in found} == {nurse}
    with row_security.acting_as(scenes.INTERNAL, now=scene.world.now):
        assert nurse in {role_id for role_id, _ in queries.authors(patient_id=scene.patient_id)}


def test_a_stay_is_told_when_it_begins_and_when_it_ends(scene):
    told = [
        entry.said["left"]
        for entry in read(scene, scenes.INTERNAL)
        if entry.author_role_id == scene.world.roles["physio"].pk
    ]
    assert told == [True, False]  # the latest first


def test_what_is_to_come_stands_in_the_agenda_only(scene):
    early = scene.world.now - timedelta(days=2)
    assert "a" not in letters(read(scene, scenes.INTERNAL, now=early))


def test_what_is_withdrawn_is_struck_with_its_reason(scene):
    def withdraw():
        Document.objects.update(
            status="entered-in-error", status_reason="Autre dossier", updated_at=scene.world.now
        )

    write(scene, withdraw)
    shown = [entry for entry in read(scene, scenes.INTERNAL) if entry.source == "d"]
    assert {(one.withdrawn_at, one.withdrawal_reason) for one in shown} == {
        (scene.world.now, "Autre dossier")
    }


def fill(scene, many):
    """Write as many documents, appointments and notes, several at one moment."""

    def more():
        at = [scene.world.now - timedelta(hours=each // 3 + 1) for each in range(many)]
        said = {"patient_id": scene.patient_id, "author_name": "Inès Robeiri"}
        Document.objects.bulk_create(
            Document(title=f"Lettre {n}", recorded_at=each, updated_at=each, **said)
            for n, each in enumerate(at)
        )
        Appointment.objects.bulk_create(
            Appointment(
                status="fulfilled",
                start=each,
                end=each + timedelta(minutes=5),
                created_at=each,
                updated_at=each,
                **said,
            )
            for each in at
        )
        Note.objects.bulk_create(
            Note(text=f"Passage {n}", occurred_at=each, recorded_at=each, **said)
            for n, each in enumerate(at)
        )

    write(scene, more)


def test_pages_follow_each_other_without_gap_nor_repeat(scene, sign_in):
    fill(scene, 30)
    client = sign_in(scene.world.accounts["gp"], role=scene.world.roles["gp"])
    where = reverse("notebook:list", args=[scene.patient_id])
    found, query = [], ""
    while True:
        answer = client.get(where + query)
        found += [line.id for line in answer.context["lines"]]
        query = answer.context["next"]
        if not query:
            break
    whole = read(scene, scene.world.actor("gp"))
    shown = presenters.lines(
        whole, actor=scene.world.actor("gp"), since=None, may_write=True, patient_id=1
    )
    assert found == [line.id for line in shown]
    assert len(found) == len(set(found)) > 90


def test_the_page_costs_the_same_statements_whatever_happened(scene, sign_in):
    client = sign_in(scene.world.accounts["gp"], role=scene.world.roles["gp"])
    where = reverse("notebook:list", args=[scene.patient_id])
    client.get(where)
    spent = []
    for many in (1, 40):
        fill(scene, many)
        with CaptureQueriesContext(connection) as asked:
            assert client.get(where).status_code == 200
        spent.append(sum("SAVEPOINT" not in one["sql"] for one in asked))
    assert spent == [spent[0]] * 2
    assert spent[0] <= 8


@pytest.mark.parametrize("address", ["12-z-4A", "12-d-!", "x-d-4A", "99999999999999999999-d-4A"])
def test_an_address_that_cannot_be_read_begins_at_the_first_page(address):
    from django.http import QueryDict

    assert forms.read_position(QueryDict(f"suite={address}")) is None
