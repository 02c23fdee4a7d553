"""A case from its opening to its reopening: whoever holds it, why, when; never twice."""

import threading
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import ProgrammingError, connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from carbet.coordination.alerts.models import Alert
from carbet.coordination.care_teams import access as care_teams_access
from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.care_teams.models import CareTeamParticipant, Consent
from carbet.coordination.support import operations, queries
from carbet.coordination.support.models import Case, CaseStep
from carbet.core import clock, grants, row_security
from carbet.core.actor import Level, internal
from carbet.core.models import AccessGrant, AuditEvent
from carbet.core.operation import UnableToAct
from carbet.registries.directory.models import PractitionerRole
from carbet.registries.patients.models import Patient

pytestmark = pytest.mark.django_db


@pytest.fixture
def maya(world):
    """A second coordinator of the team."""
    role = world.roles["far_nurse"]
    PractitionerRole.objects.filter(pk=role.pk).update(
        organization=world.places["dac"], category="coordination", profession="330"
    )
    role.refresh_from_db()
    world.roles["maya"], world.accounts["maya"] = role, world.accounts["far_nurse"]
    return role


@pytest.fixture
def patient(world, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: world.now)
    return world.circle("nurse").patient


@pytest.fixture
def case(world, patient):
    return open_case(world, patient)


@pytest.fixture
def open_as(world, sign_in):
    return lambda key: sign_in(world.accounts[key], role=world.roles[key])


def open_case(world, patient):
    request = operations.request_support(
        actor=world.actor("gp"),
        now=world.now,
        patient=patient,
        addressee=world.places["dac"],
        reason="home",
        text="Vit seule.",
        gesture=uuid4(),
    )
    return operations.accept_request(
        actor=world.actor("coordinator"), now=world.later(hours=5), request=request
    )


def everything(model, **filters):
    with row_security.acting_as(internal("test")):
        return list(model.objects.filter(**filters).order_by("pk"))


def level(world, key, patient):
    actor = world.actor(key)
    with row_security.acting_as(actor, now=world.now), suppress(care_teams_access.NoSuchRecord):
        return Level(
            care_teams_access.get_record(
                actor=actor, patient_id=patient.pk, now=world.now, level=Level.IDENTITY
            ).level
        )


def close(world, case, key="coordinator", **given):
    said = {"reason": "Objectifs atteints", "outcome": "met"} | given
    return operations.close_case(actor=world.actor(key), now=world.now, case=case, **said)


def reopen(world, case, key="coordinator", **given):
    said = {"reason": "Nouvelle chute", "consent_given_by": "person"} | given
    return operations.reopen_case(actor=world.actor(key), now=world.now, case=case, **said)


def kinds():
    return [step.kind for step in everything(CaseStep)]


# --- First contact, complexity --------------------------------------------------------------------


def test_the_moments_of_a_case_are_columns(world, case):
    assert case.opened_at - case.requested_at == timedelta(hours=5)
    row = operations.record_contact(
        actor=world.actor("coordinator"),
        now=world.later(days=1),
        case=case,
        at=world.now - timedelta(hours=1),
        contact="person",
    )
    assert row.first_contact_at - row.requested_at == timedelta(hours=28)
    with pytest.raises(operations.UnableToLeadCase, match="déjà noté"):
        operations.record_contact(
            actor=world.actor("coordinator"),
            now=world.now,
            case=case,
            at=world.now,
            contact="person",
        )
    assert kinds() == ["opened", "contacted"]


@pytest.mark.parametrize("hours", [1, -24])
def test_a_contact_is_neither_to_come_nor_before_the_request(world, case, hours):
    with pytest.raises(operations.UnableToLeadCase) as refusal:
        operations.record_contact(
            actor=world.actor("coordinator"),
            now=world.now,
            case=case,
            at=world.now + timedelta(hours=hours),
            contact="person",
        )
    assert refusal.value.field == "at"
    assert everything(Case)[0].first_contact_at is None


def test_the_history_of_a_case_keeps_each_score(world, case):
    for factors in (["age"], ["age", "danger", "mental"]):
        operations.score_case(
            actor=world.actor("coordinator"), now=world.now, case=case, factors=factors
        )
    assert [step.complexity_score for step in everything(CaseStep, kind="scored")] == [1, 6]
    assert everything(Case)[0].complexity_level == "complex"


# --- Hand-over ------------------------------------------------------------------------------------


