"""What can be done: send a person somewhere, say what became of it."""

import uuid
from datetime import datetime

from django.db import IntegrityError, transaction
from django.dispatch import Signal

from carbet.coordination.care_teams import access as care_teams_access
from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.orientation.choices import ReferralStatus
from carbet.coordination.orientation.models import Referral
from carbet.coordination.orientation.queries import Result
from carbet.core import live
from carbet.core.actor import Actor, DataCategory, Level
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.registries.patients.models import Patient

# A person is sent somewhere, or it is known what became of it: the notebook writes it down.
referred = Signal()


class UnableToRefer(UnableTo):
    """The person cannot be sent there as asked."""


class UnableToAnswer(UnableTo):
    """What became of the orientation cannot be kept."""


@operation("orientation.refer", action="C")
def refer(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    to: Result,
    reason: str,
    gesture: uuid.UUID,
    urgent: bool = False,
) -> Referral:
    """Send a person to a service, a structure or a professional; the notebook says it.

    Raises:
        UnableToAct: the role does not write in notebooks, nor for somebody who does.
        UnableToRefer: no reason, or this form already sent the person elsewhere.
    """
    reason = reason.strip()
    if actor.role_id is None:
        raise UnableToAct("Choisissez d’abord le rôle sous lequel vous travaillez.")
    if not reason:
        raise UnableToRefer("Dites pourquoi vous orientez cette personne.", field="reason")
    row = Referral(
        patient_id=patient.pk,
        category=care_teams_access.category_of_author(patient),
        kind=to.kind,
        target=to.target,
        organization_id=to.organization_id,
        name=to.name[:220],
        organization_name=to.organization[:200],
        commune_name=to.commune_name,
        journey=to.journey_in_words[:120],
        phone=to.phone,
        reason=reason,
        urgent=urgent,
        author_role_id=actor.role_id,
        author_name=actor.display_name,
        created_at=now,
        gesture=gesture,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        return _written_before(trace, row, error)
    place = f", {row.organization_name}" if row.organization_name != row.name else ""
    where = f" ({row.commune_name}, {row.journey})" if row.commune_name else ""
    text = f"Orientation vers {row.name}{place}{where}.\n{reason}"
    _tell(row, patient, text, actor=actor, now=now, urgent=urgent)
    trace.about(patient_id=row.patient_id, entity=row)
    return row


@operation("orientation.answer")
def answer(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    referral: Referral,
    status: str,
    comment: str = "",
) -> Referral:
    """Say what became of an orientation: whoever of the circle learns it first says it.

    Raises:
        UnableToAnswer: it is known already, or it did not succeed and nobody says why.
    """
    row = Referral.objects.select_for_update().filter(pk=referral.pk).first()
    comment = comment.strip()
    if row is None or row.status != ReferralStatus.ACTIVE:
        raise UnableToAnswer("La suite de cette orientation a déjà été enregistrée.")
    if status == ReferralStatus.ACTIVE:
        raise UnableToAnswer("Dites ce qu’il en est.", field="status")
    if status != ReferralStatus.COMPLETED and not comment:
        raise UnableToAnswer("Précisez pourquoi : cela évite de redemander.", field="comment")
    row.status, row.comment = ReferralStatus(status), comment
    row.answered_by, row.answered_at = actor.display_name, now
    row.save(update_fields=["status", "comment", "answered_by", "answered_at"])
    said = ReferralStatus(status).label
    text = f"Orientation vers {row.name} : {said[0].lower()}{said[1:]}.\n{comment}".strip()
    _tell(row, patient, text, actor=actor, now=now, urgent=False)
    trace.about(patient_id=row.patient_id, entity=row, reason=str(said))
    return row


def _tell(
    row: Referral, patient: Patient, text: str, *, actor: Actor, now: datetime, urgent: bool
) -> None:
    """Tell the rooms above and the open screens of the circle."""
    referred.send(
        sender=Referral,
        actor=actor,
        now=now,
        patient=patient,
        text=text,
        urgent=urgent,
        category=DataCategory(row.category),
        # Always the same for one step of one orientation.
        gesture=uuid.uuid5(row.gesture, row.status),
    )
    live.announce(
        care_teams.keys_of_level(
            patient_id=row.patient_id, level=Level.READ, category=DataCategory(row.category)
        ),
        "orientation",
        now=now,
    )


def _written_before(trace: Trace, row: Referral, error: IntegrityError) -> Referral:
    """Return the orientation that the same gesture wrote, when it says the same."""
    before = Referral.objects.filter(gesture=row.gesture, patient_id=row.patient_id).first()
    same = before is not None and (before.author_role_id, before.target, before.reason) == (
        row.author_role_id,
        row.target,
        row.reason,
    )
    if before is None or not same:
        raise UnableToRefer(
            "Ce formulaire a déjà enregistré une orientation. Celle-ci n’est pas encore"
            " enregistrée : envoyez-la à nouveau."
        ) from error
    trace.about(patient_id=before.patient_id, entity=before, reason="déjà enregistrée")
    return before
