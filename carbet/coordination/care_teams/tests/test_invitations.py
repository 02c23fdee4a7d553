"""Invitations: asked, seen by the guest alone, accepted or declined once, withdrawn, expired."""

import pytest
from django.urls import reverse

from carbet.coordination.care_teams import access, operations, queries
from carbet.coordination.care_teams.choices import ConsentDecision, ConsentGiver, InvitationStatus
from carbet.coordination.care_teams.models import CareTeam, CareTeamParticipant, Invitation
from carbet.core import row_security
from carbet.core.actor import Level, internal
from carbet.core.models import AuditEvent
from carbet.registries.patients.access import NoSuchRecord

pytestmark = pytest.mark.django_db


def everything(model, **conditions):
    with row_security.acting_as(internal("test")):
        return list(model.objects.filter(**conditions))


@pytest.fixture
def care_team(world):
    return world.circle()


def invite(world, care_team, key="nurse"):
    return operations.invite(
        actor=world.actor("gp"),
        now=world.now,
        care_team=care_team,
        practitioner_role=world.roles[key],
    )


def enters(world, care_team, level, key="nurse"):
    actor = world.actor(key)
    with row_security.acting_as(actor, now=world.now):
        try:
            access.get_record(
                actor=actor, patient_id=care_team.patient_id, now=world.now, level=level
            )
        except NoSuchRecord:
            return False
    return True


def test_a_guest_sees_whom_then_accepts_and_enters(world, care_team):
    invitation = invite(world, care_team)
    assert invite(world, care_team) == invitation
    assert enters(world, care_team, Level.IDENTITY)
    assert not enters(world, care_team, Level.READ)
    operations.accept_invitation(actor=world.actor("nurse"), now=world.now, invitation=invitation)
    assert enters(world, care_team, Level.WRITE)
    assert not enters(world, care_team, Level.MANAGE)
    [row] = everything(Invitation)
    assert (row.status, row.answered_at) == (InvitationStatus.ACCEPTED, world.now)
    [event] = everything(AuditEvent, operation="care_team.invitation.accept")
    assert event.role_id == world.roles["nurse"].pk
    with pytest.raises(operations.UnableToAnswerInvitation, match="déjà reçu"):
        operations.accept_invitation(
            actor=world.actor("nurse"), now=world.now, invitation=invitation
        )
    assert len(everything(CareTeamParticipant, practitioner_role=world.roles["nurse"])) == 1


def test_a_guest_who_declines_sees_nothing_more(world, care_team):
    invitation = invite(world, care_team)
    operations.decline_invitation(
        actor=world.actor("nurse"), now=world.now, invitation=invitation, reason="En congé"
    )
    assert not enters(world, care_team, Level.IDENTITY)
    [row] = everything(Invitation)
    assert (row.status, row.reason) == (InvitationStatus.DECLINED, "En congé")


def test_an_invitation_expires_by_itself(world, care_team):
    invitation = invite(world, care_team)
    world.later(days=15)
    assert not enters(world, care_team, Level.IDENTITY)
    with pytest.raises(operations.UnableToAnswerInvitation, match="expiré"):
        operations.accept_invitation(
            actor=world.actor("nurse"), now=world.now, invitation=invitation
        )
    again = invite(world, care_team)
    assert again != invitation
    with row_security.acting_as(world.actor("nurse"), now=world.now):
        waiting = queries.invitations_to_answer(actor=world.actor("nurse"), now=world.now)
        assert list(waiting) == [again]


def test_what_is_withdrawn_or_opposed_opens_nothing(world, care_team):
    invitation = invite(world, care_team)
    operations.withdraw_invitation(actor=world.actor("gp"), now=world.now, invitation=invitation)
    with pytest.raises(operations.UnableToAnswerInvitation, match="retirée"):
        operations.accept_invitation(
            actor=world.actor("nurse"), now=world.now, invitation=invitation
        )
    invitation = invite(world, care_team)
    operations.record_consent(
        actor=world.actor("gp"),
        now=world.later(minutes=1),
        patient=care_team.patient,
        decision=ConsentDecision.OPPOSED,
        given_by=ConsentGiver.PERSON,
    )
    with pytest.raises(operations.UnableToAnswerInvitation, match="oppose"):
        operations.accept_invitation(
            actor=world.actor("nurse"), now=world.now, invitation=invitation
        )
    assert not enters(world, care_team, Level.READ)


def test_nobody_answers_for_another_nor_invites_without_managing(world, care_team):
    invitation = invite(world, care_team)
    for key in ("far_nurse", "gp"):
        with pytest.raises(operations.UnableToAnswerInvitation):
            operations.accept_invitation(
                actor=world.actor(key), now=world.now, invitation=invitation
            )
    with pytest.raises(CareTeam.DoesNotExist):
        operations.invite(
            actor=world.actor("nurse"),
            now=world.now,
            care_team=care_team,
            practitioner_role=world.roles["far_nurse"],
        )


def test_the_pages_ask_and_answer(world, care_team, sign_in):
    gp = sign_in(world.accounts["gp"], role=world.roles["gp"])
    sent = {"member": f"role-{world.roles['nurse'].pk}", "role": "353", "ask_first": "on"}
    assert gp.post(reverse("care_teams:add", args=[care_team.patient_id]), sent).status_code == 302
    circle = reverse("care_teams:detail", args=[care_team.patient_id])
    invited = reverse("care_teams:invited", args=[care_team.patient_id])
    assert "Sans réponse" in gp.get(invited).content.decode()
    nurse = sign_in(world.accounts["nurse"], role=world.roles["nurse"])
    assert "Claire Montgénie" in nurse.get("/").content.decode()
    page = nurse.get(reverse("care_teams:invitations")).content.decode()
    assert "Claire Montgénie" in page
    assert nurse.get(circle).status_code == 404
    [invitation] = everything(Invitation)
    address = reverse("care_teams:answer_invitation", args=[invitation.pk])
    assert nurse.post(address, {"answer": "peut-être"}).status_code == 302
    assert nurse.post(address, {"answer": "accept"}).status_code == 302
    assert nurse.get(circle).status_code == 200