def test_a_hand_over_moves_the_circle_the_grant_and_tells_the_colleague(world, maya, case, patient):
    operations.hand_over_case(
        actor=world.actor("coordinator"),
        now=world.later(days=1),
        case=case,
        coordinator=maya,
        reason="Rappeler la fille jeudi",
        version=1,
    )
    [row] = everything(Case)
    assert (row.coordinator_id, row.assigned_at, row.version) == (maya.pk, world.now, 2)
    present = everything(CareTeamParticipant, role="330", ended_at__isnull=True)
    assert [stay.practitioner_role_id for stay in present] == [maya.pk]
    held = everything(AccessGrant, source="support_case", valid_until__isnull=True)
    assert sorted(grant.grantee for grant in held) == sorted(
        [maya.key, f"org:{world.places['dac'].pk}"]
    )
    [alert] = everything(Alert, kind="case")
    assert alert.recipient == maya.key
    [step] = everything(CaseStep, kind="assigned")
    assert (step.former_coordinator_id, step.coordinator_id, step.reason) == (
        world.roles["coordinator"].pk,
        maya.pk,
        "Rappeler la fille jeudi",
    )
    assert level(world, "coordinator", patient) == Level.MANAGE


@pytest.mark.parametrize(
    ("to", "reason", "field"),
    [
        ("coordinator", "Voilà", "coordinator"),
        ("gp", "Voilà", "coordinator"),
        ("maya", "  ", "reason"),
    ],
)
def test_to_whom_a_case_is_not_handed_over(world, maya, case, to, reason, field):
    with pytest.raises(operations.UnableToLeadCase) as refusal:
        operations.hand_over_case(
            actor=world.actor("coordinator"),
            now=world.now,
            case=case,
            coordinator=world.roles[to],
            reason=reason,
        )
    assert refusal.value.field == field
    assert kinds() == ["opened"]


def test_a_screen_that_is_late_is_told_what_happened_meanwhile(world, maya, case):
    operations.hand_over_case(
        actor=world.actor("coordinator"),
        now=world.now,
        case=case,
        coordinator=maya,
        reason="Voilà",
        version=1,
    )
    with pytest.raises(operations.UnableToLeadCase, match="coordination confiée par"):
        operations.suspend_case(
            actor=world.actor("coordinator"), now=world.now, case=case, reason="Voyage", version=1
        )
    with pytest.raises(operations.UnableToCloseCase, match="a changé entre-temps"):
        close(world, case, version=1)


def test_a_contact_noted_afterwards_is_what_happened_last(world, maya, case):
    coordinator = world.actor("coordinator")
    operations.hand_over_case(
        actor=coordinator, now=world.later(days=1), case=case, coordinator=maya, reason="Voilà"
    )
    operations.record_contact(
        actor=coordinator, now=world.now, case=case, at=case.requested_at, contact="person"
    )
    with pytest.raises(operations.UnableToLeadCase, match="premier contact par"):
        operations.suspend_case(
            actor=coordinator, now=world.now, case=case, reason="Voyage", version=1
        )


def test_sql_gives_a_case_to_nobody_but_its_coordinator(world, maya, case, patient):
    with (
        pytest.raises(ProgrammingError, match="row-level security"),
        row_security.acting_as(
            world.actor("coordinator"), now=world.now, operation="support.hand_over"
        ),
    ):
        grants.grant(
            maya.key,
            patient_id=patient.pk,
            level=Level.MANAGE,
            source="support_case",
            source_id=case.pk,
            now=world.now,
        )


# --- Pause ----------------------------------------------------------------------------------------


def test_a_pause_says_why_and_until_when(world, case, patient):
    coordinator = world.actor("coordinator")
    for given, field in (
        ({"reason": " "}, "reason"),
        ({"reason": "Séjour", "resume_on": world.now.date()}, "resume_on"),
    ):
        with pytest.raises(operations.UnableToLeadCase) as refusal:
            operations.suspend_case(actor=coordinator, now=world.now, case=case, **given)
        assert refusal.value.field == field
    later = (world.now + timedelta(days=20)).date()
    operations.suspend_case(
        actor=coordinator, now=world.now, case=case, reason="Séjour à Paris", resume_on=later
    )
    with pytest.raises(operations.UnableToLeadCase, match="déjà suspendu"):
        operations.suspend_case(actor=coordinator, now=world.now, case=case, reason="Encore")
    assert level(world, "coordinator", patient) == Level.MANAGE
    row = operations.resume_case(actor=coordinator, now=world.later(days=20), case=case)
    assert (row.status, row.resume_on) == ("active", None)
    with pytest.raises(operations.UnableToLeadCase, match="pas suspendu"):
        operations.resume_case(actor=coordinator, now=world.now, case=case)
    assert kinds() == ["opened", "suspended", "resumed"]


