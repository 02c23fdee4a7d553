"""Whose request it is, what is asked more, how complex it is, who is told: each step as it went."""

import io
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import ProgrammingError

from carbet.coordination.alerts.models import Alert
from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.care_teams.models import Consent, RelatedPerson
from carbet.coordination.documents.rules import receiving
from carbet.coordination.support import access, operations, queries
from carbet.coordination.support.models import RequestFile, RequestStep, SupportRequest
from carbet.core import grants, row_security
from carbet.core.actor import Level, account_key, internal
from carbet.core.models import AuditEvent
from carbet.core.operation import UnableToAct
from carbet.registries.accounts.access import actor_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def care_team(world):
    return world.circle("nurse", "home_help")


@pytest.fixture
def patient(care_team):
    return care_team.patient


def ask(world, patient, by="gp", actor=None, **given):
    asked = {
        "addressee": world.places["dac"],
        "reason": "home",
        "text": "Vit seule.",
        "urgency": "urgent",
        "gesture": uuid4(),
    }
    return operations.request_support(
        actor=actor or world.actor(by), now=world.now, patient=patient, **(asked | given)
    )


def everything(model, **filters):
    with row_security.acting_as(internal("test")):
        return list(model.objects.filter(**filters).order_by("pk"))


def kinds():
    return [step.kind for step in everything(RequestStep)]


def letter(name="lettre.txt", text="Compte rendu."):
    content = text.encode()
    return receiving.receive(name, io.BytesIO(content), len(content))


def claire(world, patient, *, as_relative=False):
    """Return the account that reads her record at the portal: hers, or her daughter's."""
    account = world.accounts["daughter" if as_relative else "claire"]
    relative = None
    if as_relative:
        with row_security.acting_as(internal("test"), now=world.now, operation="test"):
            relative = RelatedPerson.objects.create(
                patient=patient, family="Montgénie", phone="0694000000", updated_at=world.now
            )
    care_teams.open_to_person(
        actor=world.actor("gp"),
        now=world.now,
        patient=patient,
        account_id=account.pk,
        related_person=relative,
    )
    return actor_of(account)


# --- Sources --------------------------------------------------------------------------------------


def test_a_structure_asks_in_its_own_name(world, patient):
    request = ask(world, patient, source="structure")
    assert request.requester_organization_id == world.places["office"].pk
    with row_security.acting_as(world.actor("secretary"), now=world.now):
        assert [each.pk for each in queries.sent_by(actor=world.actor("secretary"))] == [request.pk]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"source": "relative", "requester_phone": "0694"}, "requester_name"),
        ({"source": "relative", "requester_name": "Sa fille"}, "requester_phone"),
        ({"source": "person"}, "requester_phone"),
    ],
)
def test_who_does_not_read_carbet_leaves_a_name_and_a_number(world, patient, given, field):
    with pytest.raises(operations.UnableToRequestSupport) as refusal:
        ask(world, patient, **given)
    assert refusal.value.field == field
    assert not everything(SupportRequest)


def test_a_relative_is_called_at_each_step_and_somebody_says_so(world, patient):
    request = ask(
        world, patient, source="relative", requester_name="Sa fille", requester_phone="0694"
    )
    assert (request.requester_id, request.recorded_by_id) == (None, world.roles["gp"].pk)
    coordinator = world.actor("coordinator")
    operations.ask_information(actor=coordinator, now=world.now, request=request, text="Qui aide ?")
    [step] = everything(RequestStep, kind="asked")
    assert (step.told, step.told_at) == ("call", None)
    for by in ("coordinator", "gp"):
        operations.mark_told(
            actor=world.actor(by), now=world.later(hours=1), request=request, step_id=step.pk
        )
    [told] = everything(RequestStep, kind="asked")
    assert "Sampaio" in told.told_by_name
    with pytest.raises(UnableToAct):
        operations.mark_told(
            actor=world.actor("nurse"), now=world.now, request=request, step_id=step.pk
        )
    # The team writes down what the relative answers.
    operations.complete_request(
        actor=coordinator, now=world.now, request=request, text="Elle passe le soir"
    )
    assert everything(SupportRequest)[0].status == "submitted"


