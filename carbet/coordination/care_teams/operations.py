"""What can be done to a circle: open it, let members in and out, record consent, break the glass."""

from datetime import datetime

from django.db import IntegrityError, transaction

from carbet.coordination.alerts import operations as alerts
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.care_teams import queries, rules
from carbet.coordination.care_teams.choices import (
    ConsentDecision,
    ConsentGiver,
    GlassReason,
    GrantSource,
    ParticipantRole,
)
from carbet.coordination.care_teams.models import (
    CareTeam,
    CareTeamParticipant,
    Consent,
    GlassBreaking,
    RelatedPerson,
)
from carbet.core import grants, outbox
from carbet.core.actor import Actor, Level, account_key, organization_key
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.registries.directory.models import Organization, PractitionerRole
from carbet.registries.directory.rules import BREAK_GLASS, DOCTOR
from carbet.registries.patients.models import Patient


class UnableToOpenCareTeam(UnableTo):
    """The circle cannot be opened."""


class UnableToAddParticipant(UnableTo):
    """The member cannot enter the circle."""


class UnableToEndParticipation(UnableTo):
    """The member cannot leave."""


class UnableToRecordConsent(UnableTo):
    """The decision cannot be recorded."""


class UnableToBreakGlass(UnableTo):
    """The exceptional entry is refused."""


