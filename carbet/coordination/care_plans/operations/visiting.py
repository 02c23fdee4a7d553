"""Actions become visits of the shared agenda, and visits that lost their reason are cancelled."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from carbet.coordination.care_plans import queries, rules
from carbet.coordination.care_plans.models import PlannedAction
from carbet.coordination.care_plans.operations import holding
from carbet.coordination.scheduling import operations as scheduling
from carbet.coordination.scheduling.choices import OPEN, CancelReason, VisitKind
from carbet.coordination.scheduling.models import Appointment
from carbet.coordination.scheduling.rules.recurrence import Recurrence
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.registries.directory.models import PractitionerRole
from carbet.registries.directory.rules import EDIT_PLAN
from carbet.registries.patients.models import Patient


class UnableToPlanVisits(UnableTo):
    """The action cannot become visits as asked, or its visits cannot be cancelled."""


@operation("care_plan.visits.plan")
def plan_visits(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    action_id: int,
    roles: Sequence[PractitionerRole],
    start: datetime,
    end: datetime,
    gesture: uuid.UUID,
    rule: Recurrence | None = None,
    kind: str = VisitKind.HOME,
    description: str = "",
    accept_overlap: bool = False,
) -> Appointment:
    """Fix the visits of an action of an approved plan; the same gesture twice is done once.

    Args:
        roles: the professionals who come; the one responsible when it is one.
        rule: how the visit comes back; none for one visit.

    Raises:
        UnableToAct: the actor neither edits plans nor is responsible for the action.
        UnableToPlanVisits: not in an approved plan, over, or with visits to come already.
        scheduling.UnableToSchedule: the agenda refuses; `TimeTaken` when somebody is taken.
    """
    action = _hold(patient.pk, action_id)
    may_plan(actor, action)
    first = action.appointment
    if first is not None and queries.is_made_by(gesture, action):
        trace.about(patient_id=patient.pk, entity=action, reason="déjà enregistré")
        return first
    approved = queries.approved_version(patient_id=patient.pk)
    if approved is None or action_id not in rules.plannable(approved.content):
        raise UnableToPlanVisits("Cette action n’est pas encore dans un plan approuvé.")
    known = queries.visits(patient_id=patient.pk).get(action_id)
    if known is not None and known.count:
        raise UnableToPlanVisits("Cette action a déjà des rendez-vous à venir.")
    if action.removed_at is not None:
        raise UnableToPlanVisits("Cette action a été retirée du plan.")
    asked = {
        "actor": actor,
        "now": now,
        "patient": patient,
        "roles": roles,
        "start": start,
        "end": end,
        "kind": kind,
        "description": description,
        "gesture": gesture,
        "accept_overlap": accept_overlap,
    }
    if rule is None:
        visit = scheduling.schedule(**asked)
    else:
        series = scheduling.repeat(rule=rule, zone=timezone.get_current_timezone(), **asked)
        visit = Appointment.objects.filter(series=series).earliest("start")
    action.appointment = visit
    action.save(update_fields=["appointment"])
    trace.about(patient_id=patient.pk, entity=action)
    holding.announce(patient.pk, now)
    return visit


@operation("care_plan.visits.cancel")
def cancel_visits(
    trace: Trace, *, actor: Actor, now: datetime, patient: Patient, action_id: int
) -> int:
    """Cancel the visits to come that an action no longer asks for; return how many.

    Each stays readable in the agenda, with who cancelled it and why.

    Raises:
        UnableToAct: the actor neither edits plans nor is responsible for the action.
        UnableToPlanVisits: no visit to come is without its reason any more.
    """
    action = _hold(patient.pk, action_id)
    may_plan(actor, action)
    known = queries.visits(patient_id=patient.pk).get(action_id)
    if known is None or not known.surplus:
        raise UnableToPlanVisits("Aucun rendez-vous de cette action n’est à annuler.")
    rows = Appointment.objects.filter(pk__in=known.surplus_ids, status__in=OPEN).order_by("start")
    first, *others = rows
    whole_rest = first.series_id is not None and known.surplus == known.count_from(first.start)
    common = {
        "actor": actor,
        "now": now,
        "reason": CancelReason.OTHER,
        "comment": f"Plan personnalisé : {known.reason}",
    }
    count = scheduling.cancel(appointment=first, following=whole_rest, **common)
    for each in others:
        each.refresh_from_db()
        if each.status in OPEN:
            count += scheduling.cancel(appointment=each, **common)
    trace.about(patient_id=patient.pk, entity=action, reason=known.reason)
    holding.announce(patient.pk, now)
    return count


def may_plan(actor: Actor, action: PlannedAction) -> None:
    """Let pass whoever edits plans, or does the action.

    Raises:
        UnableToAct: the actor is neither.
    """
    member = action.responsible
    own = member is not None and member.practitioner_role_id in (
        actor.role_id,
        *actor.delegated_role_ids,
    )
    if not (actor.can(EDIT_PLAN) or (own and member.practitioner_role_id is not None)):
        raise UnableToAct("Les rendez-vous d’une action se fixent par qui l’écrit ou la fait.")


def _hold(patient_id: int, action_id: int) -> PlannedAction:
    action = (
        PlannedAction.objects.select_for_update(of=("self",))
        .select_related("responsible", "appointment__series")
        .filter(pk=action_id, patient_id=patient_id)
        .first()
    )
    if action is None:
        raise UnableToPlanVisits("Cette action n’existe pas, ou vous ne pouvez pas la changer.")
    return action
