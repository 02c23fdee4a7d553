"""What every change of a plan does first and last: hold it, count the change, tell open screens."""

from datetime import datetime

from carbet.coordination.care_plans.choices import PlanStatus
from carbet.coordination.care_plans.models import CarePlan
from carbet.coordination.care_plans.rules import Merged
from carbet.coordination.care_teams import queries as care_teams
from carbet.core import live
from carbet.core.actor import Actor, Level
from carbet.core.operation import UnableTo, UnableToAct
from carbet.registries.directory.rules import EDIT_PLAN


class UnableToEditPlan(UnableTo):
    """The plan cannot be changed as asked."""


class StalePlan(UnableToEditPlan):
    """The form was filled on an older revision: nothing was changed."""

    def __init__(self, message: str = "Le plan a changé pendant que vous écriviez.") -> None:
        super().__init__(message)


class ConflictingEdit(StalePlan):
    """Two people changed the same field: nothing was changed, a person chooses.

    `merged` holds what was typed, with what others changed elsewhere, and what they wrote there.
    """

    def __init__(self, merged: Merged, revision: int) -> None:
        super().__init__("Quelqu’un a changé la même chose pendant que vous écriviez : choisissez.")
        self.merged = merged
        self.revision = revision


def may_edit(actor: Actor) -> None:
    if not actor.can(EDIT_PLAN):
        raise UnableToAct("Votre rôle ne permet pas d’écrire le plan.")


def lock(patient_id: int) -> CarePlan:
    plan = CarePlan.objects.select_for_update().filter(patient_id=patient_id).first()
    if plan is None:
        raise UnableToEditPlan("Ce plan n’existe pas, ou vous ne pouvez pas l’écrire.")
    return plan


def hold(actor: Actor, patient_id: int) -> CarePlan:
    """Return the plan, locked, if the actor may change it, whatever they read of it."""
    may_edit(actor)
    return lock(patient_id)


def open_plan(actor: Actor, patient_id: int, revision: int) -> CarePlan:
    """Return the plan, locked, if the actor may change it and read it as it stands."""
    plan = hold(actor, patient_id)
    if plan.revision != revision:
        raise StalePlan
    return plan


def changed(plan: CarePlan, actor: Actor, now: datetime, *fields: str) -> None:
    """Count the change: what was approved or proposed is so no more."""
    plan.status = PlanStatus.DRAFT
    plan.proposed_at = None
    plan.revision += 1
    plan.updated_at, plan.updated_by_id = now, actor.role_id
    plan.save(
        update_fields=["status", "proposed_at", "revision", "updated_at", "updated_by", *fields]
    )
    announce(plan.patient_id, now)


def announce(patient_id: int, now: datetime) -> None:
    live.announce(
        care_teams.keys_of_level(patient_id=patient_id, level=Level.READ), "plan", now=now
    )
