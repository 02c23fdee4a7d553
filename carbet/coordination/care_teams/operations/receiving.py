"""Take in a circle and relatives as another system describes them."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from carbet.coordination.care_teams import queries
from carbet.coordination.care_teams.choices import (
    CareTeamStatus,
    ConsentDecision,
)
from carbet.coordination.care_teams.models import (
    CareTeam,
    CareTeamParticipant,
    RelatedPerson,
)
from carbet.coordination.care_teams.operations.holding import (
    UnableToAddParticipant,
    grant_again,
    grant_stay,
    lock,
)
from carbet.coordination.care_teams.operations.opening import UnableToOpenCareTeam
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation
from carbet.registries.patients.models import Patient


class UnableToReviseCareTeam(UnableTo):
    """The circle cannot be brought to what is asked."""


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
    row = lock(care_team)
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
            grant_again(row, present, now=now)
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
        grant_stay(participant, now=now)
    return participant


def _stay_key(stay: CareTeamParticipant) -> tuple[Any, ...]:
    """Return what tells one stay from another: its member and its start."""
    return (
        stay.practitioner_role_id,
        stay.organization_id,
        stay.related_person_id,
        stay.started_at,
    )
