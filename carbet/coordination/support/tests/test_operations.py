"""A request opens an identity, an acceptance opens a record, an end closes both: never more."""

import threading
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import ProgrammingError, connection

from carbet.coordination.alerts.models import Alert
from carbet.coordination.care_teams import access as care_teams_access
from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.care_teams.models import CareTeamParticipant, Consent
from carbet.coordination.support import operations
from carbet.coordination.support.models import Case, SupportRequest
from carbet.core import grants, row_security
from carbet.core.actor import Level, internal
from carbet.core.models import AccessGrant, AuditEvent, LiveEvent
from carbet.core.operation import UnableToAct
from carbet.registries.patients.models import Patient

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient(world):
    return world.circle("nurse").patient


def ask(world, patient, key="gp", **given):
    asked = {
        "addressee": world.places["dac"],
        "reason": "home",
        "text": "Vit seule depuis l’hospitalisation de son mari.",
        "urgency": "asap",
        "gesture": uuid4(),
    }
    return operations.request_support(
        actor=world.actor(key), now=world.now, patient=patient, **(asked | given)
    )


def accept(world, request, key="coordinator"):
    return operations.accept_request(actor=world.actor(key), now=world.now, request=request)


def level(world, key, patient):
    """Return how far a role of the world may go in the record, or None."""
    actor = world.actor(key)
    with row_security.acting_as(actor, now=world.now), suppress(care_teams_access.NoSuchRecord):
        return Level(
            care_teams_access.get_record(
                actor=actor, patient_id=patient.pk, now=world.now, level=Level.IDENTITY
            ).level
        )


def everything(model, **filters):
    with row_security.acting_as(internal("test")):
        return list(model.objects.filter(**filters).order_by("pk"))


def test_a_request_opens_the_identity_alone_and_tells_the_team(world, patient):
    request = ask(world, patient)
    assert level(world, "coordinator", patient) == Level.IDENTITY
    [alert] = everything(Alert, kind="support_request")
    assert alert.recipient == f"org:{world.places['dac'].pk}"
    assert alert.urgent
    told = {event.recipient for event in everything(LiveEvent, kind="request")}
    assert f"org:{world.places['dac'].pk}" in told
    [event] = everything(AuditEvent, operation="support.request")
    assert event.entity == f"SupportRequest/{request.pk}"


def test_a_nurse_of_the_circle_may_ask_and_take_back(world, patient):
    request = ask(world, patient, "nurse")
    operations.withdraw_request(
        actor=world.actor("nurse"), now=world.later(minutes=5), request=request
    )
    assert level(world, "coordinator", patient) is None
    assert everything(SupportRequest)[0].status == "withdrawn"


@pytest.mark.parametrize("key", ["secretary", "agency"])
def test_who_may_not_ask(world, patient, key):
    with pytest.raises(UnableToAct):
        ask(world, patient, key)
    assert not everything(SupportRequest)


def test_whoever_may_not_write_cannot_ask(world, patient):
    with pytest.raises(ProgrammingError, match="row-level security"):
        ask(world, patient, "other_gp", consent_given_by="person")
    assert not everything(SupportRequest)
    assert level(world, "coordinator", patient) is None


def test_without_recorded_agreement_the_same_gesture_records_it(world):
    patient = world.register()
    with pytest.raises(operations.UnableToRequestSupport) as refusal:
        ask(world, patient)
    assert refusal.value.field == "given_by"
    request = ask(world, patient, consent_given_by="person", consent_note="À domicile, ce matin")
    [consent] = everything(Consent)
    assert (request.consent_id, consent.note) == (consent.pk, "À domicile, ce matin")


def test_against_the_person_s_objection_nothing_leaves(world, patient):
    oppose(world, patient)
    with pytest.raises(operations.UnableToRequestSupport, match="s’oppose"):
        ask(world, patient, consent_given_by="person")
    assert not everything(SupportRequest)
    assert level(world, "coordinator", patient) is None


def oppose(world, patient):
    care_teams.record_consent(
        actor=world.actor("gp"),
        now=world.later(minutes=1),
        patient=patient,
        decision="deny",
        given_by="person",
    )


