"""Asking, doing, refusing: change, trace and alert together; nothing when refused."""

import uuid
from datetime import date, timedelta

import pytest

from carbet.coordination.alerts.models import Alert
from carbet.coordination.care_teams.models import CareTeamParticipant
from carbet.coordination.care_teams.operations import end_participation
from carbet.coordination.tasks import operations, queries
from carbet.coordination.tasks.choices import TaskStatus
from carbet.coordination.tasks.models import Task
from carbet.core import row_security
from carbet.core.actor import DataCategory, internal
from carbet.core.models import AuditEvent
from carbet.registries.patients.models import Patient

pytestmark = pytest.mark.django_db
HOUSE = internal("test")


@pytest.fixture
def circle(world):
    return world.circle("nurse", "physio")


@pytest.fixture
def ask(world, circle):
    """Return a function by which the doctor asks the nurse, unless said."""

    def ask(to="nurse", *, by="gp", text="Retirer les fils", **fields):
        key = world.roles[to].key if to in world.roles else to
        return operations.create_task(
            actor=world.actor(by),
            now=world.now,
            patient=circle.patient,
            owner=key,
            text=text,
            **fields,
        )

    return ask


def kept(model, **where):
    with row_security.acting_as(HOUSE):
        return list(model.objects.filter(**where).order_by("pk"))


def alerted(world, key):
    return [(a.kind, a.urgent) for a in kept(Alert, recipient=world.roles[key].key, kind="task")]


def test_asking_alerts_and_is_traced(world, ask):
    task = ask(due_on=date(2026, 11, 24), urgent=True)
    assert task.owner_name == "Inès Robeiri, Infirmière"
    assert alerted(world, "nurse") == [("task", True)]
    assert kept(AuditEvent, operation="task.create", patient_id=task.patient_id)


def test_the_same_gesture_or_source_twice_is_one_task(world, ask):
    gesture = uuid.uuid4()
    assert ask(gesture=gesture).pk == ask(gesture=gesture).pk
    assert ask(source="plan:12").pk == ask("physio", source="plan:12").pk
    assert len(kept(Task)) == 2
    assert len(alerted(world, "nurse")) == 2


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"text": "  \n "}, "text"),
        ({"text": "x" * 301}, "text"),
        ({"due_on": date(2026, 11, 21)}, "due_on"),
        ({"to": "far_nurse"}, "owner"),
        ({"to": "account:1"}, "owner"),
        ({"to": "role:x"}, "owner"),
    ],
)
def test_what_cannot_be_asked_leaves_nothing(world, ask, fields, where):
    with pytest.raises(operations.UnableToAsk) as refusal:
        ask(**fields)
    assert refusal.value.field == where
    assert kept(Task) == []
    assert alerted(world, "nurse") == []


def test_done_tells_whoever_asked(world, ask):
    task = ask()
    nurse = world.actor("nurse")
    operations.accept(actor=nurse, now=world.now, task=task)
    operations.complete(actor=nurse, now=world.later(hours=1), task=task, comment="Sans souci")
    [row] = kept(Task)
    assert (row.status, row.reason) == (TaskStatus.COMPLETED, "Sans souci")
    assert alerted(world, "gp") == [("task", False)]


@pytest.mark.parametrize("act", ["complete", "refuse", "cancel"])
def test_the_first_who_settles_wins_and_the_second_reads_it(world, ask, act):
    task = ask()
    operations.complete(actor=world.actor("nurse"), now=world.now, task=task)
    actor = world.actor("gp" if act == "cancel" else "nurse")
    words = {"complete": {}, "refuse": {"reason": "Absente"}, "cancel": {}}[act]
    with pytest.raises(operations.UnableToSettle, match=r"Déjà faite par Inès Robeiri.* à 09 h 00"):
        getattr(operations, act)(actor=actor, now=world.later(minutes=5), task=task, **words)
    assert kept(Task)[0].version == 2


def test_a_refusal_says_why(world, ask):
    task = ask()
    nurse = world.actor("nurse")
    with pytest.raises(operations.UnableToSettle) as refusal:
        operations.refuse(actor=nurse, now=world.now, task=task, reason=" ")
    assert refusal.value.field == "reason"
    operations.refuse(actor=nurse, now=world.now, task=task, reason="En congé")
    assert kept(Task)[0].reason == "En congé"