# --- End and reopening ----------------------------------------------------------------------------


def test_a_closed_case_stays_with_its_team_without_the_identity(world, case, patient):
    close(world, case)
    coordinator = world.actor("coordinator")
    assert level(world, "coordinator", patient) is None
    with row_security.acting_as(coordinator, now=world.now):
        [row] = queries.caseload(actor=coordinator, status="finished")
        assert (row.outcome, row.person) == ("met", None)
        assert not Patient.objects.exists()
        assert [step.outcome for step in CaseStep.objects.filter(kind="closed")] == ["met"]
    with row_security.acting_as(world.actor("other_gp"), now=world.now):
        assert not Case.objects.exists()
        assert not CaseStep.objects.exists()


def test_a_case_closed_twice_is_closed_once(world, case):
    close(world, case)
    with pytest.raises((operations.UnableToCloseCase, UnableToAct)):
        close(world, case, reason="Encore", outcome="other")
    assert everything(Case)[0].outcome == "met"
    assert kinds() == ["opened", "closed"]


def test_reopening_asks_the_person_again_and_tells_who_manages(world, maya, case, patient):
    close(world, case)
    world.later(days=30)
    reopened = reopen(world, case, key="maya")
    assert (reopened.status, reopened.coordinator_id) == ("active", maya.pk)
    assert (reopened.closed_at, reopened.outcome, reopened.reopened_at) == (None, "", world.now)
    assert level(world, "coordinator", patient) == Level.MANAGE
    assert everything(Consent)[-1].recorded_by_id == maya.pk
    assert {alert.recipient for alert in everything(Alert, kind="circle")} >= {
        world.roles["gp"].key
    }
    assert everything(AuditEvent, operation="support.reopen")
    with pytest.raises(operations.UnableToReopenCase, match="déjà été rouvert"):
        reopen(world, case)
    assert kinds() == ["opened", "closed", "reopened"]


@pytest.mark.parametrize(
    ("given", "days", "field"),
    [
        ({"reason": " "}, 1, "reason"),
        ({"consent_given_by": ""}, 1, "given_by"),
        ({}, 366, None),
    ],
)
def test_what_reopening_needs(world, case, patient, given, days, field):
    close(world, case)
    world.later(days=days)
    with pytest.raises(operations.UnableToReopenCase) as refusal:
        reopen(world, case, **given)
    assert refusal.value.field == field
    assert level(world, "coordinator", patient) is None


def test_an_objection_since_keeps_a_case_closed(world, case, patient):
    close(world, case)
    care_teams.record_consent(
        actor=world.actor("gp"),
        now=world.later(days=1),
        patient=patient,
        decision="deny",
        given_by="person",
    )
    with pytest.raises(operations.UnableToReopenCase, match="s’oppose"):
        reopen(world, case)
    assert level(world, "coordinator", patient) is None
    assert kinds() == ["opened", "closed"]


def test_another_team_neither_leads_nor_reopens(world, case):
    for act, given in (
        (operations.suspend_case, {"reason": "Voyage"}),
        (operations.resume_case, {}),
        (operations.score_case, {"factors": []}),
        (operations.reopen_case, {"reason": "Non", "consent_given_by": "person"}),
    ):
        with pytest.raises(UnableToAct):
            act(actor=world.actor("gp"), now=world.now, case=case, **given)


def test_sql_opens_a_closed_case_to_no_other_team_and_not_after_a_year(world, case, patient):
    close(world, case)
    for key, days, operation in (
        ("gp", 1, "support.reopen"),
        ("coordinator", 1, "support.accept"),
        ("coordinator", 400, "support.reopen"),
    ):
        actor = world.actor(key)
        with (
            pytest.raises(ProgrammingError, match="row-level security"),
            row_security.acting_as(
                actor, now=world.now + timedelta(days=days), operation=operation
            ),
        ):
            grants.grant(
                f"org:{actor.organization_id}",
                patient_id=patient.pk,
                level=Level.MANAGE,
                source="support_case",
                source_id=case.pk,
                now=world.now + timedelta(days=days),
            )


