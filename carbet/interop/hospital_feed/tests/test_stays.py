"""A hospital tells a stay: kept, in order, corrected, taken back; the circle knows."""

from datetime import date

import pytest

from carbet.coordination.alerts.models import Alert
from carbet.coordination.subscriptions.models import CommunicationRequest
from carbet.coordination.tasks.models import Task
from carbet.core.models import AuditEvent
from carbet.interop.hospital_feed.models import Encounter, Movement
from carbet.interop.hospital_feed.tests.messages import adt

pytestmark = pytest.mark.django_db


def alerts_of(feed, member):
    with feed.as_house():
        key = feed.world.roles[member].key
        return list(Alert.objects.filter(recipient=key, kind="stay").order_by("pk"))


def events_of(feed):
    with feed.as_house():
        return list(
            CommunicationRequest.objects.order_by("pk").values_list("event_type", "revoked_at")
        )


def stays_of(feed):
    with feed.as_house():
        return list(Encounter.objects.order_by("pk"))


def test_an_admission_opens_a_stay_and_alerts_the_circle(feed):
    [row] = feed.send(adt("A01", control="1"))
    assert (row.status, row.reason, row.patient_id) == (
        "done", "Entrée enregistrée.", feed.patient.pk,
    )  # fmt: skip
    [stay] = stays_of(feed)
    assert (stay.status, stay.patient_class, stay.number) == ("in-progress", "I", "26001")
    assert stay.unit == "Médecine A"
    assert stay.started_at.isoformat() == "2026-11-22T11:30:00+00:00"
    for member in ("gp", "nurse"):
        [alert] = alerts_of(feed, member)
        assert alert.raised_by == "Hôpital du Larivot"
    assert events_of(feed) == [("ADM", None)]
    with feed.as_house():
        [trace] = AuditEvent.objects.filter(operation="encounter.move")
        assert (trace.patient_id, trace.agent_name) == (feed.patient.pk, "Hôpital du Larivot")


def test_a_discharge_asks_for_a_visit_within_two_days(feed):
    feed.send(adt("A01", control="1"))
    feed.send(adt("A03", control="2", movement="M2", at="20261122090000"))
    [stay] = stays_of(feed)
    assert (stay.status, stay.ended_at is not None) == ("finished", True)
    with feed.as_house():
        [task] = Task.objects.all()
    assert (task.owner, task.due_on) == (feed.world.roles["gp"].key, date(2026, 11, 24))
    assert [event for event, _ in events_of(feed)] == ["ADM", "SOR"]
    assert len(alerts_of(feed, "nurse")) == 2


def test_a_discharge_with_one_field_too_many_in_zbe_is_read_as_the_official_example(feed):
    feed.send(adt("A01", control="1"))
    data = adt("A03", control="2", movement="M2", at="20261122090000")
    [row] = feed.send(data.replace(b"||INSERT|", b"|20261122093000||INSERT|"))
    assert row.status == "done", row.reason
    [stay] = stays_of(feed)
    assert (stay.status, stay.unit) == ("finished", "Médecine A")


def test_what_is_taken_back_is_said_and_asks_for_nothing_more(feed):
    feed.send(
        adt("A01", control="1"),
        adt("A03", control="2", movement="M2", at="20261122090000"),
        adt("A13", control="3", movement="M2", action="CANCEL", origin="A03"),
    )
    [stay] = stays_of(feed)
    assert (stay.status, stay.ended_at) == ("in-progress", None)
    with feed.as_house():
        [task] = Task.objects.all()
        assert Movement.objects.get(number="M2^CHC").status == "cancelled"
    assert task.status == "cancelled"
    assert [bool(revoked) for _, revoked in events_of(feed)] == [False, True]
    assert len(alerts_of(feed, "nurse")) == 3
    # The person leaves again: told again, a visit is asked again.
    feed.send(adt("A03", control="4", movement="M3", at="20261122103000"))
    with feed.as_house():
        assert Task.objects.filter(status="requested").count() == 1
    assert len(events_of(feed)) == 3


def test_an_admission_taken_back_leaves_no_stay(feed):
    feed.send(adt("A01", control="1"), adt("A11", control="2", action="CANCEL", origin="A01"))
    [stay] = stays_of(feed)
    assert (stay.status, stay.started_at) == ("cancelled", None)
    [(_, revoked)] = events_of(feed)
    assert revoked is not None


# (events in order, what the stay is in the end, which events the circle is told of)
COURSES = [
    (["A05"], ("planned", "I"), []),
    (["A05", "A01"], ("in-progress", "I"), ["ADM"]),
    (["A01", "A02"], ("in-progress", "I"), ["ADM"]),
    (["A04:E"], ("in-progress", "E"), ["ADM"]),
    (["A04:E", "A06"], ("in-progress", "I"), ["ADM"]),
    (["A04:O"], ("in-progress", "O"), []),
    (["A04:O", "A06"], ("in-progress", "I"), ["ADM"]),
    (["A04:O", "A03:O"], ("finished", "O"), []),
    (["A04:R", "A03:R"], ("finished", "R"), []),
    (["A01", "A07:O"], ("in-progress", "O"), ["ADM"]),
    (["A04:E", "A03:E"], ("finished", "E"), ["ADM", "SOR"]),
]


