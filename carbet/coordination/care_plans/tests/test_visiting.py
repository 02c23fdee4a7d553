"""Actions become visits of the agenda: proposed from their words, once, cancelled by a person."""

import dataclasses
import uuid
from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from carbet.coordination.care_plans import operations, queries
from carbet.coordination.care_plans.models import PlannedAction
from carbet.coordination.care_plans.rules.rhythm import proposed_rhythm
from carbet.coordination.care_plans.tests import factories
from carbet.coordination.scheduling import operations as scheduling
from carbet.coordination.scheduling.models import Appointment
from carbet.coordination.scheduling.rules.recurrence import DAILY, Recurrence
from carbet.core import row_security
from carbet.core.actor import internal
from carbet.core.models import AuditEvent
from carbet.core.operation import UnableToAct

pytestmark = pytest.mark.django_db

RHYTHMS = [
    ("2 fois par semaine", "FREQ=WEEKLY;BYDAY=MO,TH"),
    ("Deux séances par semaine", "FREQ=WEEKLY;BYDAY=MO,TH"),
    ("3x/semaine", "FREQ=WEEKLY;BYDAY=MO,WE,FR"),
    ("tous les jours", "FREQ=DAILY"),
    ("1 fois par jour", "FREQ=DAILY"),
    ("7 fois par semaine", "FREQ=DAILY"),
    ("le mardi et le vendredi", "FREQ=WEEKLY;BYDAY=TU,FR"),
    ("toutes les 2 semaines", "FREQ=WEEKLY;INTERVAL=2"),
    ("Hebdomadaire", "FREQ=WEEKLY"),
    ("une fois par mois", "FREQ=MONTHLY"),
    ("tous les trois mois", "FREQ=MONTHLY;INTERVAL=3"),
    ("trimestriel", "FREQ=MONTHLY;INTERVAL=3"),
    ("2 fois par mois", "FREQ=WEEKLY;INTERVAL=2"),
    ("si douleur", None),
    ("", None),
    ("\x00‮99999 fois", None),
]


@pytest.mark.parametrize(("words", "rule"), RHYTHMS)
def test_a_frequency_in_words_proposes_a_rhythm(words, rule):
    found = proposed_rhythm(words)
    assert (found.to_text() if found else None) == rule


def test_the_rhythm_ends_with_the_action():
    found = proposed_rhythm("tous les jours", until=date(2026, 12, 31))
    assert found.to_text() == "FREQ=DAILY;UNTIL=20261231"


@pytest.fixture
def desk(world):
    desk = factories.begin(world)
    desk.entry = desk.add(
        need="Se déplacer",
        domain="autonomy",
        goal="Marcher",
        action="Kiné",
        frequency="2 fois par semaine",
        responsible_id=desk.members["physio"],
    )
    desk.propose()
    desk.approve()
    return desk


@pytest.fixture
def clock(world, monkeypatch):
    monkeypatch.setattr("carbet.core.clock.now", lambda: world.now)


def everything(model, **filters):
    with row_security.acting_as(internal("test")):
        return list(model.objects.filter(**filters).order_by("pk"))


def tomorrow(desk, hour=9):
    return timezone.make_aware(
        datetime.combine(
            timezone.localdate(desk.world.now) + timedelta(days=1), datetime.min.time()
        )
        + timedelta(hours=hour)
    )


def plan_visits(desk, *, actor=None, gesture=None, rule=None, at=None, **more):
    at = at or tomorrow(desk)
    return operations.plan_visits(
        actor=actor or desk.actor,
        now=desk.world.now,
        patient=desk.care_team.patient,
        action_id=desk.entry.action_id,
        roles=[desk.world.roles["physio"]],
        start=at,
        end=at + timedelta(minutes=30),
        gesture=gesture or uuid.uuid4(),
        rule=rule,
        **more,
    )


def visits(desk):
    with row_security.acting_as(desk.world.actor("gp"), now=desk.world.now):
        return queries.visits(patient_id=desk.patient_id)


def test_an_action_becomes_visits_once_whatever_is_clicked(desk):
    key = uuid.uuid4()
    week = Recurrence(DAILY, count=7)
    first = plan_visits(desk, gesture=key, rule=week)
    again = plan_visits(desk, gesture=key, rule=week)
    assert first == again
    assert len(everything(Appointment)) == 7
    [action] = everything(PlannedAction)
    assert action.appointment_id == first.pk
    known = visits(desk)[action.pk]
    assert (known.count, known.surplus, known.next_id) == (7, 0, first.pk)
    assert everything(AuditEvent, operation="care_plan.visits.plan")
    with pytest.raises(operations.UnableToPlanVisits):
        plan_visits(desk, rule=week)
    assert len(everything(Appointment)) == 7


def test_the_plan_follows_what_is_moved_and_cancelled_in_the_agenda(desk):
    visit = plan_visits(desk, rule=Recurrence(DAILY, count=2))
    later = visit.start + timedelta(hours=5)
    scheduling.move(
        actor=desk.world.actor("physio"),
        now=desk.world.now,
        appointment=visit,
        start=later,
        end=later + timedelta(minutes=30),
    )
    assert visits(desk)[desk.entry.action_id].next_start == later
    scheduling.cancel(
        actor=desk.world.actor("physio"),
        now=desk.world.now,
        appointment=visit,
        reason="other",
        following=True,
    )
    assert visits(desk) == {}
    assert plan_visits(desk, at=tomorrow(desk, 16)).pk != visit.pk