def test_the_person_asks_from_her_own_door_without_any_recorded_agreement(world):
    patient = world.register()
    actor = claire(world, patient)
    request = ask(world, patient, actor=actor, source="person", consent_given_by="person")
    assert (request.requester_account_id, request.consent_id) == (actor.account_id, None)
    coordinator = world.actor("coordinator")
    with row_security.acting_as(coordinator, now=world.now):
        _, seen = access.get_request(actor=coordinator, request_id=request.pk, now=world.now)
        assert seen.level == Level.IDENTITY
    with pytest.raises(operations.UnableToAnswerRequest) as refusal:
        operations.accept_request(actor=coordinator, now=world.now, request=request)
    assert refusal.value.field == "given_by"
    operations.accept_request(
        actor=coordinator, now=world.now, request=request, consent_given_by="person"
    )
    [consent] = everything(Consent)
    assert consent.recorded_by_id == world.roles["coordinator"].pk
    [alert] = everything(Alert, kind="support_answer")
    assert alert.recipient == account_key(actor.account_id)
    assert alert.target.startswith("request:")


def test_a_relative_at_the_portal_asks_and_takes_back(world, patient):
    actor = claire(world, patient, as_relative=True)
    request = ask(world, patient, actor=actor, source="relative", requester_name="Julie")
    operations.withdraw_request(actor=actor, now=world.later(minutes=1), request=request)
    coordinator = world.actor("coordinator")
    with row_security.acting_as(coordinator, now=world.now):
        with pytest.raises(access.NoSuchRecord):
            access.get_request(actor=coordinator, request_id=request.pk, now=world.now)


def test_against_her_recorded_objection_even_she_says_so_first(world, patient):
    actor = claire(world, patient)
    care_teams.record_consent(
        actor=world.actor("gp"),
        now=world.later(minutes=1),
        patient=patient,
        decision="deny",
        given_by="person",
    )
    with pytest.raises(operations.UnableToRequestSupport, match="s’oppose"):
        ask(world, patient, actor=actor, source="person", consent_given_by="person")


def test_sql_lets_a_person_show_her_identity_to_a_team_of_support_only(world, patient):
    actor = claire(world, patient)
    for grantee, level, source in (
        (f"org:{world.places['far_office'].pk}", Level.IDENTITY, "support_request"),
        (f"org:{world.places['dac'].pk}", Level.READ, "support_request"),
        (f"org:{world.places['dac'].pk}", Level.IDENTITY, "support_case"),
        (world.roles["coordinator"].key, Level.IDENTITY, "support_request"),
    ):
        with (
            pytest.raises(ProgrammingError, match="row-level security"),
            row_security.acting_as(actor, now=world.now, operation="support.request"),
        ):
            grants.grant(grantee, patient_id=patient.pk, level=level, source=source, now=world.now)


# --- Dates, files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "refused"), [(1, True), (0, False), (-30, False), (-400, True)])
def test_the_day_of_a_request_is_past_and_recent(world, patient, days, refused):
    day = (world.now + timedelta(days=days)).date()
    if refused:
        with pytest.raises(operations.UnableToRequestSupport) as refusal:
            ask(world, patient, authored_on=day)
        assert refusal.value.field == "authored_on"
        assert not everything(SupportRequest)
    else:
        assert ask(world, patient, authored_on=day).authored_on == day


def test_the_team_opens_what_a_request_joins_and_nobody_else_outside(world, patient):
    request = ask(world, patient, files=[letter()])
    coordinator = world.actor("coordinator")
    with row_security.acting_as(coordinator, now=world.now):
        [file] = queries.files_of(request)
        with queries.content(file) as content:
            assert content.read() == b"Compte rendu."
    for by in ("home_help", "far_nurse"):
        with row_security.acting_as(world.actor(by), now=world.now):
            assert queries.files_of(request) == [], by
    operations.redirect_request(actor=coordinator, now=world.now, request=request, reason="Le CLIC")
    with row_security.acting_as(coordinator, now=world.now):
        assert not RequestFile.objects.exists()