def test_the_same_gesture_twice_is_one_request(world, patient):
    gesture = uuid4()
    assert ask(world, patient, gesture=gesture) == ask(world, patient, gesture=gesture)
    assert len(everything(SupportRequest)) == 1
    assert len(everything(Alert, kind="support_request")) == 1


def test_one_request_waits_at_a_time(world, patient):
    ask(world, patient)
    with pytest.raises(operations.UnableToRequestSupport, match="attend déjà"):
        ask(world, patient, "nurse")


def test_acceptance_opens_the_record_the_case_and_the_circle(world, patient):
    case = accept(world, ask(world, patient))
    assert case.coordinator_id == world.roles["coordinator"].pk
    assert level(world, "coordinator", patient) == Level.MANAGE
    [member] = everything(CareTeamParticipant, practitioner_role=world.roles["coordinator"])
    assert member.role == "330"
    [alert] = everything(Alert, kind="support_answer")
    assert alert.recipient == world.roles["gp"].key
    [identity] = everything(AccessGrant, source="support_request")
    assert identity.valid_until == world.now
    assert everything(AuditEvent, operation="support.accept")


def test_acceptance_opens_a_circle_when_there_is_none(world):
    patient = world.register()
    accept(world, ask(world, patient, consent_given_by="person"))
    [member] = everything(CareTeamParticipant)
    assert member.practitioner_role_id == world.roles["coordinator"].pk


def test_a_second_acceptance_is_told_who_was_first(world, patient):
    request = ask(world, patient)
    accept(world, request)
    with pytest.raises(operations.UnableToAnswerRequest, match="Arya Sampaio"):
        accept(world, request)
    assert len(everything(Case)) == 1


@pytest.mark.parametrize("key", ["gp", "nurse", "other_gp"])
def test_only_the_team_asked_accepts(world, patient, key):
    request = ask(world, patient)
    with pytest.raises(UnableToAct):
        accept(world, request, key)
    assert not everything(Case)


def test_an_objection_since_the_request_stops_the_acceptance(world, patient):
    request = ask(world, patient)
    oppose(world, patient)
    with pytest.raises(operations.UnableToAnswerRequest, match="opposée"):
        accept(world, request)
    assert level(world, "coordinator", patient) == Level.IDENTITY


def test_redirection_says_why_and_closes_the_identity(world, patient):
    request = ask(world, patient)
    actor = world.actor("coordinator")
    with pytest.raises(operations.UnableToAnswerRequest) as refusal:
        operations.redirect_request(actor=actor, now=world.now, request=request, reason=" ")
    assert refusal.value.field == "reason"
    operations.redirect_request(
        actor=actor, now=world.now, request=request, reason="Le CLIC de Matoury"
    )
    assert level(world, "coordinator", patient) is None
    with row_security.acting_as(actor, now=world.now):
        assert SupportRequest.objects.get().decision_reason == "Le CLIC de Matoury"
        assert not Patient.objects.exists()
    assert not everything(Case)


def test_a_withdrawn_request_is_no_longer_accepted(world, patient):
    request = ask(world, patient)
    operations.withdraw_request(actor=world.actor("gp"), now=world.now, request=request)
    with pytest.raises(operations.UnableToAnswerRequest):
        accept(world, request)


def test_only_the_requester_takes_back(world, patient):
    request = ask(world, patient)
    for key in ("nurse", "coordinator"):
        with pytest.raises(UnableToAct):
            operations.withdraw_request(actor=world.actor(key), now=world.now, request=request)


def test_closing_ends_what_the_case_had_opened(world, patient):
    case = accept(world, ask(world, patient))
    actor = world.actor("coordinator")
    with pytest.raises(operations.UnableToCloseCase):
        operations.close_case(actor=actor, now=world.later(days=1), case=case, reason="")
    operations.close_case(
        actor=actor, now=world.later(days=1), case=case, reason="Objectifs atteints"
    )
    assert level(world, "coordinator", patient) is None
    [member] = everything(CareTeamParticipant, practitioner_role=world.roles["coordinator"])
    assert member.ended_at == world.now
    [closed] = everything(Case)
    assert (closed.status, closed.close_reason) == ("finished", "Objectifs atteints")


