"""What sends a plan to whoever approves it, what they answer, what the person says of it."""

import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from carbet.coordination.care_plans import forms, operations, presenters, queries, rules
from carbet.coordination.care_plans.choices import AgreementGiver, Outcome
from carbet.coordination.care_plans.views.reading import (
    GONE,
    approvers,
    detail_page,
    enter,
    refuse,
    standing,
    to_plan,
)
from carbet.core import doors
from carbet.core.actor import Level
from carbet.core.operation import UnableTo
from carbet.registries.directory.rules import APPROVE_PLAN, EDIT_PLAN


@doors.professional(capability=EDIT_PLAN, patient=Level.WRITE)
@require_POST
def propose(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Ask a doctor or another carer of the circle to approve."""
    patient = enter(request, patient_id, Level.WRITE, "care_plan.edit")
    asked = approvers(request, patient)
    form = forms.ProposeForm(request.POST, approvers=asked)
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
    """Approve the plan, send it back with what should change, or comment without deciding."""
    patient = enter(request, patient_id, Level.WRITE, "care_plan.decide")
    form = forms.DecideForm(request.POST)
    if form.is_valid():
        typed = form.cleaned_data
        answer = {
            "actor": request.actor,
            "now": request.now,
            "patient_id": patient.pk,
            "revision": typed["revision"],
        }
        try:
            if typed["decision"] == "approve":
                version = operations.approve(**answer, comment=typed["comment"])
                said = f"Plan approuvé : version {version.number}. Ses auteurs sont avertis."
            elif typed["decision"] == "comment":
                operations.comment(
                    **answer, text=typed["comment"], gesture=typed["gesture"] or uuid.uuid4()
                )
                said = "Commentaire enregistré. Ses auteurs sont avertis ; le plan attend toujours."
            else:
                operations.send_back(**answer, comment=typed["comment"])
                said = "Plan renvoyé à ses auteurs, avec votre commentaire."
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, said)
            return to_plan(patient)
    return detail_page(request, patient, status=422, decide_form=form)


@doors.professional(capability=EDIT_PLAN, patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def agree(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Write what the person says of the plan as it stands."""
    patient = enter(request, patient_id, Level.WRITE, "care_plan.edit")
    plan = queries.get_plan(patient_id=patient.pk)
    if plan is None:
        raise Http404(GONE)
    if request.method == "POST":
        form = forms.AgreementForm(request.POST)
        if form.is_valid():
            try:
                operations.record_agreement(
                    actor=request.actor,
                    now=request.now,
                    patient_id=patient.pk,
                    **form.cleaned_data,
                )
            except operations.StalePlan:
                form.data = form.data.copy()
                form.data["revision"] = plan.revision
                form.add_error(
                    None,
                    "Le plan a changé depuis qu’il lui a été lu : relisez-le avec elle,"
                    " puis enregistrez.",
                )
            except UnableTo as refusal:
                refuse(form, refusal)
            else:
                messages.success(request, "Ce que la personne en dit est enregistré.")
                return to_plan(patient)
    else:
        known = plan.agreement
        form = forms.AgreementForm(
            initial={
                "revision": plan.revision,
                "on": plan.today,
                "decision": known.decision,
                "given_by": known.given_by or AgreementGiver.PERSON,
                "words": known.words,
            }
        )
    context = {
        "patient": patient,
        "tab": "plan",
        "plan": plan,
        "form": form,
        **standing(plan),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "care_plans/agree.html", context, status=status)


@doors.professional(capability=EDIT_PLAN, patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def review(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Look at each goal again: what goes on is carried over to the draft of the next version."""
    patient = enter(request, patient_id, Level.WRITE, "care_plan.edit")
    plan = queries.get_plan(patient_id=patient.pk)
    if plan is None:
        raise Http404(GONE)
    goals = [goal for need in plan.content.needs for goal in need.goals]
    if request.method == "POST":
        form = forms.ReviewForm(request.POST, goals=goals)
        if form.is_valid():
            try:
                kept = operations.review(
                    actor=request.actor,
                    now=request.now,
                    patient_id=patient.pk,
                    revision=form.cleaned_data["revision"],
                    gesture=form.cleaned_data["gesture"],
                    judged=form.judged(),
                    conclusion=form.cleaned_data["conclusion"],
                    present=form.cleaned_data["present"],
                    next_review_on=form.cleaned_data["next_review_on"],
                )
            except operations.StalePlan:
                form.data = form.data.copy()
                form.data["revision"] = plan.revision
                form.add_error(
                    None, "Le plan a changé depuis que vous l’avez lu : relisez, puis enregistrez."
                )
            except UnableTo as refusal:
                refuse(form, refusal)
            else:
                carried = sum(each["outcome"] == Outcome.CONTINUED for each in kept.outcomes)
                goes_on = f"{carried} objectif{'s' if carried > 1 else ''}"
                messages.success(
                    request,
                    f"Révision enregistrée : {goes_on} reporté{'s' if carried > 1 else ''}."
                    " Complétez, puis proposez la nouvelle version.",
                )
                return to_plan(patient)
    else:
        form = forms.ReviewForm(
            goals=goals,
            initial={
                "revision": plan.revision,
                "gesture": uuid.uuid4(),
                "next_review_on": rules.next_review(
                    plan.content.review_due_on,
                    approved_on=timezone.localdate(plan.latest.approved_at)
                    if plan.latest
                    else None,
                    today=plan.today,
                ),
            },
        )
    context = {
        "patient": patient,
        "tab": "plan",
        "plan": plan,
        "form": form,
        "today": plan.today,
        "judging": presenters.judging(
            plan.content, form, today=plan.today, measured=queries.measured(plan)
        ),
        "reviews": queries.reviews(patient_id=patient.pk),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "care_plans/review.html", context, status=status)
