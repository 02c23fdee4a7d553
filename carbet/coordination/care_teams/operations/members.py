"""Let members in and out of a circle."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from carbet.coordination.alerts import operations as alerts
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.care_teams import access, queries, rules
from carbet.coordination.care_teams.choices import (
    ConsentDecision,
    GrantSource,
    ParticipantRole,
)
from carbet.coordination.care_teams.models import (
    CareTeam,
    CareTeamParticipant,
    RelatedPerson,
)
from carbet.coordination.care_teams.operations.holding import (
    UnableToAddParticipant,
    enter,
    grant_again,
    key_of,
    lock,
    touch,
)
from carbet.core import grants, live, outbox
from carbet.core.actor import Actor, DataCategory, Level
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation
from carbet.registries.directory.models import Organization, PractitionerRole


class UnableToEndParticipation(UnableTo):
    """The member cannot leave."""


class UnableToDecideScope(UnableTo):
    """What the person opens to this member cannot be recorded."""


@operation("care_team.participant.add", action="C")
def add_participant(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    care_team: CareTeam,
    practitioner_role: PractitionerRole | None = None,
    organization: Organization | None = None,
    related_person: RelatedPerson | None = None,
    role: str = "",
) -> CareTeamParticipant:
    """Let one member into the circle, and invite them by secure mail.

    Raises:
        UnableToAddParticipant: already a member, no longer practising, or the person objects.
    """
    lock(care_team)
    if queries.consent_decision(patient_id=care_team.patient_id) == ConsentDecision.OPPOSED:
        raise UnableToAddParticipant(
            "La personne s’oppose au partage : recueillez son accord avant d’élargir le cercle."
        )
    if practitioner_role is not None and practitioner_role.ended_at is not None:
        raise UnableToAddParticipant("Ce professionnel n’exerce plus dans cette structure.")
    try:
        with transaction.atomic():
            participant = enter(
                care_team,
                now=now,
                practitioner_role=practitioner_role,
                organization=organization,
                related_person=related_person,
                role=role or ParticipantRole.MEMBER,
                added_by_id=actor.role_id,
            )
    except IntegrityError as error:
        raise UnableToAddParticipant("Ce membre fait déjà partie du cercle.") from error
    touch(care_team, now)
    address = practitioner_role.secure_email if practitioner_role else ""
    if not address and organization is not None:
        address = organization.secure_email
    if address:
        outbox.send(
            "care_team.invitation",
            {"to": address, "participant": participant.pk},
            idempotency_key=f"care_team.invitation:{participant.pk}",
            now=now,
            patient_id=care_team.patient_id,
        )
    if key := key_of(participant):
        alerts.raise_alert(
            actor=actor,
            now=now,
            patient_id=care_team.patient_id,
            recipients=[key],
            kind=AlertKind.CIRCLE,
            target="circle",
        )
    trace.about(patient_id=care_team.patient_id, entity=participant)
    return participant


@operation("care_team.participant.end")
def end_participation(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    participant: CareTeamParticipant,
    reason: str = "",
) -> CareTeamParticipant:
    """Let one member leave: the record closes for them at once; what they wrote stays.

    Raises:
        UnableToEndParticipation: they have left already, or nobody would manage the circle of
            a person who lives.
    """
    care_team = lock(participant.care_team)
    row = CareTeamParticipant.objects.select_for_update().get(pk=participant.pk)
    if not rules.is_present(row.started_at, row.ended_at, at=now):
        raise UnableToEndParticipation("Ce membre a déjà quitté le cercle.")
    others = [
        other
        for other in queries.active_participants(care_team=care_team, on=now)
        if other.pk != row.pk and other.role in rules.MANAGING_ROLES
    ]
    died = care_team.patient.deceased_on is not None
    if row.role in rules.MANAGING_ROLES and not others and not died:
        raise UnableToEndParticipation(
            "Le cercle n’aurait plus de responsable : désignez d’abord un médecin traitant"
            " ou un coordonnateur."
        )
    # The grants end first: whoever leaves may still write that they left, and nothing after.
    row.ended_at, row.end_reason = now, reason
    row.save(update_fields=["ended_at", "end_reason"])
    touch(care_team, now)
    trace.about(patient_id=care_team.patient_id, entity=row, reason=reason)
    grants.end(
        patient_id=care_team.patient_id,
        source=GrantSource.PARTICIPANT,
        source_id=row.pk,
        now=now,
    )
    # Their open pages ask again, find the door closed, and empty themselves.
    if key := key_of(row):
        live.announce([key], "circle", now=now)
    return row


@operation("care_team.participant.scope")
def decide_scope(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    participant: CareTeamParticipant,
    scope: DataCategory | None,
    note: str,
) -> CareTeamParticipant:
    """Record which data the person opens to one member; the record follows at once.

    Args:
        scope: None to follow the member's role again.
        note: how the person said so: the proof of their decision.

    Raises:
        UnableToDecideScope: they left, have no access, manage the circle, or nothing says that the
            person decided; or the actor does not read what they would open.
    """
    care_team = lock(participant.care_team)
    row = CareTeamParticipant.objects.select_for_update().get(pk=participant.pk)
    note = note.strip()
    if key_of(row) is None:
        raise UnableToDecideScope("Un proche ne lit le dossier que par l’espace personnel.")
    if not rules.is_present(row.started_at, row.ended_at, at=now):
        raise UnableToDecideScope("Ce membre a quitté le cercle.")
    if row.role in rules.MANAGING_ROLES and scope is not None:
        raise UnableToDecideScope(
            "Un responsable du cercle lit tout le dossier : désignez d’abord quelqu’un d’autre."
        )
    if not note:
        raise UnableToDecideScope(
            "Dites comment la personne a fait connaître son choix.", field="note"
        )
    held = access.opened(patient_id=row.patient_id, level=Level.MANAGE)
    if scope is not None and scope not in held:
        raise UnableToDecideScope("Vous ne pouvez ouvrir que ce que vous lisez vous-même.")
    row.scope = None if scope is None else int(scope)
    row.save(update_fields=["scope"])
    grant_again(care_team, row, now=now)
    touch(care_team, now)
    if key := key_of(row):
        live.announce([key], "circle", now=now)
    trace.about(patient_id=row.patient_id, entity=row, reason=note)
    return row


@operation("care_team.related_person.add", action="C")
def add_related_person(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    care_team: CareTeam,
    family: str,
    given: str,
    role: str,
    relationship: str,
    phone: str,
    capacity: str = "",
    gesture: UUID | None = None,
) -> CareTeamParticipant:
    """Record a relative and let them into the circle."""
    if gesture and (done := care_team.participants.filter(related_person__gesture=gesture).first()):
        trace.about(patient_id=care_team.patient_id, entity=done)
        return done
    relative = RelatedPerson.objects.create(
        patient_id=care_team.patient_id,
        family=family,
        given=given,
        role=role,
        relationship=relationship,
        capacity=capacity,
        phone=phone,
        updated_at=now,
        gesture=gesture,
    )
    trace.about(patient_id=care_team.patient_id, entity=relative)
    return add_participant(
        actor=actor, now=now, care_team=care_team, related_person=relative, role=role
    )