@pytest.mark.parametrize(
    ("act", "by"),
    [("complete", "gp"), ("complete", "physio"), ("accept", "gp"), ("cancel", "nurse")],
)
def test_not_one_s_own_to_answer(world, ask, act, by):
    task = ask()
    with pytest.raises(operations.UnableToSettle):
        getattr(operations, act)(actor=world.actor(by), now=world.now, task=task)
    assert kept(Task)[0].status == TaskStatus.REQUESTED


def test_a_colleague_or_a_delegate_may_answer(world, ask):
    office = ask("gp", by="nurse")
    operations.complete(actor=world.actor("secretary"), now=world.now, task=office)
    assert kept(Task)[0].settled_by.startswith("Odile Fortin")


def test_opening_again_keeps_the_former_answer_in_history(world, ask):
    task = ask()
    operations.refuse(actor=world.actor("nurse"), now=world.now, task=task, reason="En congé")
    operations.reopen(actor=world.actor("gp"), now=world.later(hours=1), task=task)
    [row] = kept(Task)
    assert (row.status, row.reason, row.settled_at) == (TaskStatus.REQUESTED, "", None)
    with row_security.acting_as(HOUSE):
        said = [(each["status"], each["reason"]) for each in queries.versions(task=row)]
    assert said == [("requested", ""), ("rejected", "En congé"), ("requested", "")]


def test_entrusting_to_somebody_else(world, ask):
    task = ask()
    operations.entrust(
        actor=world.actor("nurse"), now=world.now, task=task, owner=world.roles["physio"].key
    )
    assert alerted(world, "physio") == [("task", False)]
    with pytest.raises(operations.UnableToSettle):
        operations.complete(actor=world.actor("nurse"), now=world.now, task=task)


def test_whoever_leaves_the_circle_no_longer_sees_nor_answers(world, circle, ask):
    task = ask()
    with row_security.acting_as(HOUSE):
        stay = CareTeamParticipant.objects.get(practitioner_role=world.roles["nurse"])
    stay.care_team = circle
    end_participation(actor=world.actor("gp"), now=world.later(minutes=1), participant=stay)
    with row_security.acting_as(world.actor("nurse"), now=world.now):
        assert (
            queries.tasks_for(
                actor=world.actor("nurse"), view="mine", today=date(2026, 11, 22)
            ).tasks
            == []
        )
    with pytest.raises(operations.UnableToAct):
        operations.complete(actor=world.actor("nurse"), now=world.now, task=task)


def test_what_is_late_is_said_once_to_both(world, ask):
    ask(due_on=date(2026, 11, 23))
    assert operations.remind_late(actor=HOUSE, now=world.later(days=1)) == 0
    assert operations.remind_late(actor=HOUSE, now=world.later(days=1)) == 1
    assert operations.remind_late(actor=HOUSE, now=world.later(days=1)) == 0
    assert len(alerted(world, "nurse")) == 2
    assert len(alerted(world, "gp")) == 1


def test_pages_follow_each_other_without_loss_nor_repeat(world, ask):
    for number in range(60):
        day = date(2026, 12, 1) + timedelta(days=number % 7)
        task = ask(
            "gp",
            by="nurse",
            text=f"n° {number}",
            due_on=day if number % 5 else None,
        )
        assert task.pk
    actor, seen, after = world.actor("gp"), [], None
    with row_security.acting_as(actor, now=world.now):
        while True:
            page = queries.tasks_for(
                actor=actor, view="mine", today=date(2026, 11, 22), after=after
            )
            seen += [(task.order_on, task.pk) for task in page.tasks]
            after = page.following
            if after is None:
                break
    assert len(seen) == 60
    assert seen == sorted(set(seen))


def test_a_stranger_asks_nothing_of_anybody(world, circle):
    with pytest.raises(Exception, match=r"cercle|row-level"):
        operations.create_task(
            actor=world.actor("far_nurse"),
            now=world.now,
            patient=Patient(pk=circle.patient_id),
            owner=world.roles["nurse"].key,
            text="Appeler",
        )
    assert kept(Task) == []


# --- What rooms above ask -----------------------------------------------------------------------


