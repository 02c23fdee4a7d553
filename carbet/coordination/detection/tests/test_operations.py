"""Proposed once, judged by a person, back on later facts only; what no longer holds is closed."""

import threading
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from carbet.coordination.alerts.models import Alert
from carbet.coordination.detection import operations, queries, tasks
from carbet.coordination.detection.models import DetectedIssue
from carbet.coordination.notebook import operations as notebook
from carbet.coordination.notebook.choices import MeasureKind
from carbet.coordination.subscriptions.models import CommunicationRequest
from carbet.core import row_security
from carbet.core.actor import internal
from carbet.core.models import AuditEvent
from carbet.core.operation import UnableToAct

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient(world, monkeypatch):
    monkeypatch.setattr(tasks, "current_time", lambda: world.now)
    return world.circle("nurse", "home_help").patient


def everything(model, **filters):
    with row_security.acting_as(internal("test")):
        return list(model.objects.filter(**filters).order_by("pk"))


def weigh(world, patient, kilos, days_ago=0):
    [measure] = notebook.record_measures(
        actor=world.actor("nurse"),
        now=world.now,
        patient=patient,
        values={MeasureKind.WEIGHT: (Decimal(str(kilos)),)},
        gesture=uuid4(),
        occurred_at=world.now - timedelta(days=days_ago),
    )
    return measure


def note(world, patient, text, days_ago=0, by="nurse", **given):
    return notebook.write_note(
        actor=world.actor(by),
        now=world.now,
        patient=patient,
        text=text,
        gesture=uuid4(),
        occurred_at=world.now - timedelta(days=days_ago),
        **given,
    )


def lose_weight(world, patient):
    weigh(world, patient, 65.5, 25)
    last = weigh(world, patient, 61.4)
    tasks.look(patient.pk)
    return last


def test_a_change_has_a_worker_look(world, patient):
    def waiting():
        return ProcrastinateJob.objects.filter(
            task_name="detection.look", args={"patient_id": patient.pk}
        ).count()

    weigh(world, patient, 60)
    assert waiting() == 1
    note(world, patient, "Va bien")
    assert waiting() == 1
    note(world, patient, "A chuté ce matin")
    assert waiting() == 2


def test_what_is_found_is_proposed_once_and_told_to_who_manages(world, patient):
    lose_weight(world, patient)
    tasks.look(patient.pk)
    [issue] = everything(DetectedIssue)
    assert (issue.rule, issue.status) == ("weight_loss", "preliminary")
    assert issue.reason.startswith("4,1 kg perdus en un mois")
    assert [each["label"] for each in issue.evidence] == ["65,5 kg", "61,4 kg"]
    [alert] = everything(Alert, kind="detected")
    assert (alert.recipient, alert.target) == (world.roles["gp"].key, "detection")
    assert everything(AuditEvent, operation="detection.propose")


def test_nothing_is_written_while_nothing_is_to_say(world, patient):
    weigh(world, patient, 60)
    tasks.look(patient.pk)
    assert not everything(DetectedIssue)
    assert not everything(AuditEvent, operation="detection.propose")


def test_judged_it_comes_back_on_later_facts_only(world, patient):
    lose_weight(world, patient)
    [issue] = everything(DetectedIssue)
    operations.dismiss(
        actor=world.actor("gp"), now=world.now, issue=issue, reason="Diurétique augmenté"
    )
    tasks.look(patient.pk)
    [dismissed] = everything(DetectedIssue)
    assert (dismissed.status, dismissed.judgement) == ("cancelled", "Diurétique augmenté")
    world.later(days=2)
    weigh(world, patient, 60)
    tasks.look(patient.pk)
    assert [each.status for each in everything(DetectedIssue)] == ["cancelled", "preliminary"]


def test_what_no_longer_holds_is_closed_by_the_house_and_may_come_back(world, patient):
    last = lose_weight(world, patient)
    notebook.withdraw_measure(actor=world.actor("nurse"), now=world.now, measure=last)
    tasks.look(patient.pk)
    [gone] = everything(DetectedIssue)
    assert (gone.status, gone.judgement, gone.judged_by_id) == ("cancelled", operations.GONE, None)
    weigh(world, patient, 61)
    tasks.look(patient.pk)
    assert [each.status for each in everything(DetectedIssue)] == ["cancelled", "preliminary"]


