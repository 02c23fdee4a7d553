"""Pages that make visits of an action, and cancel those that it no longer asks for."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from carbet.coordination.care_plans import forms, operations, queries
from carbet.coordination.care_plans.views.reading import GONE, detail_page, enter, to_plan
from carbet.coordination.scheduling import presenters as agenda
from carbet.coordination.scheduling import queries as scheduling
from carbet.coordination.scheduling.operations import TimeTaken
from carbet.core import doors
from carbet.core.actor import Level
from carbet.core.operation import UnableTo


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def plan_visits(request: HttpRequest, patient_id: int, action_id: int) -> HttpResponse:
    """Propose a rhythm from the action's own words; fix the visits once it is read and agreed."""
    patient = enter(request, patient_id, Level.WRITE, "care_plan.visits")
    action = _action(patient, action_id)
    carers = scheduling.carers(patient_id=patient.pk, now=request.now)
    asked = action.responsible.practitioner_role_id if action.responsible else None
    offered = [role for role in carers if role.pk == asked] or carers
    form = forms.VisitsForm(
        request.POST if request.method == "POST" else None,
        carers=offered,
        initial=forms.VisitsForm.initial_of(
            action,
            role_ids=[asked] if asked in {role.pk for role in offered} else [],
            today=timezone.localdate(request.now),
        ),
    )
    warnings: list[str] = []
    if form.is_valid() and queries.is_made_by(form.cleaned_data["gesture"], action):
        return to_plan(patient, f"action-{action.pk}")
    if form.is_valid():
        roles = [role for role in offered if role.pk in form.cleaned_data["roles"]]
        span = form.span()
        warnings = agenda.warnings(
            scheduling.clashes(patient_id=patient.pk, roles=roles, span=span),
            scheduling.hastes(
                patient=patient,
                kind=form.cleaned_data["kind"],
                roles=roles,
                span=span,
                apart_from=None,
            ),
        )
        if warnings and not form.has_read(warnings):
            form.warn(warnings)
        else:
            try:
                operations.plan_visits(
                    actor=request.actor,
                    now=request.now,
                    patient=patient,
                    action_id=action.pk,
                    roles=roles,
                    start=span.start,
                    end=span.end,
                    gesture=form.cleaned_data["gesture"],
                    rule=form.recurrence(),
                    kind=form.cleaned_data["kind"],
                    description=form.cleaned_data["description"],
                    accept_overlap=bool(warnings) or bool(form.cleaned_data["warned"]),
                )
            except TimeTaken as refusal:
                warnings = [refusal.message]
                form.warn(warnings)
            except UnableTo as refusal:
                field = {"start": "hour", "frequency": "frequency"}.get(refusal.field or "")
                form.add_error(field if field in form.fields else None, refusal.message)
                warnings = []
            else:
                messages.success(request, "Rendez-vous enregistrés dans l’agenda.")
                return to_plan(patient, f"action-{action.pk}")
    context = {
        "patient": patient,
        "tab": "plan",
        "action": action,
        "form": form,
        "warnings": warnings,
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "care_plans/visits.html", context, status=status)


@doors.professional(patient=Level.WRITE)
@require_POST
def cancel_visits(request: HttpRequest, patient_id: int, action_id: int) -> HttpResponse:
    """Cancel the visits to come that the action no longer asks for."""
    patient = enter(request, patient_id, Level.WRITE, "care_plan.visits")
    action = _action(patient, action_id)
    try:
        count = operations.cancel_visits(
            actor=request.actor, now=request.now, patient=patient, action_id=action.pk
        )
    except UnableTo as refusal:
        return detail_page(request, patient, status=422, refusal=refusal.message)
    many = "s" if count > 1 else ""
    messages.success(request, f"{count} rendez-vous annulé{many} ; chacun est averti.")
    return to_plan(patient)


def _action(patient: Any, action_id: int) -> Any:
    found = queries.action(patient_id=patient.pk, action_id=action_id)
    if found is None:
        raise Http404(GONE)
    return found
