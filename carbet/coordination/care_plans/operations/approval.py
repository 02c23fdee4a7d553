"""What whoever was asked says of a plan: approve it as they read it, send it back, comment."""

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from django.db.models import Max

from carbet.coordination.alerts import operations as alerts
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.care_plans import queries, rules
from carbet.coordination.care_plans.choices import PlanStatus
from carbet.coordination.care_plans.models import CarePlan, CarePlanVersion, PlanComment
from carbet.coordination.care_plans.operations import asking, holding
from carbet.coordination.care_teams import access as care_teams
from carbet.core.actor import Actor, DataCategory, Level, role_key
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.registries.directory.rules import APPROVE_PLAN


class UnableToProposePlan(UnableTo):
    """The plan cannot be proposed."""


class UnableToDecide(UnableTo):
    """The plan can be neither approved nor sent back."""


@operation("care_plan.propose")
def propose(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int,
    revision: int,
    approver_id: int,
) -> CarePlan:
    """Ask a professional of the circle to approve the plan as it stands, and alert them.

    A doctor first of all; else another carer by name, who is not the one who proposes.

    Raises:
        StalePlan: the plan changed since `revision`.
        UnableToProposePlan: something is missing, or the approver may not approve it.
    """
    plan = holding.open_plan(actor, patient_id, revision)
    if plan.status == PlanStatus.ACTIVE:
        raise UnableToProposePlan("Ce plan est déjà approuvé : rien n’a changé depuis.")
    standing = queries.get_plan(patient_id=patient_id)
    if missing := rules.missing_for_proposal(standing.content):
        raise UnableToProposePlan(missing)
    present = queries.approvers(
        queries.members(patient_id=patient_id, now=now), proposer_id=actor.role_id
    )
    if approver_id not in {member.practitioner_role_id for member in present}:
        raise UnableToProposePlan(
            "Choisissez un médecin du cercle, ou un autre soignant que vous.", field="approver"
        )
    plan.status = PlanStatus.PROPOSED
    plan.approver_id = approver_id
    plan.proposed_at, plan.proposed_by_id = now, actor.role_id
    plan.returned_at, plan.returned_comment = None, ""
    plan.save(
        update_fields=[
            "status",
            "approver",
            "proposed_at",
            "proposed_by",
            "returned_at",
            "returned_comment",
        ]
    )
    alerts.raise_alert(
        actor=actor,
        now=now,
        patient_id=patient_id,
        recipients=[role_key(approver_id)],
        kind=AlertKind.PLAN_PROPOSED,
        target="plan",
    )
    trace.about(patient_id=patient_id, entity=plan)
    holding.announce(patient_id, now)
    return plan


@operation("care_plan.approve", action="E")
def approve(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int,
    revision: int,
    comment: str = "",
) -> CarePlanVersion:
    """Approve the plan as it was read: whoever was asked does it, nobody for them.

    The version keeps all that the plan says, with the names as they are today.

    Raises:
        UnableToAct: the actor is not the one who was asked.
        UnableToDecide: the plan is not proposed, or changed since it was read.
    """
    plan = _decided(actor, patient_id, revision)
    if rules.WHOLE not in care_teams.opened(patient_id=patient_id, level=Level.WRITE):
        raise UnableToDecide("Une partie de ce plan ne vous est pas ouverte : il n’est pas à vous.")
    standing = queries.get_plan(patient_id=patient_id)
    number = _next_number(plan)
    signed = {
        "author": str(standing.author),
        "approved_by": asdict(standing.approver),
    }
    if standing.is_agreed_as_it_stands:
        signed["agreement"] = rules.agreement_as_json(standing.agreement)
    for content, categories in (
        (rules.without_medical(standing.content), DataCategory.SOCIAL),
        (standing.content, rules.WHOLE),
    ):
        version = CarePlanVersion.objects.create(
            patient_id=patient_id,
            care_plan=plan,
            number=number,
            content=rules.as_json(content) | signed,
            categories=int(categories),
            approved_at=now,
            approved_by_id=actor.role_id,
            # What a doctor says of the whole may be medical.
            comment=comment.strip() if categories == rules.WHOLE else "",
        )
    plan.status = PlanStatus.ACTIVE
    plan.save(update_fields=["status"])
    _tell_authors(plan, actor, now)
    asking.ask_for_all(actor=actor, now=now, patient_id=patient_id)
    trace.about(patient_id=patient_id, entity=version)
    return version