@pytest.mark.parametrize("act", ["acknowledge", "dismiss"])
def test_an_answer_says_why_and_is_given_once(world, patient, act):
    lose_weight(world, patient)
    [issue] = everything(DetectedIssue)
    word = {"acknowledge": "what", "dismiss": "reason"}[act]

    def answer(text):
        return getattr(operations, act)(
            actor=world.actor("gp"), now=world.now, issue=issue, **{word: text}
        )

    with pytest.raises(operations.UnableToJudge) as refusal:
        answer("  ")
    assert refusal.value.field == "text"
    answer("Bilan prescrit")
    with pytest.raises(operations.UnableToJudge, match="Yann Le Bihan"):
        answer("Encore")
    assert everything(DetectedIssue)[0].judgement == "Bilan prescrit"
    assert len(everything(AuditEvent, operation=f"detection.{act}")) == 1


def test_who_does_not_write_does_not_judge(world, patient):
    lose_weight(world, patient)
    [issue] = everything(DetectedIssue)
    with pytest.raises(UnableToAct):
        operations.dismiss(actor=world.actor("secretary"), now=world.now, issue=issue, reason="Non")


def test_three_falls_told_in_notes(world, patient):
    for days_ago, text in (
        (40, "A chuté dans la cour"),
        (20, "Pas de chute, marche mieux"),
        (12, "Est tombée de son lit"),
        (1, "Chute ce matin"),
    ):
        note(world, patient, text, days_ago)
    tasks.look(patient.pk)
    [issue] = everything(DetectedIssue)
    assert issue.rule == "falls"
    assert len(issue.evidence) == 3


def test_a_note_for_chosen_members_is_not_told_of(world, patient):
    called = {world.roles["gp"].key: "Yann Le Bihan"}
    for days_ago in (9, 5, 1):
        note(world, patient, "Est tombée", days_ago, visibility="chosen", called=called)
    tasks.look(patient.pk)
    assert not everything(DetectedIssue)


def test_an_admission_declared_twice_is_one_and_taken_back_is_none(world, patient):
    with row_security.acting_as(internal("test"), now=world.now, operation="test"):
        for number, (days, taken_back) in enumerate(((60, 0), (30, 1), (2, 0), (2, 0))):
            CommunicationRequest.objects.create(
                patient=patient,
                event_type="ADM",
                event_at=world.now - timedelta(days=days),
                authored_on=world.now,
                requester_kind="Organization",
                requester_name="CH de Cayenne",
                source=f"test:{number}",
                recorded_at=world.now,
                updated_at=world.now,
                revoked_at=world.now if taken_back else None,
            )
    tasks.look(patient.pk)
    [issue] = everything(DetectedIssue)
    assert (issue.rule, len(issue.evidence)) == ("admissions", 2)


def test_a_medical_proposal_is_closed_to_social_members(world, patient):
    lose_weight(world, patient)
    for key, sees in (("nurse", 1), ("gp", 1), ("home_help", 0), ("far_nurse", 0)):
        with row_security.acting_as(world.actor(key), now=world.now):
            assert DetectedIssue.objects.count() == sees, key


def test_the_facts_cost_the_same_whatever_their_number(world, patient):
    from django.test.utils import CaptureQueriesContext

    def asked():
        with (
            row_security.acting_as(internal("test"), now=world.now),
            CaptureQueriesContext(connection) as captured,
        ):
            queries.facts(patient_id=patient.pk, now=world.now)
        return len(captured)

    weigh(world, patient, 60, 1)
    few = asked()
    for number in range(12):
        weigh(world, patient, 60 + number, 20 - number)
        note(world, patient, "A chuté", number)
    assert asked() == few
    assert few <= 8


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_look_at_once_propose_once(world, monkeypatch):
    monkeypatch.setattr(tasks, "current_time", lambda: world.now)
    patient = world.circle("nurse").patient
    weigh(world, patient, 65.5, 25)
    weigh(world, patient, 61.4)
    start, wrong = threading.Barrier(2), []

    def look():
        try:
            start.wait(timeout=10)
            tasks.look(patient.pk)
        except Exception as error:  # noqa: BLE001 - the test says what a thread met
            wrong.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert wrong == []
    assert len(everything(DetectedIssue)) == 1
    assert len(everything(Alert, kind="detected")) == 1
