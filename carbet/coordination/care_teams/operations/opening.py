"""Open the circle: with the person’s registration, alone, or by taking charge of her."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from carbet.coordination.care_teams.choices import (
    ParticipantRole,
)
from carbet.coordination.care_teams.models import (
    CareTeam,
    CareTeamParticipant,
)
from carbet.coordination.care_teams.operations.deciding import record_consent
from carbet.coordination.care_teams.operations.holding import (
    enter,
    lock,
    touch,
)
from carbet.coordination.care_teams.operations.members import add_related_person
from carbet.core.actor import Actor, Level
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation
from carbet.registries.directory.models import PractitionerRole
from carbet.registries.directory.rules import DOCTOR
from carbet.registries.patients import operations as patients
from carbet.registries.patients import queries as known_persons
from carbet.registries.patients.models import Patient
from carbet.registries.patients.rules import traits_in


class UnableToRegister(UnableTo):
    """The person is probably known already."""


class UnableToOpenCareTeam(UnableTo):
    """The circle cannot be opened."""


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
    representative: dict[str, str] | None = None,
    attending: bool | None = None,
    distinct: bool = False,
    gesture: UUID | None = None,
) -> Patient:
    """Register a person, record what they decided, and open their circle: all or none.

    Args:
        traits: as `patients.operations.register_patient` takes them.
        representative: who answered for the person, as columns of RelatedPerson with their
            `capacity`; they enter the circle.
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
        further=traits_in(traits),
    ):
        raise UnableToRegister(
            "Une personne est déjà connue sous ces traits ou presque : ouvrez son dossier, ou"
            " confirmez qu’il s’agit de quelqu’un d’autre.",
            field="distinct",
        )
    patient = patients.register_patient(actor=actor, now=now, **traits)
    care_team = open_care_team(
        actor=actor, now=now, patient=patient, attending=attending, gesture=gesture
    )
    relative = None
    if representative is not None:
        relative = add_related_person(
            actor=actor, now=now, care_team=care_team, **representative
        ).related_person
    record_consent(
        actor=actor,
        now=now,
        patient=patient,
        decision=decision,
        given_by=given_by,
        note=note,
        related_person=relative,
    )
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
        enter(
            care_team,
            now=now,
            practitioner_role=role,
            role=ParticipantRole.ATTENDING if is_attending else ParticipantRole.MEMBER,
            added_by_id=actor.role_id,
            least=Level.MANAGE,
        )
    trace.about(patient_id=patient.pk, entity=care_team)
    return care_team


@operation("care_team.coordinate", action="C")
def join_as_coordinator(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    role_id: int | None = None,
) -> CareTeamParticipant:
    """Let whoever takes charge of the person into the circle as its coordinator.

    The circle is opened when there is none; a member already there becomes its coordinator.

    Args:
        role_id: the role that takes charge, when it is not the actor's own.
    """
    role_id = role_id or actor.role_id
    care_team, opened = CareTeam.objects.get_or_create(
        patient=patient,
        defaults={
            "started_at": now,
            "updated_at": now,
            "managing_organization_id": actor.organization_id,
        },
    )
    if not opened:
        care_team = lock(care_team)
        touch(care_team, now)
    present = care_team.participants.filter(
        Q(ended_at__isnull=True) | Q(ended_at__gt=now), practitioner_role_id=role_id
    ).first()
    if present is not None:
        present.role = ParticipantRole.COORDINATOR
        present.save(update_fields=["role"])
        participant = present
    else:
        participant = enter(
            care_team,
            now=now,
            practitioner_role=PractitionerRole.objects.get(pk=role_id),
            role=ParticipantRole.COORDINATOR,
            added_by_id=actor.role_id,
        )
    trace.about(patient_id=patient.pk, entity=participant)
    return participant
