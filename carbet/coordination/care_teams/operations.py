"""What can be done to a circle: open it, let members in and out, record consent, break glass."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from carbet.coordination.alerts import operations as alerts
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.care_teams import queries, rules
from carbet.coordination.care_teams.choices import (
    CareTeamStatus,
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
from carbet.registries.accounts.choices import AccountKind
from carbet.registries.accounts.models import Account
from carbet.registries.directory.models import Organization, PractitionerRole
from carbet.registries.directory.rules import BREAK_GLASS, DOCTOR
from carbet.registries.patients import operations as patients
from carbet.registries.patients import queries as known_persons
from carbet.registries.patients.models import Patient


class UnableToRegister(UnableTo):
    """The person is probably known already."""


class UnableToOpenCareTeam(UnableTo):
    """The circle cannot be opened."""


class UnableToAddParticipant(UnableTo):
    """The member cannot enter the circle."""


class UnableToEndParticipation(UnableTo):
    """The member cannot leave."""


class UnableToReviseCareTeam(UnableTo):
    """The circle cannot be brought to what is asked."""


class UnableToRecordConsent(UnableTo):
    """The decision cannot be recorded."""


class UnableToOpenPortal(UnableTo):
    """The personal space cannot be opened or closed as asked."""


class UnableToBreakGlass(UnableTo):
    """The exceptional entry is refused."""


@operation("care_team.register", action="C")
def register_with_circle(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    traits: dict[str, Any],
    decision: str,
    given_by: str,
    note: str = "",
    attending: bool | None = None,
    distinct: bool = False,
    gesture: UUID | None = None,
) -> Patient:
    """Register a person, record what they decided, and open their circle: all or none.

    Args:
        traits: as `patients.operations.register_patient` takes them.
        distinct: whoever registers has seen the persons known under these traits: it is another.
        gesture: the same one twice registers one person, the first.

    Raises:
        UnableToRegister: persons are known under these traits, and nobody said it was another.
        UnableToRegisterPatient, UnableToAct: the traits or the role do not allow it.
    """
    if gesture and (done := CareTeam.objects.filter(gesture=gesture).first()):
        patient = Patient.objects.get(pk=done.patient_id)
        trace.about(patient_id=patient.pk, entity=patient)
        return patient
    if not distinct and known_persons.find_by_traits(
        actor=actor,
        family=traits["birth_family"],
        given=traits["birth_given"][0],
        birth_date=traits["birth_date"],
        now=now,
    ):
        raise UnableToRegister(
            "Une personne est déjà connue sous ces traits : ouvrez son dossier, ou confirmez"
            " qu’il s’agit de quelqu’un d’autre.",
            field="distinct",
        )
    patient = patients.register_patient(actor=actor, now=now, **traits)
    record_consent(
        actor=actor, now=now, patient=patient, decision=decision, given_by=given_by, note=note
    )
    open_care_team(actor=actor, now=now, patient=patient, attending=attending, gesture=gesture)
    trace.about(patient_id=patient.pk, entity=patient)
    return patient


@operation("care_team.open", action="C")
def open_care_team(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    attending: bool | None = None,
    gesture: UUID | None = None,
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
                gesture=gesture,
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


@operation("care_team.coordinate", action="C")
def join_as_coordinator(
    trace: Trace, *, actor: Actor, now: datetime, patient: Patient
) -> CareTeamParticipant:
    """Let the actor, who takes charge of the person, into the circle as its coordinator.

    The circle is opened when there is none; a member already there becomes its coordinator.
    """
    care_team, opened = CareTeam.objects.get_or_create(
        patient=patient,
        defaults={
            "started_at": now,
            "updated_at": now,
            "managing_organization_id": actor.organization_id,
        },
    )
    if not opened:
        care_team = _lock(care_team)
        _touch(care_team, now)
    present = care_team.participants.filter(
        Q(ended_at__isnull=True) | Q(ended_at__gt=now), practitioner_role_id=actor.role_id
    ).first()
    if present is not None:
        present.role = ParticipantRole.COORDINATOR
        present.save(update_fields=["role"])
        participant = present
    else:
        participant = _enter(
            care_team,
            now=now,
            practitioner_role=PractitionerRole.objects.get(pk=actor.role_id),
            role=ParticipantRole.COORDINATOR,
            added_by_id=actor.role_id,
        )
    trace.about(patient_id=patient.pk, entity=participant)
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
        phone=phone,
        updated_at=now,
        gesture=gesture,
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
    gesture: UUID | None = None,
) -> Consent:
    """Record what the person decided about sharing; a later decision replaces, none erases."""
    if gesture and (done := Consent.objects.filter(gesture=gesture).first()):
        trace.about(patient_id=patient.pk, entity=done)
        return done
    consent = Consent.objects.create(
        patient=patient,
        decision=ConsentDecision(decision),
        given_by=ConsentGiver(given_by),
        note=note,
        recorded_by_id=actor.role_id,
        recorded_at=now,
        gesture=gesture,
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
    gesture: UUID | None = None,
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
    if gesture and (done := GlassBreaking.objects.filter(gesture=gesture).first()):
        trace.about(patient_id=patient_id, entity=done)
        return done
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
        gesture=gesture,
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


@operation("portal.invite", action="C")
def invite_to_portal(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    email: str,
    related_person_id: int | None = None,
) -> None:
    """Open the personal space to the account of this address: the person's, or a relative's.

    Raises:
        UnableToOpenPortal: no personal account has this address, or it reads the record already.
    """
    account = Account.objects.filter(
        email__iexact=email, kind=AccountKind.PERSON, is_active=True
    ).first()
    if account is None:
        raise UnableToOpenPortal(
            "Aucun compte personnel à cette adresse : la personne doit d’abord créer le sien.",
            field="email",
        )
    if account_key(account.pk) in queries.portal_keys(patient_id=patient.pk, on=now):
        raise UnableToOpenPortal("Ce compte lit déjà le dossier.", field="email")
    relative = None
    if related_person_id is not None:
        relative = RelatedPerson.objects.filter(
            pk=related_person_id, patient=patient, active=True
        ).first()
        if relative is None:
            raise UnableToOpenPortal("Ce proche ne fait pas partie du cercle.", field="holder")
    trace.about(patient_id=patient.pk, entity=relative or patient)
    open_to_person(
        actor=actor, now=now, patient=patient, account_id=account.pk, related_person=relative
    )


@operation("portal.close")
def close_portal(
    trace: Trace, *, actor: Actor, now: datetime, patient: Patient, account_id: int
) -> None:
    """Close the personal space to one account, at once.

    Raises:
        UnableToOpenPortal: the account did not read the record.
    """
    ended = grants.end(
        patient_id=patient.pk,
        source=GrantSource.PERSON,
        grantee=account_key(account_id),
        now=now,
    )
    if not ended:
        raise UnableToOpenPortal("Ce compte ne lit pas le dossier.")
    trace.about(patient_id=patient.pk, entity=f"Account/{account_id}")


@operation("care_team.receive", action="C")
def receive_care_team(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    fields: dict[str, Any],
    stays: list[dict[str, Any]],
) -> CareTeam:
    """Open the one circle of the person as another system describes it, its stays included.

    Args:
        fields: columns of CareTeam.
        stays: each with one of practitioner_role, organization, related_person, and the columns
            `role`, `started_at`, `ended_at` with their precisions.

    Raises:
        UnableToOpenCareTeam: the person has a circle already.
        UnableToAddParticipant: somebody is twice present, or the person objects to sharing.
    """
    if queries.consent_decision(patient_id=patient.pk) == ConsentDecision.OPPOSED:
        raise UnableToAddParticipant("La personne s’oppose au partage : son cercle reste fermé.")
    try:
        with transaction.atomic():
            care_team = CareTeam.objects.create(patient=patient, updated_at=now, **fields)
    except IntegrityError as error:
        raise UnableToOpenCareTeam("Cette personne a déjà un cercle de soins.") from error
    for stay in stays:
        _receive_stay(care_team, stay, now=now)
    trace.about(patient_id=patient.pk, entity=care_team)
    return care_team


@operation("care_team.revise")
def revise_care_team(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    care_team: CareTeam,
    version: int | None,
    fields: dict[str, Any],
    stays: list[dict[str, Any]],
) -> CareTeam:
    """Bring the circle to what another system describes: new stays, ends, roles; nothing erased.

    A stay is recognized by its member and its start.

    Args:
        version: the version that the other system had read, when it says so.

    Raises:
        UnableToReviseCareTeam: it changed meanwhile, or a stay is left out instead of ended.
        UnableToAddParticipant: somebody is twice present, or the person objects to sharing.
    """
    row = _lock(care_team)
    if version is not None and row.version != version:
        raise UnableToReviseCareTeam("Ce cercle a été modifié entre-temps : relisez-le.")
    if queries.consent_decision(patient_id=row.patient_id) == ConsentDecision.OPPOSED:
        raise UnableToAddParticipant("La personne s’oppose au partage : son cercle reste fermé.")
    before = row.status
    for name, value in fields.items():
        setattr(row, name, value)
    known = {_stay_key(each): each for each in row.participants.select_for_update()}
    for stay in stays:
        present = known.pop(_stay_key(CareTeamParticipant(**stay)), None)
        if present is None:
            _receive_stay(row, stay, now=now)
            continue
        changed = (present.role, present.ended_at) != (stay["role"], stay["ended_at"])
        if changed:
            for name in ("role", "ended_at", "ended_precision"):
                setattr(present, name, stay[name])
            present.save(update_fields=["role", "ended_at", "ended_precision"])
        if changed or row.status != before:
            _grant_again(row, present, now=now)
    if known:
        raise UnableToReviseCareTeam(
            "Un séjour dans le cercle ne s’efface pas : donnez-lui une fin."
        )
    # One row of history a version, so that each version can be read again.
    row.version += 1
    row.updated_at = now
    row.save(update_fields=[*fields, "version", "updated_at"])
    trace.about(patient_id=row.patient_id, entity=row)
    return row


@operation("related_person.receive", action="C")
def receive_related_person(
    trace: Trace, *, actor: Actor, now: datetime, patient: Patient, fields: dict[str, Any]
) -> RelatedPerson:
    """Record a relative as another system describes them, outside the circle so far."""
    relative = RelatedPerson.objects.create(patient=patient, updated_at=now, **fields)
    trace.about(patient_id=patient.pk, entity=relative)
    return relative


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
    _grant(participant, now=now, least=least)
    return participant


def _receive_stay(
    care_team: CareTeam, stay: dict[str, Any], *, now: datetime
) -> CareTeamParticipant:
    """Write a stay that another system describes; only an active circle opens the record."""
    try:
        with transaction.atomic():
            participant = CareTeamParticipant.objects.create(
                care_team=care_team, patient_id=care_team.patient_id, **stay
            )
    except IntegrityError as error:
        raise UnableToAddParticipant("Un membre est deux fois présent dans le cercle.") from error
    if care_team.status == CareTeamStatus.ACTIVE:
        _grant(participant, now=now)
    return participant


def _grant(
    participant: CareTeamParticipant, *, now: datetime, least: Level = Level.IDENTITY
) -> None:
    """Write the grant that goes with a stay; a relative has none."""
    key = _key(participant)
    if key is None:
        return
    level = Level.WRITE
    if participant.practitioner_role is not None:
        level = rules.level_of_member(
            category=participant.practitioner_role.category, role=participant.role
        )
    grants.grant(
        key,
        patient_id=participant.patient_id,
        level=max(level, least),
        source=GrantSource.PARTICIPANT,
        source_id=participant.pk,
        now=now,
        valid_from=participant.started_at,
        valid_until=participant.ended_at,
    )


def _grant_again(care_team: CareTeam, stay: CareTeamParticipant, *, now: datetime) -> None:
    """End the grant of a stay that changed, and open what it deserves now."""
    grants.end(
        patient_id=stay.patient_id, source=GrantSource.PARTICIPANT, source_id=stay.pk, now=now
    )
    still_there = stay.ended_at is None or stay.ended_at > now
    if care_team.status == CareTeamStatus.ACTIVE and still_there:
        _grant(stay, now=now)


def _stay_key(stay: CareTeamParticipant) -> tuple[Any, ...]:
    """Return what tells one stay from another: its member and its start."""
    return (
        stay.practitioner_role_id,
        stay.organization_id,
        stay.related_person_id,
        stay.started_at,
    )


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