def follow(world, circle, *items, by="gp", **said):
    return operations.follow(
        actor=world.actor(by),
        now=world.now,
        patient_id=circle.patient_id,
        items=items,
        **said,
    )


def item(world, to="nurse", **said):
    key = world.roles[to].key if to else ""
    return operations.Item(**{"source": "action:1", "owner": key, "text": "Peser"} | said)


@pytest.mark.parametrize(
    ("first", "then", "status", "owner"),
    [
        ({}, {}, "requested", "nurse"),
        ({}, {"status": "accepted"}, "accepted", "nurse"),
        ({}, {"status": "completed"}, "completed", "nurse"),
        ({}, {"status": "rejected"}, "rejected", "nurse"),
        ({}, {"to": ""}, "cancelled", "nurse"),
        ({}, {"to": "physio"}, "requested", "physio"),
        ({"status": "completed"}, {}, "requested", "nurse"),
    ],
)
def test_a_task_follows_what_its_room_says(world, circle, first, then, status, owner):
    follow(world, circle, item(world, **first))
    follow(world, circle, item(world, **then))
    [task] = kept(Task)
    assert (task.status, task.owner) == (status, world.roles[owner].key)


@pytest.mark.parametrize("said", [{"to": ""}, {"status": "completed"}, {"status": "cancelled"}])
def test_what_asks_nothing_of_anybody_makes_no_task(world, circle, said):
    follow(world, circle, item(world, **said))
    assert kept(Task) == []


def test_following_twice_tells_once_and_a_new_owner_is_told(world, circle):
    for to in ("nurse", "nurse", "physio"):
        follow(world, circle, item(world, to), tell=True)
    assert alerted(world, "nurse") == [("task", False)]
    assert alerted(world, "physio") == [("task", False)]


def test_a_refusal_stands_until_somebody_else_is_asked(world, circle):
    [task] = follow(world, circle, item(world))
    operations.refuse(actor=world.actor("nurse"), now=world.now, task=task, reason="En congé")
    follow(world, circle, item(world))
    assert [each.status for each in kept(Task)] == ["rejected"]
    follow(world, circle, item(world, "physio"))
    [task] = kept(Task)
    assert (task.status, task.reason) == ("requested", "")


def seen_by(world, *keys):
    found = {}
    for key in keys:
        with row_security.acting_as(world.actor(key), now=world.now):
            found[key] = Task.objects.count()
    return found


def test_what_a_doctor_asks_a_nurse_is_medical_unless_said(world):
    circle = world.circle("nurse", "home_help")
    asked = {
        "actor": world.actor("gp"),
        "now": world.now,
        "patient": circle.patient,
        "owner": world.roles["nurse"].key,
    }
    task = operations.create_task(text="Doubler la morphine", **asked)
    assert task.category == DataCategory.MEDICAL
    assert seen_by(world, "gp", "nurse", "home_help") == {"gp": 1, "nurse": 1, "home_help": 0}
    operations.create_task(text="Porter le repas", category=int(DataCategory.SOCIAL), **asked)
    assert seen_by(world, "nurse", "home_help") == {"nurse": 2, "home_help": 1}


def test_nobody_asks_in_a_category_that_is_closed_to_them(world):
    circle = world.circle("nurse", "home_help")
    with pytest.raises(operations.UnableToAsk, match="Vous ne lisez pas") as refusal:
        operations.create_task(
            actor=world.actor("home_help"),
            now=world.now,
            patient=Patient(pk=circle.patient_id),
            owner=world.roles["nurse"].key,
            text="Regarder la plaie",
            category=int(DataCategory.MEDICAL),
        )
    assert refusal.value.field == "category"
    assert kept(Task) == []


def test_whoever_is_asked_answers_whatever_is_open_to_them_and_passes_nothing_on(world):
    circle = world.circle("nurse", "home_help")
    [task] = follow(world, circle, item(world, "home_help", category=DataCategory.MEDICAL.value))
    helper = world.actor("home_help")
    operations.accept(actor=helper, now=world.now, task=task)
    with pytest.raises(operations.UnableToSettle, match="ne vous est pas ouvert"):
        operations.entrust(actor=helper, now=world.now, task=task, owner=world.roles["nurse"].key)
    operations.complete(actor=helper, now=world.now, task=task)
    assert [each.status for each in kept(Task)] == ["completed"]
