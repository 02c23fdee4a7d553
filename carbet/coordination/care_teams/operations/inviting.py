"""Invite a professional into a circle; accept, decline, or withdraw the invitation."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from carbet.coordination.alerts import operations as alerts
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.care_teams import queries, rules
from carbet.coordination.care_teams.choices import (
    ConsentDecision,
    GrantSource,
    InvitationStatus,
    ParticipantRole,
)
from carbet.coordination.care_teams.models import CareTeam, CareTeamParticipant, Invitation
from carbet.coordination.care_teams.operations.holding import enter, lock, touch
from carbet.core import grants, live, row_security
from carbet.core.actor import Actor, Level, internal, role_key
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation
from carbet.registries.directory.models import PractitionerRole


class UnableToInvite(UnableTo):
    """The invitation cannot be sent."""


class UnableToAnswerInvitation(UnableTo):
    """The invitation cannot be accepted, declined or withdrawn any more."""


@operation("care_team.invitation.send", action="C")
def invite(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    care_team: CareTeam,
    practitioner_role: PractitionerRole,
    role: str = "",
) -> Invitation:
    """Invite a professional, who sees whom it is about and nothing else until they accept.

    The same invitation sent twice is one.

    Raises:
        UnableToInvite: already a member, no longer practising, or the person objects.
    """
    patient_id = care_team.patient_id
    if queries.consent_decision(patient_id=patient_id) == ConsentDecision.OPPOSED:
        raise UnableToInvite(
            "La personne s’oppose au partage : recueillez son accord avant d’élargir le cercle."
        )
    if practitioner_role.ended_at is not None:
        raise UnableToInvite("Ce professionnel n’exerce plus dans cette structure.")
    present = queries.active_participants(care_team=care_team, on=now)
    if any(stay.practitioner_role_id == practitioner_role.pk for stay in present):
        raise UnableToInvite("Ce membre fait déjà partie du cercle.", field="member")
    lock(care_team)
    waiting = Invitation.objects.filter(
        patient_id=patient_id,
        practitioner_role=practitioner_role,
        status=InvitationStatus.PENDING,
    ).first()
    if waiting is not None and waiting.expires_at > now:
        trace.about(patient_id=patient_id, entity=waiting, reason="déjà envoyée")
        return waiting
    if waiting is not None:
        waiting.status, waiting.answered_at = InvitationStatus.WITHDRAWN, now
        waiting.save(update_fields=["status", "answered_at"])
    invitation = Invitation.objects.create(
        patient_id=patient_id,
        practitioner_role=practitioner_role,
        role=role or ParticipantRole.MEMBER,
        invited_by_id=actor.role_id,
        invited_at=now,
        expires_at=now + timedelta(days=rules.INVITATION_DAYS),
    )
    grants.grant(
        practitioner_role.key,
        patient_id=patient_id,
        level=Level.IDENTITY,
        categories=0,
        source=GrantSource.INVITATION,
        source_id=invitation.pk,
        now=now,
        valid_until=invitation.expires_at,
    )
    alerts.raise_alert(
        actor=actor,
        now=now,
        patient_id=patient_id,
        recipients=[practitioner_role.key],
        kind=AlertKind.CIRCLE,
        target="invitation",
    )
    live.announce([practitioner_role.key], "circle", now=now)
    trace.about(patient_id=patient_id, entity=invitation)
    return invitation


@operation("care_team.invitation.accept")
def accept_invitation(
    trace: Trace, *, actor: Actor, now: datetime, invitation: Invitation
) -> CareTeamParticipant:
    """Enter the circle as invited: the record opens at once.

    Raises:
        UnableToAnswerInvitation: answered, withdrawn or expired; the person objects since; already
            a member.
    """
    row = _lock(invitation, now=now)
    if row.practitioner_role.key not in actor.grantees:
        raise UnableToAnswerInvitation("Cette invitation ne vous est pas adressée.")
    # The guest manages nothing yet: the house lets them in, as whoever manages has decided.
    with row_security.acting_as(
        internal("Invitation acceptée"),
        now=now,
        operation="care_team.invitation.accept",
        context_id=str(trace.context_id),
    ):
        if queries.consent_decision(patient_id=row.patient_id) == ConsentDecision.OPPOSED:
            raise UnableToAnswerInvitation("La personne s’oppose désormais au partage.")
        care_team = lock(CareTeam.objects.get(patient_id=row.patient_id))
        try:
            with transaction.atomic():
                participant = enter(
                    care_team,
                    now=now,
                    practitioner_role=row.practitioner_role,
                    role=row.role,
                    added_by_id=row.invited_by_id,
                )
        except IntegrityError as error:
            raise UnableToAnswerInvitation("Vous faites déjà partie du cercle.") from error
        touch(care_team, now)
    _close(row, InvitationStatus.ACCEPTED, now=now)
    _tell_who_invited(row, actor=actor, now=now)
    trace.about(patient_id=row.patient_id, entity=row)
    return participant


@operation("care_team.invitation.decline")
def decline_invitation(
    trace: Trace, *, actor: Actor, now: datetime, invitation: Invitation, reason: str = ""
) -> Invitation:
    """Decline: whoever invited is told, and the identity closes again.

    Raises:
        UnableToAnswerInvitation: answered, withdrawn or expired.
    """
    row = _lock(invitation, now=now)
    if row.practitioner_role.key not in actor.grantees:
        raise UnableToAnswerInvitation("Cette invitation ne vous est pas adressée.")
    row.reason = reason.strip()[:200]
    _tell_who_invited(row, actor=actor, now=now)
    trace.about(patient_id=row.patient_id, entity=row, reason=row.reason)
    _close(row, InvitationStatus.DECLINED, now=now)
    return row


@operation("care_team.invitation.withdraw")
def withdraw_invitation(
    trace: Trace, *, actor: Actor, now: datetime, invitation: Invitation
) -> Invitation:
    """Take an invitation back before it is answered.

    Raises:
        UnableToAnswerInvitation: answered, withdrawn or expired.
    """
    row = _lock(invitation, now=now)
    _close(row, InvitationStatus.WITHDRAWN, now=now)
    live.announce([row.practitioner_role.key], "circle", now=now)
    trace.about(patient_id=row.patient_id, entity=row)
    return row


def _lock(invitation: Invitation, *, now: datetime) -> Invitation:
    row = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("practitioner_role")
        .filter(pk=invitation.pk)
        .first()
    )
    if row is None or row.status != InvitationStatus.PENDING:
        raise UnableToAnswerInvitation("Cette invitation a déjà reçu une réponse, ou est retirée.")
    if row.expires_at <= now:
        raise UnableToAnswerInvitation("Cette invitation a expiré : demandez-en une autre.")
    return row


def _close(row: Invitation, status: InvitationStatus, *, now: datetime) -> None:
    """Write the answer; the grant that showed the identity ends last, for it shows the row too."""
    row.status, row.answered_at = status, now
    row.save(update_fields=["status", "answered_at", "reason"])
    grants.end(patient_id=row.patient_id, source=GrantSource.INVITATION, source_id=row.pk, now=now)


def _tell_who_invited(row: Invitation, *, actor: Actor, now: datetime) -> None:
    if row.invited_by_id is None:
        return
    alerts.raise_alert(
        actor=actor,
        now=now,
        patient_id=row.patient_id,
        recipients=[role_key(row.invited_by_id)],
        kind=AlertKind.CIRCLE,
        target="circle",
    )
    live.announce([role_key(row.invited_by_id)], "circle", now=now)
