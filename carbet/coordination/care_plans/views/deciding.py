"""What sends a plan to a doctor, and what the doctor answers."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from carbet.coordination.care_plans import forms, operations
from carbet.coordination.care_plans.views.reading import (
    detail_page,
    doctors,
    enter,
    refuse,
    to_plan,
)
from carbet.core import doors
from carbet.core.actor import Level
from carbet.core.operation import UnableTo
from carbet.registries.directory.rules import APPROVE_PLAN, EDIT_PLAN


@doors.professional(capability=EDIT_PLAN, patient=Level.WRITE)
@require_POST
def propose(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Ask a doctor of the circle to approve."""
    patient = enter(request, patient_id, Level.WRITE, "care_plan.edit")
    asked = doctors(request, patient)
    form = forms.ProposeForm(request.POST, doctors=asked)
    if form.is_valid():
        typed = form.cleaned_data
        try:
            operations.propose(
                actor=request.actor,
                now=request.now,
                patient_id=patient.pk,
                revision=typed["revision"],
                approver_id=typed["approver"],
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            name = dict(asked)[typed["approver"]]
            messages.success(request, f"Plan proposé à {name}, qui en est averti.")
            return to_plan(patient)
    return detail_page(request, patient, status=422, propose_form=form)


@doors.professional(capability=APPROVE_PLAN, patient=Level.WRITE)
@require_POST
def decide(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Approve the plan, or send it back with what should change."""
    patient = enter(request, patient_id, Level.WRITE, "care_plan.decide")
    form = forms.DecideForm(request.POST)
    if form.is_valid():
        typed = form.cleaned_data
        answer = {
            "actor": request.actor,
            "now": request.now,
            "patient_id": patient.pk,
            "revision": typed["revision"],
            "comment": typed["comment"],
        }
        try:
            if typed["decision"] == "approve":
                version = operations.approve(**answer)
                said = f"Plan approuvé : version {version.number}. Ses auteurs sont avertis."
            else:
                operations.send_back(**answer)
                said = "Plan renvoyé à ses auteurs, avec votre commentaire."
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, said)
            return to_plan(patient)
    return detail_page(request, patient, status=422, decide_form=form)