@pytest.mark.django_db(transaction=True)
def test_of_two_reopenings_at_once_one_wins_and_the_other_reads_a_sentence(world, maya):
    case = open_case(world, world.circle("nurse").patient)
    close(world, case)
    start, outcomes = threading.Barrier(2), []

    def attempt(key):
        try:
            actor = world.actor(key)
            start.wait(timeout=10)
            operations.reopen_case(
                actor=actor, now=world.now, case=case, reason="Retour", consent_given_by="person"
            )
            outcomes.append("won")
        except operations.UnableToReopenCase as refusal:
            outcomes.append(refusal.message)
        finally:
            connection.close()

    threads = [threading.Thread(target=attempt, args=(key,)) for key in ("coordinator", "maya")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    [sentence] = [each for each in outcomes if each != "won"]
    assert len(outcomes) == 2
    assert sentence.startswith("Ce dossier a déjà été rouvert par ")
    assert len(everything(CaseStep, kind="reopened")) == 1


# --- Pages ----------------------------------------------------------------------------------------


def test_the_caseload_by_coordinator_and_state(world, maya, case, patient, open_as):
    client = open_as("coordinator")
    url = reverse("support:caseload")
    page = client.get(url).content.decode()
    assert "Claire Montgénie" in page
    assert "Sans contact depuis" in page
    assert not client.get(url, {"coordination": maya.pk}).context["rows"]
    assert client.get(url, {"coordination": "x' OR 1=1"}).status_code == 200
    close(world, case)
    page = client.get(url, {"etat": "clos"}).content.decode()
    assert "Identité refermée" in page
    assert "objectifs atteints" in page
    assert "Montgénie" not in page
    assert reverse("support:reopen", args=[case.pk]) in page


def test_leading_a_case_by_its_pages(world, maya, case, patient, open_as):
    client = open_as("coordinator")

    def url(name):
        return reverse(f"support:{name}", args=[patient.pk, case.pk])

    day = {"on": "2026-11-22", "at": "11:30", "contact": "relative"}
    assert client.post(url("contact"), day | {"on": "2027-01-01"}).status_code == 422
    assert client.post(url("contact"), day | {"on": "demain"}).status_code == 422
    assert client.post(url("contact"), day).status_code == 302
    assert client.post(url("score"), {"factors": ["age", "alone"]}).status_code == 302
    assert client.post(url("score"), {"factors": ["wealth"]}).status_code == 422
    page = client.get(url("case")).content.decode()
    assert "A besoin" not in page
    assert "75 ans ou plus (+1)" in page
    version = everything(Case)[0].version
    assert (
        client.post(
            url("suspend"), {"version": version, "reason": "Séjour", "resume_on": "2020-01-01"}
        ).status_code
        == 422
    )
    client.post(url("suspend"), {"version": version, "reason": "Séjour"})
    assert "Appui suspendu" in client.get(url("case")).content.decode()
    assert client.post(url("resume")).status_code == 302
    stale = {"version": version, "coordinator": maya.pk, "reason": "À toi"}
    answer = client.post(url("hand_over"), stale)
    assert answer.status_code == 422
    assert "À toi" in answer.content.decode()
    fresh = stale | {"version": everything(Case)[0].version}
    assert client.post(url("hand_over"), fresh).status_code == 302
    assert everything(Case)[0].coordinator_id == maya.pk


def test_reopening_by_its_page(world, case, open_as):
    close(world, case)
    client = open_as("coordinator")
    url = reverse("support:reopen", args=[case.pk])
    assert "Montgénie" not in client.get(url).content.decode()
    assert client.post(url, {"reason": "Retour"}).status_code == 422
    answer = client.post(url, {"reason": "Retour", "given_by": "person"})
    assert "Claire" in client.get(answer.url).content.decode()
    assert client.post(url, {"reason": "Retour", "given_by": "person"}).status_code == 422
    assert open_as("gp").get(url).status_code == 403


@pytest.mark.parametrize("count", [1, 12])
def test_the_number_of_queries_does_not_grow(world, maya, patient, open_as, count):
    case = open_case(world, patient)
    for number in range(count):
        open_case(world, world.circle("nurse", birth_family=f"Nom{chr(65 + number)}").patient)
        operations.score_case(
            actor=world.actor("coordinator"), now=world.now, case=case, factors=[]
        )
    client = open_as("coordinator")
    for url in (
        reverse("support:caseload"),
        reverse("support:case", args=[patient.pk, case.pk]),
        reverse("support:hand_over", args=[patient.pk, case.pk]),
        reverse("support:score", args=[patient.pk, case.pk]),
    ):
        with CaptureQueriesContext(connection) as captured:
            assert client.get(url).status_code == 200
        asked = [one["sql"] for one in captured if "SAVEPOINT" not in one["sql"]]
        assert len(asked) <= 8, (url, asked)