def test_a_draft_and_a_stranger_to_the_action_plan_nothing(desk):
    reader = dataclasses.replace(desk.world.actor("nurse"), capabilities=frozenset())
    with pytest.raises(UnableToAct):
        plan_visits(desk, actor=reader)
    entry = desk.add(need="Autre", goal="But", action="Nouvelle action")
    desk.entry = entry
    with pytest.raises(operations.UnableToPlanVisits):
        plan_visits(desk)
    assert everything(Appointment) == []


def test_somebody_taken_is_said_and_nothing_is_written(desk):
    physio = desk.world.actor("physio")
    plan_visits(desk, actor=physio)
    second = desk.add(
        need="Se laver", goal="Seule", action="Toilette", responsible_id=desk.members["physio"]
    )
    desk.propose()
    desk.approve()
    desk.entry = second
    with pytest.raises(scheduling.TimeTaken):
        plan_visits(desk, actor=physio)
    assert len(everything(Appointment)) == 1
    plan_visits(desk, actor=physio, accept_overlap=True)
    assert len(everything(Appointment)) == 2


WHYS = {
    "removed": "l’action a été retirée du plan",
    "ended": "l’action ou son objectif est terminé",
    "late": "l’échéance de l’action vient avant",
    "other": "l’action a changé de responsable",
}


@pytest.mark.parametrize("why", WHYS)
def test_visits_without_their_reason_are_proposed_and_never_cancelled_alone(desk, why):
    plan_visits(desk, rule=Recurrence(DAILY, count=4))
    action_id = desk.entry.action_id
    if why == "removed":
        desk.do(operations.remove_part, kind="action", part_id=action_id)
    elif why == "ended":
        desk.world.actor("gp")
        operations.record_progress(
            actor=desk.actor,
            now=desk.world.now,
            patient_id=desk.patient_id,
            kind="action",
            part_id=action_id,
            status="completed",
        )
    else:
        with row_security.acting_as(internal("test"), now=desk.world.now, operation="test"):
            changed = (
                {"due_on": timezone.localdate(tomorrow(desk)) + timedelta(days=1)}
                if why == "late"
                else {"responsible_id": desk.members["nurse"]}
            )
            PlannedAction.objects.filter(pk=action_id).update(**changed)
    known = visits(desk)[action_id]
    assert known.reason == WHYS[why]
    assert (known.count, known.surplus) == (4, 2 if why == "late" else 4)
    assert len(everything(Appointment, status="cancelled")) == 0
    cancelled = operations.cancel_visits(
        actor=desk.actor,
        now=desk.world.now,
        patient=desk.care_team.patient,
        action_id=action_id,
    )
    assert cancelled == known.surplus
    left = everything(Appointment, status="cancelled")
    assert {each.cancel_comment for each in left} == {f"Plan personnalisé : {WHYS[why]}"}
    with pytest.raises(operations.UnableToPlanVisits):
        operations.cancel_visits(
            actor=desk.actor,
            now=desk.world.now,
            patient=desk.care_team.patient,
            action_id=action_id,
        )


def page(desk, name="detail", **more):
    return reverse(f"care_plans:{name}", args=[desk.patient_id, *more.values()])


def test_the_pages_propose_warn_and_show(desk, clock, sign_in):
    world = desk.world
    client = sign_in(world.accounts["coordinator"], role=world.roles["coordinator"])
    here = page(desk, "visits", action=desk.entry.action_id)
    assert here in client.get(page(desk)).content.decode()
    shown = client.get(here)
    assert shown.context["form"].initial["frequency"] == "WEEKLY"
    assert shown.context["form"].initial["days"] == ["MO", "TH"]
    assert shown.context["form"].initial["description"] == "Kiné"
    typed = {
        "gesture": str(uuid.uuid4()),
        "roles": [world.roles["physio"].pk],
        "on": timezone.localdate(tomorrow(desk)).isoformat(),
        "hour": "09:00",
        "minutes": "30",
        "kind": "HH",
        "description": "Kiné",
        "frequency": "DAILY",
        "interval": "1",
        "count": "3",
    }
    wrong = client.post(here, typed | {"hour": "99:00", "description": "a\x00"})
    assert wrong.status_code == 422
    assert everything(Appointment) == []
    assert client.post(here, typed).status_code == 302
    assert client.post(here, typed).status_code == 302
    assert len(everything(Appointment)) == 3
    with CaptureQueriesContext(connection) as asked:
        text = client.get(page(desk)).content.decode()
    assert len(asked) <= 8
    assert "2 autres" in text
    assert here not in text
    desk.do(operations.remove_part, kind="action", part_id=desk.entry.action_id)
    cancelling = page(desk, "cancel_visits", action=desk.entry.action_id)
    assert cancelling in client.get(page(desk)).content.decode()
    assert client.post(cancelling, follow=True).status_code == 200
    assert {each.status for each in everything(Appointment)} == {"cancelled"}
    assert client.post(cancelling).status_code == 422


def test_a_medical_action_says_nothing_of_itself_in_the_agenda(desk, clock, sign_in):
    world = desk.world
    entry = desk.add(need="Diabète", domain="health", goal="Équilibrer", action="Insuline")
    client = sign_in(world.accounts["coordinator"], role=world.roles["coordinator"])
    shown = client.get(page(desk, "visits", action=entry.action_id))
    assert shown.context["form"].initial["description"] == "Action du plan personnalisé"
