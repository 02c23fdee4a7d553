"""What is written in the agenda stands with its trace and its alerts, or not at all."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection

from carbet.connectors import mail
from carbet.coordination.alerts.models import Alert
from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.care_teams.models import CareTeamParticipant
from carbet.coordination.scheduling import operations, queries, tasks
from carbet.coordination.scheduling.choices import AppointmentStatus, CancelReason, SlotStatus
from carbet.coordination.scheduling.models import (
    Appointment,
    AppointmentParticipant,
    AppointmentSeries,
    CalendarFeed,
    Slot,
)
from carbet.coordination.scheduling.operations.series import HORIZON
from carbet.coordination.scheduling.rules.recurrence import Recurrence
from carbet.coordination.scheduling.rules.spans import Span
from carbet.coordination.tasks.models import Task
from carbet.core import clock, row_security
from carbet.core.actor import PERSON, Actor, account_key, internal
from carbet.core.models import AuditEvent, LiveEvent, OutboxMessage
from carbet.core.operation import UnableToAct
from tests import world as worlds

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
BOOKED, PROPOSED = AppointmentStatus.BOOKED, AppointmentStatus.PROPOSED


@pytest.fixture
def patient(world):
    return world.circle("nurse", "home_help", "physio").patient


def plan(world, patient, *roles, by="nurse", at=24, minutes=30, **given):
    start = world.now + at * HOUR
    asked = {"gesture": uuid4(), "start": start, "end": start + timedelta(minutes=minutes)} | given
    return operations.schedule(
        actor=world.actor(by),
        now=world.now,
        patient=patient,
        roles=[world.roles[key] for key in roles or (by,)],
        **asked,
    )


def everything(model, **filters):
    with row_security.acting_as(internal("test")):
        return list(model.objects.filter(**filters).order_by("pk"))


def alerted(world):
    names = {role.key: key for key, role in world.roles.items()}
    return sorted(
        names.get(alert.recipient, alert.recipient)
        for alert in everything(Alert, kind="appointment")
    )


def reread(row):
    return everything(type(row), pk=row.pk)[0]


def open_slots(world, by="gp", *, at=24, count=2, minutes=30):
    start = world.now + at * HOUR
    window = Span(start, start + timedelta(minutes=minutes * count))
    return operations.open_slots(
        actor=world.actor(by),
        now=world.now,
        role=world.roles[by],
        windows=[window],
        minutes=minutes,
    )


def herself(world, patient, account="claire"):
    from carbet.core import grants
    from carbet.core.actor import Level

    key = account_key(world.accounts[account].pk)
    with row_security.acting_as(internal("test"), now=world.now, operation="test.person"):
        grants.grant(key, patient_id=patient.pk, level=Level.READ, source="person", now=world.now)
    return Actor(
        kind=PERSON,
        account_id=world.accounts[account].pk,
        display_name="Claire",
        grantees=(key,),
    )


# --- Fix a time ---


def test_one_s_own_visit_is_agreed_at_once_with_its_trace(world, patient):
    row = plan(world, patient)
    assert row.status == BOOKED
    [event] = everything(AuditEvent, operation="appointment.schedule")
    assert (event.patient_id, event.entity) == (patient.pk, f"Appointment/{row.pk}")
    assert alerted(world) == []
    told = {event.recipient for event in everything(LiveEvent, kind="appointment")}
    assert {world.roles["gp"].key, world.roles["nurse"].key} <= told


@pytest.mark.parametrize(
    ("by", "whom", "status"),
    [
        ("nurse", "nurse", BOOKED),
        ("secretary", "gp", BOOKED),  # the doctor she works for
        ("nurse", "physio", BOOKED),  # a colleague of the same office
        ("nurse", "gp", PROPOSED),
        ("gp", "nurse", PROPOSED),
    ],
)
def test_who_is_asked(world, patient, by, whom, status):
    row = plan(world, patient, whom, by=by)
    assert row.status == status
    assert (whom in alerted(world)) == (by != whom and by != "secretary")


def test_somebody_outside_the_circle_is_not_planned(world, patient):
    with pytest.raises(operations.UnableToSchedule, match="cercle"):
        plan(world, patient, "other_gp")
    assert everything(Appointment) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"minutes": 0}, "après le début"),
        ({"minutes": 25 * 60}, "24 heures"),
        ({"at": -24 * 40}, "plus d’un mois"),
        ({"at": 24 * 800}, "deux ans"),
    ],
)
def test_an_impossible_time_is_refused(world, patient, given, said):
    with pytest.raises(operations.UnableToSchedule, match=said):
        plan(world, patient, **given)
    assert everything(Appointment) == []


def test_the_same_gesture_twice_is_one_appointment(world, patient):
    gesture = uuid4()
    assert plan(world, patient, gesture=gesture).pk == plan(world, patient, gesture=gesture).pk
    assert len(everything(Appointment)) == 1


def test_a_professional_is_not_in_two_places(world, patient):
    other = world.circle("nurse", birth_family="Autre").patient
    plan(world, patient)
    with pytest.raises(operations.TimeTaken, match="professionnel"):
        plan(world, other, at=24.25)
    assert len(everything(Appointment)) == 1
    touching = plan(world, other, at=24.5)
    assert touching.status == BOOKED
    assert plan(world, other, at=24.25, accept_overlap=True).overlap_accepted


def test_a_person_is_not_seen_twice_at_once(world, patient):
    plan(world, patient)
    with pytest.raises(operations.TimeTaken, match="personne"):
        plan(world, patient, by="gp", at=24.25)


def test_a_home_without_right_is_refused_by_the_database(world, patient):
    """Row security has the last word: a stranger cannot write, whatever a page forgot."""
    from django.db import DatabaseError

    with pytest.raises((operations.UnableToSchedule, DatabaseError)):
        plan(world, patient, "far_nurse", by="far_nurse")
    assert everything(Appointment) == []


# --- Answer ---


def test_accepted_by_all_it_is_agreed_and_whoever_asked_is_told(world, patient):
    row = plan(world, patient, "nurse", by="gp")
    operations.answer(actor=world.actor("nurse"), now=world.now, appointment=row, accept=True)
    assert reread(row).status == BOOKED
    assert alerted(world) == ["gp", "nurse"]


def test_declined_it_is_cancelled_and_its_slot_is_free_again(world, patient):
    [slot, _] = open_slots(world, "gp")
    row = plan(world, patient, "gp", by="nurse", slot=slot)
    assert reread(slot).status == SlotStatus.TENTATIVE
    operations.answer(actor=world.actor("gp"), now=world.now, appointment=row, accept=False)
    assert reread(row).status == AppointmentStatus.CANCELLED
    assert reread(slot).status == SlotStatus.FREE


def test_only_those_asked_answer(world, patient):
    row = plan(world, patient, "nurse", by="gp")
    with pytest.raises(UnableToAct):
        operations.answer(
            actor=world.actor("home_help"), now=world.now, appointment=row, accept=True
        )


def test_accepting_what_books_twice_is_refused_then_possible_on_purpose(world, patient):
    other = world.circle("nurse", birth_family="Autre").patient
    row = plan(world, patient, "nurse", by="gp")
    plan(world, other)
    with pytest.raises(operations.TimeTaken):
        operations.answer(actor=world.actor("nurse"), now=world.now, appointment=row, accept=True)
    assert reread(row).status == PROPOSED
    operations.answer(
        actor=world.actor("nurse"),
        now=world.now,
        appointment=row,
        accept=True,
        accept_overlap=True,
    )
    assert reread(row).status == BOOKED


def test_another_time_waits_for_whoever_asked(world, patient):
    row = plan(world, patient, "nurse", by="gp")
    later = world.now + 30 * HOUR
    operations.move(
        actor=world.actor("nurse"),
        now=world.now,
        appointment=row,
        start=later,
        end=later + HOUR,
    )
    row = reread(row)
    assert (row.status, row.awaits_author, row.start) == (PROPOSED, True, later)
    operations.agree_as_author(actor=world.actor("gp"), now=world.now, appointment=row, accept=True)
    assert reread(row).status == BOOKED


def test_two_screens_do_not_overwrite_each_other(world, patient):
    row = plan(world, patient)
    later = world.now + 30 * HOUR
    moved = {"start": later, "end": later + HOUR, "version": row.version, "appointment": row}
    operations.move(actor=world.actor("nurse"), now=world.now, **moved)
    with pytest.raises(operations.UnableToSchedule, match="entre-temps"):
        operations.move(actor=world.actor("gp"), now=world.now, **moved)


# --- Cancel, undo, close ---


def test_cancelled_with_its_reason_then_undone(world, patient):
    row = plan(world, patient)
    count = operations.cancel(
        actor=world.actor("nurse"),
        now=world.now,
        appointment=row,
        reason=CancelReason.TRAVEL,
        comment="Fleuve trop bas",
    )
    row = reread(row)
    assert (count, row.status, row.cancel_comment) == (1, "cancelled", "Fleuve trop bas")
    assert not everything(AppointmentParticipant, blocking=True)
    operations.reinstate(actor=world.actor("nurse"), now=world.now, appointment=row)
    assert reread(row).status == BOOKED


def test_undoing_does_not_take_a_time_given_to_another(world, patient):
    other = world.circle("nurse", birth_family="Autre").patient
    row = plan(world, patient)
    operations.cancel(
        actor=world.actor("nurse"), now=world.now, appointment=row, reason=CancelReason.PERSON
    )
    plan(world, other)
    with pytest.raises(operations.TimeTaken):
        operations.reinstate(actor=world.actor("nurse"), now=world.now, appointment=reread(row))
    assert reread(row).status == AppointmentStatus.CANCELLED


def test_a_visit_is_closed_once_it_has_begun(world, patient):
    row = plan(world, patient)
    with pytest.raises(operations.UnableToSchedule, match="pas encore"):
        operations.close(
            actor=world.actor("nurse"), now=world.now, appointment=row, took_place=True
        )
    world.later(hours=25)
    operations.close(actor=world.actor("nurse"), now=world.now, appointment=row, took_place=True)
    assert reread(row).status == AppointmentStatus.FULFILLED


def test_two_visits_of_a_round_are_exchanged(world, patient):
    other = world.circle("nurse", birth_family="Autre").patient
    first, second = plan(world, patient, minutes=30), plan(world, other, at=24.5, minutes=60)
    begins = first.start
    operations.exchange(actor=world.actor("nurse"), now=world.now, first=first, second=second)
    assert (reread(second).start, reread(first).start) == (begins, begins + HOUR)
    assert all(part.blocking for part in everything(AppointmentParticipant))


# --- Series ---


def repeat(world, patient, rule, *, by="nurse", at=24, accept=False):
    start = world.now + at * HOUR
    return operations.repeat(
        actor=world.actor(by),
        now=world.now,
        patient=patient,
        roles=[world.roles[by]],
        rule=rule,
        start=start,
        end=start + HOUR / 2,
        gesture=uuid4(),
        accept_overlap=accept,
    )


def test_a_series_is_written_up_to_the_horizon_and_no_further(world, patient):
    series = repeat(world, patient, Recurrence("DAILY"))
    rows = everything(Appointment)
    assert len(rows) == HORIZON.days
    assert rows[-1].start < series.first_start + HORIZON
    assert {row.status for row in rows} == {BOOKED}


def test_the_worker_goes_on_and_never_writes_again_what_was_changed(world, patient, monkeypatch):
    repeat(world, patient, Recurrence("WEEKLY"))
    rows = everything(Appointment)
    moved = rows[3].start + HOUR * 5
    operations.move(
        actor=world.actor("nurse"),
        now=world.now,
        appointment=rows[3],
        start=moved,
        end=moved + HOUR,
    )
    operations.cancel(actor=world.actor("nurse"), now=world.now, appointment=rows[2], reason="prov")
    monkeypatch.setattr(tasks, "current_time", lambda: world.later(days=30))
    tasks.extend_series(0)
    after = everything(Appointment)
    assert len(after) > len(rows)
    assert len({row.recurrence_id for row in after}) == len(after)
    assert after[3].start == moved
    assert after[2].status == AppointmentStatus.CANCELLED
    count = len(after)
    tasks.extend_series(0)
    assert len(everything(Appointment)) - count <= 5


def test_a_series_that_meets_something_says_which_days_and_writes_nothing(world, patient):
    plan(world, patient, at=24 * 3)
    with pytest.raises(operations.TimeTaken, match="25/11"):
        repeat(world, patient, Recurrence("DAILY", count=5))
    assert len(everything(Appointment)) == 1
    assert everything(AppointmentSeries) == []
    repeat(world, patient, Recurrence("DAILY", count=5), accept=True)
    assert len(everything(Appointment)) == 6


def test_one_visit_or_it_and_all_that_follow_are_cancelled(world, patient):
    repeat(world, patient, Recurrence("DAILY", count=6))
    rows = everything(Appointment)
    assert (
        operations.cancel(
            actor=world.actor("nurse"),
            now=world.now,
            appointment=rows[2],
            reason="pat",
            following=True,
        )
        == 4
    )
    assert [row.status for row in everything(Appointment)] == [BOOKED] * 2 + ["cancelled"] * 4
    assert everything(AppointmentSeries)[0].ended_at is not None


# --- Slots and the person's own door ---


def test_slots_are_opened_once(world):
    slots = open_slots(world, count=4)
    assert len(slots) == 4
    with pytest.raises(operations.UnableToOpenSlots, match="déjà ouverts"):
        open_slots(world, count=4)


def test_one_does_not_open_somebody_else_s_agenda(world):
    start = world.now + HOUR
    with pytest.raises(UnableToAct):
        operations.open_slots(
            actor=world.actor("nurse"),
            now=world.now,
            role=world.roles["gp"],
            windows=[Span(start, start + HOUR)],
            minutes=15,
        )


def test_the_person_asks_and_the_professional_confirms(world, patient):
    actor = herself(world, patient)
    [slot, _] = open_slots(world, "gp")
    row = operations.ask_as_person(
        actor=actor, now=world.now, patient=patient, slot=slot, gesture=uuid4()
    )
    assert (row.status, reread(slot).status) == (PROPOSED, SlotStatus.TENTATIVE)
    assert alerted(world) == ["gp"]
    operations.answer(actor=world.actor("gp"), now=world.now, appointment=row, accept=True)
    assert (reread(row).status, reread(slot).status) == (BOOKED, SlotStatus.BUSY)
    operations.decline_own(actor=actor, now=world.now, appointment=reread(row))
    assert (reread(row).status, reread(slot).status) == ("cancelled", SlotStatus.FREE)


def test_the_person_does_nothing_else_in_the_agenda(world, patient):
    from django.db import DatabaseError

    actor = herself(world, patient)
    row = plan(world, patient)
    with pytest.raises((operations.UnableToSchedule, DatabaseError)):
        operations.cancel(actor=actor, now=world.now, appointment=row, reason="pat")
    assert reread(row).status == BOOKED


def test_the_waiting_list_gives_a_time(world, patient):
    row = operations.join_waiting_list(
        actor=world.actor("nurse"),
        now=world.now,
        patient=patient,
        roles=[world.roles["gp"]],
        gesture=uuid4(),
    )
    with row_security.acting_as(world.actor("gp"), now=world.now):
        assert [each.pk for each in queries.waiting_for(role_ids=[world.roles["gp"].pk])] == [
            row.pk
        ]
    start = world.now + 24 * HOUR
    operations.move(
        actor=world.actor("gp"), now=world.now, appointment=row, start=start, end=start + HOUR
    )
    assert reread(row).status == BOOKED


# --- Reminders and feeds ---


def test_a_reminder_leaves_once_without_health_content(world, patient, monkeypatch):
    herself(world, patient)
    plan(world, patient, at=20, description="Pansement d’escarre")
    monkeypatch.setattr(tasks, "current_time", lambda: world.now)
    tasks.remind_persons(0)
    tasks.remind_persons(0)
    [message] = everything(OutboxMessage, topic="appointment.reminder")
    assert set(message.payload) == {"account", "start"}
    sent = []
    monkeypatch.setattr(
        tasks.mail, "send", lambda notice, **_: sent.append(notice) or mail.Receipt("<1>", "x")
    )
    tasks.send_reminder(message)
    [notice] = sent
    for word in ("Claire", "Montgénie", "Régis", "Pansement", "infirm"):
        assert word.lower() not in (notice.subject + notice.body).lower()
    assert "23/11 à 05 h 00" in notice.body


def test_a_feed_is_known_by_its_digest_only_and_one_at_a_time(world):
    actor = world.actor("nurse")
    first = operations.open_feed(actor=actor, now=world.now)
    second = operations.open_feed(actor=actor, now=world.now)
    feeds = everything(CalendarFeed)
    assert [feed.revoked_at is None for feed in feeds] == [False, True]
    assert not any(secret in feed.digest for feed in feeds for secret in (first, second))


# --- Two at once ---


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["slot", "time"])
def test_of_two_who_want_it_exactly_one_gets_it(what):
    world = worlds.build()
    patient = world.circle("nurse", "home_help").patient
    other = world.circle("nurse", birth_family="Autre").patient
    [slot, _] = open_slots(world, "gp")
    gate, outcomes = threading.Barrier(2), []

    def want(whom):
        gate.wait(10)
        try:
            if what == "slot":
                plan(world, whom, "gp", by="gp", slot=slot)
            else:
                plan(world, whom, "nurse", by="nurse")
            outcomes.append("booked")
        except (operations.SlotTaken, operations.TimeTaken) as refusal:
            outcomes.append(type(refusal).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=want, args=(whom,)) for whom in (patient, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == sorted(["booked", "SlotTaken" if what == "slot" else "TimeTaken"])
    assert len(everything(Appointment, status=BOOKED)) == 1
    if what == "slot":
        assert len(everything(Slot, status=SlotStatus.BUSY)) == 1


def test_colleagues_see_when_never_for_whom(world, patient):
    row = plan(world, patient)
    role = world.roles["nurse"].pk
    window = {"low": world.now, "high": world.now + 48 * HOUR}
    for key, seen in (("nurse", True), ("physio", True), ("gp", True), ("other_gp", False)):
        with row_security.acting_as(world.actor(key), now=world.now):
            found = queries.busy(role_ids=[role], **window)
            assert bool(found) == seen, key
    # A colleague of the office who left the circle: busy time, no person.
    with row_security.acting_as(world.actor("gp"), now=world.now):
        participant = next(
            stay
            for stay in CareTeamParticipant.objects.filter(patient_id=patient.pk)
            if stay.practitioner_role_id == world.roles["physio"].pk
        )
    care_teams.end_participation(
        actor=world.actor("gp"), now=world.later(minutes=1), participant=participant
    )
    with row_security.acting_as(world.actor("physio"), now=world.now):
        assert queries.busy(role_ids=[role], **window) == {role: [Span(row.start, row.end)]}
        assert queries.agenda(role_ids=[role], **window) == []


def test_the_clock_of_the_house_is_not_asked(world, patient, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: pytest.fail("time comes as an argument"))
    assert plan(world, patient).created_at == world.now


def test_what_waits_for_an_answer_is_a_task_until_it_is_given(world, patient):
    row = plan(world, patient, "nurse", "gp", by="nurse")
    [task] = everything(Task)
    assert (task.owner, task.status) == (world.roles["gp"].key, "requested")
    operations.answer(actor=world.actor("gp"), now=world.now, appointment=row, accept=True)
    assert [each.status for each in everything(Task)] == ["completed"]


def test_a_declined_request_is_a_refused_task(world, patient):
    row = plan(world, patient, "gp", by="nurse")
    operations.answer(actor=world.actor("gp"), now=world.now, appointment=row, accept=False)
    [task] = everything(Task)
    assert (task.status, task.reason) == ("rejected", "décliné")


def test_what_is_agreed_at_once_asks_nobody(world, patient):
    plan(world, patient)
    assert everything(Task) == []