def test_a_case_is_not_closed_while_nobody_else_manages(world):
    patient = world.register()
    case = accept(world, ask(world, patient, consent_given_by="person"))
    with pytest.raises(operations.UnableToCloseCase, match="responsable"):
        operations.close_case(
            actor=world.actor("coordinator"), now=world.later(days=1), case=case, reason="Fin"
        )
    assert level(world, "coordinator", patient) == Level.MANAGE


def test_another_team_does_not_close_it(world, patient):
    case = accept(world, ask(world, patient))
    with pytest.raises(UnableToAct):
        operations.close_case(actor=world.actor("gp"), now=world.now, case=case, reason="Fin")


# What SQL refuses, whatever the code above it.


def grant(world, key, patient, grantee, *, operation="support.accept", **given):
    asked = {"level": Level.MANAGE, "source": "support_case"} | given
    with row_security.acting_as(world.actor(key), now=world.now, operation=operation):
        grants.grant(grantee, patient_id=patient.pk, now=world.now, **asked)


def test_sql_opens_no_case_before_the_request_is_accepted(world, patient):
    ask(world, patient)
    for grantee in (world.roles["coordinator"].key, f"org:{world.places['dac'].pk}"):
        with pytest.raises(ProgrammingError, match="row-level security"):
            grant(world, "coordinator", patient, grantee)


def test_sql_opens_a_case_to_nobody_but_who_accepted(world, patient):
    accept(world, ask(world, patient))
    with pytest.raises(ProgrammingError, match="row-level security"):
        grant(world, "coordinator", patient, world.roles["other_gp"].key)
    with pytest.raises(ProgrammingError, match="row-level security"):
        grant(world, "gp", patient, world.roles["gp"].key)


def test_sql_shows_an_identity_only_at_the_lowest_level(world, patient):
    with pytest.raises(ProgrammingError, match="row-level security"):
        grant(
            world, "nurse", patient, "org:1", operation="support.request", source="support_request"
        )


def test_sql_lets_a_requester_end_the_identity_and_nothing_else(world, patient):
    ask(world, patient, "nurse")
    actor = world.actor("nurse")
    with row_security.acting_as(actor, now=world.now, operation="support.withdraw"):
        asked = AccessGrant.objects.filter(source="support_request")
        with pytest.raises(ProgrammingError):
            with row_security.acting_as(actor, now=world.now, operation="support.withdraw"):
                asked.update(valid_until=world.now + timedelta(days=900))
        assert AccessGrant.objects.filter(grantee=world.roles["gp"].key).count() == 0
        assert asked.update(valid_until=world.now) == 1


# Two colleagues at the same time.


@pytest.mark.django_db(transaction=True)
def test_of_two_acceptances_at_once_one_wins_and_the_other_reads_a_sentence(world):
    from carbet.registries.directory.models import PractitionerRole

    request = ask(world, world.circle("nurse").patient)
    arya = world.roles["coordinator"]
    PractitionerRole.objects.filter(pk=world.roles["far_nurse"].pk).update(
        organization=world.places["dac"], category="coordination"
    )
    actors = [world.actor("coordinator"), world.actor("far_nurse")]
    assert arya.pk in {actor.role_id for actor in actors}
    start, outcomes = threading.Barrier(2), []

    def attempt(actor):
        try:
            start.wait(timeout=10)
            operations.accept_request(actor=actor, now=world.now, request=request)
            outcomes.append("won")
        except operations.UnableToAnswerRequest as refusal:
            outcomes.append(refusal.message)
        finally:
            connection.close()

    threads = [threading.Thread(target=attempt, args=(actor,)) for actor in actors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(len(outcome) > 3 for outcome in outcomes) == [False, True]
    [sentence] = [outcome for outcome in outcomes if outcome != "won"]
    [case] = everything(Case)
    winner = str(case.coordinator.practitioner)
    assert sentence == f"Cette demande a déjà été acceptée par {winner}."
