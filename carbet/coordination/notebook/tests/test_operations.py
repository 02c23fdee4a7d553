"""What is written in a notebook stands with its trace and its alerts, or not at all."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import ProgrammingError

from carbet.coordination.alerts.models import Alert
from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.care_teams.models import CareTeamParticipant
from carbet.coordination.notebook import operations, queries
from carbet.coordination.notebook.choices import MeasureKind, MeasureStatus, NoteKind
from carbet.coordination.notebook.models import Measure, Note
from carbet.coordination.tasks.models import Task
from carbet.core import grants, row_security
from carbet.core.actor import DataCategory, Level, internal
from carbet.core.models import AuditEvent, LiveEvent
from carbet.core.operation import UnableToAct
from carbet.registries.directory.models import Delegation

pytestmark = pytest.mark.django_db
PRESSURE = {MeasureKind.BLOOD_PRESSURE: (Decimal(142), Decimal(86))}


@pytest.fixture
def patient(world):
    return world.circle("nurse", "home_help").patient


def write(world, patient, key="nurse", **given):
    asked = {"text": "Va bien ce matin.", "gesture": uuid4()} | given
    return operations.write_note(actor=world.actor(key), now=world.now, patient=patient, **asked)


def measure(world, patient, key="nurse", **given):
    asked = {"values": PRESSURE, "gesture": uuid4()} | given
    return operations.record_measures(
        actor=world.actor(key), now=world.now, patient=patient, **asked
    )


def everything(model, **filters):
    with row_security.acting_as(internal("test")):
        return list(model.objects.filter(**filters).order_by("pk"))


def alerted(world):
    """Return the keys of the roles alerted, and of which kind."""
    names = {role.key: key for key, role in world.roles.items()}
    return sorted(
        (names[alert.recipient], alert.kind)
        for alert in everything(Alert)
        if alert.kind != "circle"
    )


def test_a_note_stands_with_its_trace(world, patient):
    note = write(world, patient)
    [event] = everything(AuditEvent, operation="notebook.note.write")
    assert (event.patient_id, event.entity) == (patient.pk, f"Note/{note.pk}")
    assert (note.author_name, note.author_role_id) == ("Inès Robeiri", world.roles["nurse"].pk)


def test_an_urgent_note_alerts_at_once_all_who_write_but_its_author(world, patient):
    write(world, patient, urgent=True, category=DataCategory.SOCIAL)
    assert alerted(world) == [("gp", "urgent_note"), ("home_help", "urgent_note")]
    told = {event.recipient for event in everything(LiveEvent, kind="alert")}
    assert {world.roles["gp"].key, world.roles["home_help"].key} <= told


@pytest.mark.parametrize("category", list(DataCategory))
def test_a_note_is_told_and_shown_only_to_whom_its_category_is_open(world, patient, category):
    note = write(world, patient, urgent=True, category=category)
    with_home_help = category != DataCategory.MEDICAL
    told = {event.recipient for event in everything(LiveEvent, kind="note")}
    assert (world.roles["home_help"].key in told) == with_home_help
    assert (("home_help", "urgent_note") in alerted(world)) == with_home_help
    with row_security.acting_as(world.actor("home_help"), now=world.now):
        assert Note.objects.filter(pk=note.pk).exists() == with_home_help
        assert Note.pgh_event_model.objects.filter(pgh_obj_id=note.pk).exists() == with_home_help


def test_nobody_writes_what_they_could_not_read(world, patient):
    note = write(world, patient, "home_help")
    assert note.category == DataCategory.SOCIAL
    with pytest.raises(operations.UnableToWriteNote, match="ne lisez pas"):
        write(world, patient, "home_help", category=DataCategory.MEDICAL)
    with pytest.raises(UnableToAct, match="réservées aux soignants"):
        operations.record_measures(
            actor=world.actor("home_help"),
            now=world.now,
            patient=patient,
            values={MeasureKind.PAIN: (3,)},
            gesture=uuid4(),
        )
    assert write(world, patient, replies_to=note).category == DataCategory.SOCIAL


def test_an_ordinary_note_alerts_only_who_manages(world, patient):
    write(world, patient)
    assert alerted(world) == [("gp", "note")]
    assert not any(alert.urgent for alert in everything(Alert))


def test_a_team_is_told_of_an_ordinary_note_through_its_member(world, patient):
    team = f"org:{world.places['nursing'].pk}"
    with row_security.acting_as(world.actor("gp"), now=world.now, operation="test.grant"):
        for grantee in (team, world.roles["physio"].key):
            grants.grant(
                grantee,
                patient_id=patient.pk,
                level=Level.MANAGE,
                source="participant",
                now=world.now,
            )
    write(world, patient, "home_help")
    told = {alert.recipient for alert in everything(Alert, kind="note")}
    assert told == {world.roles["gp"].key, world.roles["physio"].key}
    write(world, patient, "home_help", urgent=True)
    assert team in {alert.recipient for alert in everything(Alert, kind="urgent_note")}


def test_every_open_screen_of_the_circle_refreshes(world, patient):
    before = {event.pk for event in everything(LiveEvent)}
    write(world, patient, category=DataCategory.SOCIAL)
    told = {
        event.recipient for event in everything(LiveEvent, kind="note") if event.pk not in before
    }
    assert told == {world.roles[key].key for key in ("gp", "nurse", "home_help")}


def test_a_reply_tells_the_author_it_answers(world, patient):
    note = write(world, patient, "home_help")
    with row_security.acting_as(internal("test"), operation="test.clean"):
        Alert.objects.update(kind="circle")
    reply = write(world, patient, replies_to=note)
    assert alerted(world) == [("gp", "note"), ("home_help", "note")]
    answer = write(world, patient, "home_help", replies_to=reply)
    assert answer.replies_to_id == note.pk


def test_a_former_member_is_not_told_of_a_reply(world, patient):
    note = write(world, patient, "home_help")
    leave(world, patient, "home_help")
    with row_security.acting_as(internal("test"), operation="test.clean"):
        Alert.objects.update(kind="circle")
    write(world, patient, replies_to=note)
    assert alerted(world) == [("gp", "note")]


def leave(world, patient, key):
    with row_security.acting_as(world.actor("gp"), now=world.now):
        participant = CareTeamParticipant.objects.select_related("care_team").get(
            patient_id=patient.pk, practitioner_role=world.roles[key]
        )
    care_teams.end_participation(
        actor=world.actor("gp"), now=world.later(hours=1), participant=participant
    )


@pytest.mark.parametrize("key", ["other_gp", "coordinator", "far_nurse"])
def test_outside_the_circle_nothing_is_written(world, patient, key):
    with pytest.raises(ProgrammingError, match="row-level security"):
        write(world, patient, key)
    assert not everything(Note)
    assert not everything(AuditEvent, operation="notebook.note.write")


def test_a_former_member_writes_nothing(world, patient):
    leave(world, patient, "nurse")
    with pytest.raises(ProgrammingError, match="row-level security"):
        write(world, patient)


def test_the_same_gesture_twice_is_one_note(world, patient):
    gesture = uuid4()
    first = write(world, patient, gesture=gesture)
    second = write(world, patient, gesture=gesture)
    assert first.pk == second.pk
    assert len(everything(Note)) == 1
    assert alerted(world) == [("gp", "note")]


def test_another_text_under_the_same_gesture_is_not_lost_in_silence(world, patient):
    gesture = uuid4()
    write(world, patient, gesture=gesture)
    with pytest.raises(operations.GestureAlreadyUsed, match="pas encore enregistré"):
        write(world, patient, gesture=gesture, text="Autre chose")


def test_a_gesture_of_somebody_else_is_not_mine(world, patient):
    gesture = uuid4()
    write(world, patient, gesture=gesture)
    with pytest.raises(operations.UnableToWriteNote):
        write(world, patient, "home_help", gesture=gesture)


@pytest.mark.parametrize(
    "text",
    ["🌴👵🏽 revenue", "‏مرحبا بالعالم", "a" * 20_000, "🙂" * 20_000, "Ligne\n\nautre\tligne"],
    ids=["emoji", "right-to-left", "20000", "20000-emoji", "lines"],
)
def test_any_text_comes_back_as_it_was_written(world, patient, text):
    write(world, patient, text=text)
    assert everything(Note)[0].text == text


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"text": "   "}, "text"),
        ({"text": "a" * 20_001}, "text"),
        ({"occurred_at": timedelta(minutes=11)}, "occurred_at"),
    ],
)
def test_a_refused_note_leaves_nothing(world, patient, given, field):
    if "occurred_at" in given:
        given = {"occurred_at": world.now + given["occurred_at"]}
    before = len(everything(AuditEvent)), len(everything(Alert))
    with pytest.raises(operations.UnableToWriteNote) as refusal:
        write(world, patient, **given)
    assert refusal.value.field == field
    assert not everything(Note)
    assert (len(everything(AuditEvent)), len(everything(Alert))) == before


def test_clocks_may_disagree_by_ten_minutes(world, patient):
    note = write(world, patient, occurred_at=world.now + timedelta(minutes=10))
    assert note.occurred_at > note.recorded_at


def test_a_secretary_writes_for_the_doctor(world, patient):
    note = write(world, patient, "secretary", kind=NoteKind.GENERAL)
    assert note.author_role_id == world.roles["secretary"].pk
    assert note.on_behalf_of_id == world.roles["gp"].pk


def test_a_secretary_of_two_doctors_says_which_and_never_one_outside_the_circle(world, patient):
    for key in ("nurse", "other_gp"):
        Delegation.objects.create(
            delegator=world.roles[key],
            delegate=world.roles["secretary"],
            started_at=world.now,
            ended_at=world.now + timedelta(days=90),
        )
    with pytest.raises(operations.UnableToWriteNote) as refusal:
        write(world, patient, "secretary")
    assert refusal.value.field == "on_behalf_of"
    note = write(world, patient, "secretary", on_behalf_of_id=world.roles["nurse"].pk)
    assert note.on_behalf_of_id == world.roles["nurse"].pk
    with pytest.raises(UnableToAct):
        write(world, patient, "secretary", on_behalf_of_id=world.roles["other_gp"].pk)


def test_a_correction_keeps_the_former_text(world, patient):
    note = write(world, patient, text="Tension 14/8")
    world.later(minutes=5)
    operations.correct_note(
        actor=world.actor("nurse"),
        now=world.now,
        note=note,
        text="Tension 15/8",
        reason="Faute de frappe",
    )
    with row_security.acting_as(world.actor("gp"), now=world.now):
        now, before = queries.versions(note=note)
    assert (now.text, now.reason, now.written_at) == ("Tension 15/8", "Faute de frappe", world.now)
    assert (before.text, before.author_name) == ("Tension 14/8", "Inès Robeiri")
    [event] = everything(AuditEvent, operation="notebook.note.correct")
    assert event.reason == "Faute de frappe"


def test_only_the_author_corrects_and_withdraws(world, patient):
    note = write(world, patient)
    for key in ("gp", "home_help"):
        with pytest.raises(UnableToAct):
            operations.correct_note(
                actor=world.actor(key), now=world.now, note=note, text="Autre", reason="x"
            )
        with pytest.raises(UnableToAct):
            operations.withdraw_note(actor=world.actor(key), now=world.now, note=note, reason="x")
    assert everything(Note)[0].text == "Va bien ce matin."


def test_two_tabs_do_not_overwrite_each_other(world, patient):
    note = write(world, patient)
    actor = world.actor("nurse")
    operations.correct_note(
        actor=actor, now=world.later(minutes=1), note=note, text="Premier", reason="a"
    )
    with pytest.raises(operations.UnableToCorrectNote, match="entre-temps"):
        operations.correct_note(
            actor=actor, now=world.later(minutes=1), note=note, text="Second", reason="b"
        )
    assert everything(Note)[0].text == "Premier"


def test_a_withdrawn_note_stays_with_its_reason(world, patient):
    note = write(world, patient)
    actor = world.actor("nurse")
    operations.withdraw_note(actor=actor, now=world.now, note=note, reason="Mauvais dossier")
    with row_security.acting_as(world.actor("gp"), now=world.now):
        [entry] = queries.timeline(patient_id=patient.pk)
    assert (entry.text, entry.withdrawal_reason) == ("Va bien ce matin.", "Mauvais dossier")
    for refused in (
        lambda: operations.withdraw_note(actor=actor, now=world.now, note=note, reason="x"),
        lambda: operations.correct_note(
            actor=actor, now=world.now, note=note, text="y", reason="x"
        ),
        lambda: write(world, patient, "gp", replies_to=note),
    ):
        with pytest.raises((operations.UnableToCorrectNote, operations.UnableToWriteNote)):
            refused()


def test_measures_of_one_visit_stand_together(world, patient):
    measures = measure(world, patient, values=PRESSURE | {MeasureKind.WEIGHT: (Decimal("68.2"),)})
    assert [(row.value, row.second_value) for row in measures] == [
        (142, 86),
        (Decimal("68.2"), None),
    ]
    assert len(everything(AuditEvent, operation="notebook.measure.record")) == 2


def test_one_implausible_value_leaves_nothing_of_the_visit(world, patient):
    values = PRESSURE | {MeasureKind.TEMPERATURE: (Decimal(375),)}
    with pytest.raises(operations.UnableToRecordMeasure) as refusal:
        measure(world, patient, values=values)
    assert list(refusal.value.errors) == [(MeasureKind.TEMPERATURE, 0)]
    assert not everything(Measure)


def test_the_same_gesture_twice_measures_once(world, patient):
    gesture = uuid4()
    assert measure(world, patient, gesture=gesture) == measure(world, patient, gesture=gesture)
    assert len(everything(Measure)) == 1


def test_a_measure_in_error_leaves_the_curve_and_stays_in_the_timeline(world, patient):
    [row] = measure(world, patient)
    with pytest.raises(UnableToAct):
        operations.withdraw_measure(actor=world.actor("gp"), now=world.now, measure=row)
    operations.withdraw_measure(actor=world.actor("nurse"), now=world.now, measure=row)
    assert everything(Measure)[0].status == MeasureStatus.ENTERED_IN_ERROR
    with row_security.acting_as(world.actor("gp"), now=world.now):
        assert queries.latest_measures(patient_id=patient.pk) == {}
        [entry] = queries.timeline(patient_id=patient.pk)
    assert entry.withdrawn_at == world.now


def test_a_request_for_advice_is_a_task_until_somebody_replies(world, patient):
    asked = write(world, patient, kind="DEM-AVIS", text="Faut-il revoir le traitement ?")
    [task] = everything(Task)
    assert (task.owner, task.status) == (world.roles["gp"].key, "requested")
    assert "traitement" not in task.text
    write(world, patient, text="Je précise.", replies_to=asked)
    assert [each.status for each in everything(Task)] == ["requested"]
    write(world, patient, "gp", text="Non.", replies_to=asked)
    [task] = everything(Task)
    assert (task.status, task.owner) == ("completed", world.roles["gp"].key)