@pytest.mark.parametrize(("course", "stay", "told"), COURSES, ids=[" ".join(c[0]) for c in COURSES])
def test_each_course_of_a_stay(feed, course, stay, told):
    for rank, step in enumerate(course):
        event, _, patient_class = step.partition(":")
        [row] = feed.send(
            adt(
                event,
                control=str(rank),
                movement=f"M{rank}",
                at=f"202611220{rank}0000",
                patient_class=patient_class or "I",
            )
        )
        assert row.status == "done", row.reason
    [kept] = stays_of(feed)
    assert (kept.status, kept.patient_class) == stay
    assert [event for event, _ in events_of(feed)] == told


def test_a_transfer_taken_back_brings_the_former_unit_again(feed):
    feed.send(
        adt("A01", control="1"),
        adt("A02", control="2", movement="M2", at="20261122090000", unit="Réanimation"),
    )
    assert stays_of(feed)[0].unit == "Réanimation"
    feed.send(adt("A12", control="3", movement="M2", action="CANCEL", origin="A02"))
    assert stays_of(feed)[0].unit == "Médecine A"


def test_a_movement_is_corrected_by_its_number(feed):
    feed.send(
        adt("A01", control="1"),
        adt("Z99", control="2", action="UPDATE", origin="A01", at="20261121200000"),
    )
    [stay] = stays_of(feed)
    assert stay.started_at.isoformat() == "2026-11-21T23:00:00+00:00"
    assert stay.version > 1
    assert len(alerts_of(feed, "nurse")) == 1


def test_what_is_told_twice_changes_nothing(feed):
    first = feed.send(adt("A01", control="1"))[0]
    again = feed.take(adt("A01", control="1"))[0]
    assert (again.code, again.number, again.repeated) == ("AA", first.pk, True)
    [other] = feed.send(adt("A01", control="2"))
    assert (other.status, other.reason) == ("ignored", "Déjà connu, à l’identique.")
    assert len(alerts_of(feed, "nurse")) == 1


def test_a_history_sent_long_after_calls_nobody(feed):
    feed.send(adt("A01", control="1", historic="Y", at="20240103080000"))
    assert stays_of(feed)[0].status == "in-progress"
    assert alerts_of(feed, "nurse") == []


# What is wrong, where, with which code of HL7 table 0357.
WRONG = [
    ({"action": "INSRT"}, "ZBE-4", "103"),
    ({"movement": ""}, "ZBE-1", "101"),
    ({"at": "20261332"}, "ZBE-2", "102"),
    ({"patient_class": "Z"}, "PV1-2", "103"),
    ({"event": "A13", "movement": "M9", "action": "CANCEL"}, "ZBE-1", "204"),
    ({"event": "A13", "action": "INSERT"}, "ZBE-4", "103"),
    ({"event": "Z99", "action": "UPDATE", "origin": "A99"}, "ZBE-6", "103"),
    ({"unit": "Autre unité"}, "ZBE-4", "205"),
    ({"birth": "19511399"}, "PID-7", "102"),
    ({"stay": ""}, "PID-18", "101"),
    ({"number": "", "ins": ""}, "PID-3", "101"),
]


@pytest.mark.parametrize(("changes", "place", "code"), WRONG)
def test_what_is_wrong_waits_to_be_mended_with_its_place(feed, changes, place, code):
    feed.send(adt("A01", control="1"))
    kept = len(alerts_of(feed, "nurse"))
    event = changes.pop("event", "A01")
    [row] = feed.send(adt(event, control="2", **changes))
    assert (row.status, row.error_place, row.error_code) == ("dead", place, code)
    assert len(alerts_of(feed, "nurse")) == kept


# Whom nobody can tell for sure is never told by her name.
UNSURE = [
    ({"ins": "", "number": "999"}, "Sans INS"),
    ({"reliability": "PROV"}, "INS non qualifié"),
    ({"ins": "269054958815780"}, "Ni l’INS ni le numéro"),
    ({"birth": "19520314"}, "date de naissance"),
    ({"sex": "M"}, "sexe"),
    ({"family": "AUTRE"}, "nom de naissance"),
]


@pytest.mark.parametrize(("changes", "reason"), UNSURE)
def test_whom_nobody_knows_for_sure_waits_in_the_tray(feed, changes, reason):
    [row] = feed.send(adt("A01", control="1", **changes))
    assert row.status == "held"
    assert reason in row.reason
    assert row.patient_id is None
    assert stays_of(feed) == []