@operation("care_plan.send_back", action="E")
def send_back(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int,
    revision: int,
    comment: str,
) -> CarePlan:
    """Return the plan to its authors with what should change.

    Raises:
        UnableToAct: the actor is not the one who was asked.
        UnableToDecide: not proposed, changed since it was read, or without a comment.
    """
    if not comment.strip():
        raise UnableToDecide("Dites ce qu’il faudrait changer.", field="comment")
    plan = _decided(actor, patient_id, revision)
    plan.status = PlanStatus.DRAFT
    plan.returned_at, plan.returned_comment = now, comment.strip()
    plan.save(update_fields=["status", "returned_at", "returned_comment"])
    _tell_authors(plan, actor, now)
    trace.about(patient_id=patient_id, entity=plan)
    return plan


@operation("care_plan.comment", action="C")
def comment(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int,
    revision: int,
    text: str,
    gesture: UUID,
) -> PlanComment:
    """Say something of a proposed plan without deciding: it still waits, its authors are told.

    The same gesture twice is one comment.

    Raises:
        UnableToAct: the actor is not the one who was asked.
        UnableToDecide: not proposed, changed since it was read, or nothing said.
    """
    text = text.strip()
    if not text:
        raise UnableToDecide("Écrivez votre commentaire.", field="comment")
    plan = holding.lock(patient_id)
    before = PlanComment.objects.filter(gesture=gesture).first()
    if before is not None and before.patient_id == patient_id:
        if before.written_by_id != actor.role_id:
            raise UnableToAct("Ce commentaire est celui de quelqu’un d’autre.")
        trace.about(patient_id=patient_id, entity=before, reason="déjà enregistré")
        return before
    plan = _decided(actor, patient_id, revision)
    row = PlanComment.objects.create(
        patient_id=patient_id,
        care_plan=plan,
        category=int(care_teams.opened(patient_id=patient_id, level=Level.WRITE) & rules.WHOLE),
        number=_next_number(plan),
        revision=plan.revision,
        text=text,
        written_at=now,
        written_by_id=actor.role_id,
        written_by_name=actor.display_name,
        gesture=gesture,
    )
    _tell_authors(plan, actor, now)
    trace.about(patient_id=patient_id, entity=row)
    return row


def _next_number(plan: CarePlan) -> int:
    """Return the number that the plan takes once approved."""
    last = CarePlanVersion.objects.filter(care_plan=plan).aggregate(last=Max("number"))["last"]
    return (last or 0) + 1


def _decided(actor: Actor, patient_id: int, revision: int) -> CarePlan:
    """Return the plan, locked, if it waits for this very actor and is what they read."""
    plan = holding.lock(patient_id)
    if not actor.can(APPROVE_PLAN) or actor.role_id is None or plan.approver_id != actor.role_id:
        raise UnableToAct("Seule la personne à qui le plan est proposé peut se prononcer.")
    if plan.status != PlanStatus.PROPOSED:
        raise UnableToDecide("Ce plan n’est pas, ou n’est plus, proposé à l’approbation.")
    if plan.revision != revision:
        raise UnableToDecide("Le plan a changé depuis que vous l’avez lu : relisez-le.")
    return plan


def _tell_authors(plan: CarePlan, actor: Actor, now: datetime) -> None:
    alerts.raise_alert(
        actor=actor,
        now=now,
        patient_id=plan.patient_id,
        recipients={role_key(pk) for pk in (plan.author_id, plan.proposed_by_id) if pk},
        kind=AlertKind.PLAN_DECIDED,
        target="plan",
    )
    holding.announce(plan.patient_id, now)