# --- Asking for more ------------------------------------------------------------------------------


def test_the_delay_stops_until_the_requester_answers(world, patient):
    request = ask(world, patient)
    due = request.due_at
    coordinator = world.actor("coordinator")
    operations.ask_information(
        actor=coordinator, now=world.later(days=1), request=request, text="Qui l’aide ?"
    )
    [alert] = everything(Alert, kind="support_answer")
    assert alert.recipient == world.roles["gp"].key
    with pytest.raises(operations.UnableToAnswerRequest, match="déjà demandé"):
        operations.ask_information(
            actor=coordinator, now=world.now, request=request, text="Encore ?"
        )
    row = operations.complete_request(
        actor=world.actor("gp"),
        now=world.later(days=3),
        request=request,
        text="Sa nièce",
        files=[letter()],
    )
    assert (row.status, row.due_at) == ("submitted", due + timedelta(days=3))
    assert kinds() == ["submitted", "asked", "given"]
    assert len(everything(RequestFile)) == 1
    with pytest.raises(operations.UnableToAnswerRequest, match="Aucun complément"):
        operations.complete_request(
            actor=world.actor("gp"), now=world.now, request=request, text="Et son fils"
        )


def test_only_the_requester_completes(world, patient):
    request = ask(world, patient)
    operations.ask_information(
        actor=world.actor("coordinator"), now=world.now, request=request, text="Qui l’aide ?"
    )
    with pytest.raises(UnableToAct):
        operations.complete_request(
            actor=world.actor("nurse"), now=world.now, request=request, text="Moi"
        )


def test_an_incomplete_request_may_still_be_accepted_and_no_second_one_is_sent(world, patient):
    request = ask(world, patient)
    operations.ask_information(
        actor=world.actor("coordinator"), now=world.now, request=request, text="Qui l’aide ?"
    )
    with pytest.raises(operations.UnableToRequestSupport, match="attend déjà"):
        ask(world, patient, by="nurse")
    operations.accept_request(actor=world.actor("coordinator"), now=world.now, request=request)
    assert kinds()[-1] == "accepted"


# --- Complexity -----------------------------------------------------------------------------------


def test_a_triage_explains_its_score_and_a_later_one_replaces_it(world, patient):
    request = ask(world, patient)
    coordinator = world.actor("coordinator")
    row = operations.triage_request(
        actor=coordinator, now=world.now, request=request, factors=["age", "alone", "danger"]
    )
    assert (row.complexity_score, row.complexity_level) == (6, "complex")
    row = operations.triage_request(
        actor=coordinator, now=world.now, request=request, factors=["age"], note="Fille présente"
    )
    assert (row.complexity_score, row.complexity_factors) == (1, ["age"])
    case = operations.accept_request(actor=coordinator, now=world.now, request=request)
    assert (case.complexity_score, case.complexity_note) == (1, "Fille présente")
    assert len(everything(AuditEvent, operation="support.triage")) == 2


def test_a_triage_refuses_what_is_not_of_the_scale_and_who_is_not_of_the_team(world, patient):
    request = ask(world, patient)
    with pytest.raises(operations.UnableToAnswerRequest) as refusal:
        operations.triage_request(
            actor=world.actor("coordinator"), now=world.now, request=request, factors=["wealth"]
        )
    assert refusal.value.field == "factors"
    with pytest.raises(UnableToAct):
        operations.triage_request(
            actor=world.actor("gp"), now=world.now, request=request, factors=["age"]
        )
    assert everything(SupportRequest)[0].complexity_score is None


def test_a_request_redirected_twice_says_who_did_first(world, patient):
    request = ask(world, patient)
    coordinator = world.actor("coordinator")
    operations.redirect_request(actor=coordinator, now=world.now, request=request, reason="Le CLIC")
    with pytest.raises(operations.UnableToAnswerRequest, match="plus de réponse"):
        operations.redirect_request(
            actor=coordinator, now=world.now, request=request, reason="La MDPH"
        )
    [row] = everything(SupportRequest)
    assert row.decision_reason == "Le CLIC"
    assert kinds() == ["submitted", "redirected"]