@operation("care_team.open", action="C")
def open_care_team(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    attending: bool | None = None,
) -> CareTeam:
    """Open the one circle of the person, with the opener as first member.

    A secretary opens it for the doctor she acts for. `attending` says whether the opener is the
    attending doctor (by default, when a doctor).

    Raises:
        UnableToOpenCareTeam: the person has a circle already.
    """
    try:
        with transaction.atomic():
            care_team = CareTeam.objects.create(
                patient=patient,
                started_at=now,
                updated_at=now,
                managing_organization_id=actor.organization_id,
            )
    except IntegrityError as error:
        raise UnableToOpenCareTeam("Cette personne a déjà un cercle de soins.") from error
    role_id = actor.delegated_role_ids[0] if actor.delegated_role_ids else actor.role_id
    if role_id is not None:
        role = PractitionerRole.objects.get(pk=role_id)
        is_attending = role.profession == DOCTOR if attending is None else attending
        _enter(
            care_team,
            now=now,
            practitioner_role=role,
            role=ParticipantRole.ATTENDING if is_attending else ParticipantRole.MEMBER,
            added_by_id=actor.role_id,
            least=Level.MANAGE,
        )
    trace.about(patient_id=patient.pk, entity=care_team)
    return care_team


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
    _lock(care_team)
    if queries.consent_decision(patient_id=care_team.patient_id) == ConsentDecision.OPPOSED:
        raise UnableToAddParticipant(
            "La personne s’oppose au partage : recueillez son accord avant d’élargir le cercle."
        )
    if practitioner_role is not None and practitioner_role.ended_at is not None:
        raise UnableToAddParticipant("Ce professionnel n’exerce plus dans cette structure.")
    try:
        with transaction.atomic():
            participant = _enter(
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
    _touch(care_team, now)
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
    if key := _key(participant):
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
        UnableToEndParticipation: they have left already, or nobody would manage the circle.
    """
    care_team = _lock(participant.care_team)
    row = CareTeamParticipant.objects.select_for_update().get(pk=participant.pk)
    if not rules.is_present(row.started_at, row.ended_at, at=now):
        raise UnableToEndParticipation("Ce membre a déjà quitté le cercle.")
    others = [
        other
        for other in queries.active_participants(care_team=care_team, on=now)
        if other.pk != row.pk and other.role in rules.MANAGING_ROLES
    ]
    if row.role in rules.MANAGING_ROLES and not others:
        raise UnableToEndParticipation(
            "Le cercle n’aurait plus de responsable : désignez d’abord un médecin traitant"
            " ou un coordonnateur."
        )
    # The grants end first: whoever leaves may still write that they left, and nothing after.
    row.ended_at, row.end_reason = now, reason
    row.save(update_fields=["ended_at", "end_reason"])
    _touch(care_team, now)
    trace.about(patient_id=care_team.patient_id, entity=row, reason=reason)
    grants.end(
        patient_id=care_team.patient_id,
        source=GrantSource.PARTICIPANT,
        source_id=row.pk,
        now=now,
    )
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
) -> CareTeamParticipant:
    """Record a relative and let them into the circle."""
    relative = RelatedPerson.objects.create(
        patient_id=care_team.patient_id,
        family=family,
        given=given,
        role=role,
        relationship=relationship,
        phone=phone,
        updated_at=now,
    )
    trace.about(patient_id=care_team.patient_id, entity=relative)
    return add_participant(
        actor=actor, now=now, care_team=care_team, related_person=relative, role=role
    )


@operation("consent.record", action="C")
def record_consent(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    decision: str,
    given_by: str,
    note: str = "",
) -> Consent:
    """Record what the person decided about sharing. A later decision replaces it; none is erased."""
    consent = Consent.objects.create(
        patient=patient,
        decision=ConsentDecision(decision),
        given_by=ConsentGiver(given_by),
        note=note,
        recorded_by_id=actor.role_id,
        recorded_at=now,
    )
    trace.about(patient_id=patient.pk, entity=consent)
    return consent


@operation("glass.break", action="E")
def break_glass(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int,
    reason: str,
    explanation: str,
) -> GlassBreaking:
    """Open a record to someone outside its circle, for four hours, and tell the circle at once.

    Source: CSP L1110-4; CNIL: justified, limited in time, traced, told, reviewed.

    Raises:
        UnableToAct: the role may not, at all.
        UnableToBreakGlass: no explanation.
    """
    if not actor.can(BREAK_GLASS) or actor.role_id is None:
        raise UnableToAct("Votre rôle ne permet pas l’accès exceptionnel.")
    if len(explanation.strip()) < 10:
        raise UnableToBreakGlass(
            "Expliquez en une phrase pourquoi vous devez entrer.", field="explanation"
        )
    until = now + rules.GLASS_DURATION
    grants.grant(
        f"role:{actor.role_id}",
        patient_id=patient_id,
        level=Level.WRITE,
        source=GrantSource.GLASS,
        now=now,
        valid_until=until,
    )
    breaking = GlassBreaking.objects.create(
        patient_id=patient_id,
        practitioner_role_id=actor.role_id,
        reason=GlassReason(reason),
        explanation=explanation.strip(),
        opened_at=now,
        valid_until=until,
    )
    alerts.raise_alert(
        actor=actor,
        now=now,
        patient_id=patient_id,
        recipients=queries.managing_keys(patient_id=patient_id),
        kind=AlertKind.GLASS,
        target="access",
        urgent=True,
    )
    trace.about(patient_id=patient_id, entity=breaking, reason=f"{reason} : {explanation}")
    return breaking


@operation("glass.review")
def review_glass(
    trace: Trace, *, actor: Actor, now: datetime, breaking: GlassBreaking, note: str
) -> GlassBreaking:
    """Record that an exceptional entry was looked at, and what was thought of it."""
    row = GlassBreaking.objects.select_for_update().get(pk=breaking.pk)
    if row.reviewed_at is not None:
        raise UnableTo("Cet accès a déjà été relu.")
    row.reviewed_at, row.reviewed_by_id, row.review_note = now, actor.role_id, note
    row.save(update_fields=["reviewed_at", "reviewed_by", "review_note"])
    trace.about(patient_id=row.patient_id, entity=row, reason=note)
    return row


@operation("portal.open", action="C")
def open_to_person(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    account_id: int,
    related_person: RelatedPerson | None = None,
) -> None:
    """Let the person, or a relative they chose, read the record from the portal."""
    grants.grant(
        account_key(account_id),
        patient_id=patient.pk,
        level=Level.READ,
        source=GrantSource.PERSON,
        source_id=related_person.pk if related_person else None,
        now=now,
    )
    if related_person is not None:
        related_person.account_id = account_id
        related_person.save(update_fields=["account"])
    trace.about(patient_id=patient.pk, entity=related_person or patient)


def _enter(
    care_team: CareTeam,
    *,
    now: datetime,
    role: str,
    practitioner_role: PractitionerRole | None = None,
    organization: Organization | None = None,
    related_person: RelatedPerson | None = None,
    added_by_id: int | None = None,
    started_at: datetime | None = None,
    ended_at: datetime | None = None,
    least: Level = Level.IDENTITY,
) -> CareTeamParticipant:
    """Write the stay of a member and the grant that goes with it."""
    participant = CareTeamParticipant.objects.create(
        care_team=care_team,
        patient_id=care_team.patient_id,
        practitioner_role=practitioner_role,
        organization=organization,
        related_person=related_person,
        role=role,
        started_at=started_at or now,
        ended_at=ended_at,
        added_by_id=added_by_id,
    )
    key = _key(participant)
    if key is None:
        return participant
    level = Level.WRITE
    if practitioner_role is not None:
        level = rules.level_of_member(category=practitioner_role.category, role=role)
    grants.grant(
        key,
        patient_id=care_team.patient_id,
        level=max(level, least),
        source=GrantSource.PARTICIPANT,
        source_id=participant.pk,
        now=now,
        valid_from=participant.started_at,
        valid_until=participant.ended_at,
    )
    return participant


def _key(participant: CareTeamParticipant) -> str | None:
    """Return under which key a member is granted access; a relative has none by membership."""
    if participant.practitioner_role_id is not None:
        return f"role:{participant.practitioner_role_id}"
    if participant.organization_id is not None:
        return organization_key(participant.organization_id)
    return None


def _lock(care_team: CareTeam) -> CareTeam:
    return CareTeam.objects.select_for_update().get(pk=care_team.pk)


def _touch(care_team: CareTeam, now: datetime) -> None:
    care_team.version += 1
    care_team.updated_at = now
    care_team.save(update_fields=["version", "updated_at"])
