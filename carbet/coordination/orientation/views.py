"""Pages of orientation: the search, and a person sent to what it found."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from carbet.coordination.orientation import access, forms, operations, presenters, queries
from carbet.core import doors
from carbet.core.actor import Level
from carbet.core.operation import UnableTo


@doors.professional()
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Answer « vers qui orienter ? », for nobody in particular."""
    options = queries.options(organization_id=request.actor.organization_id)
    form = forms.SearchForm(request.GET or None, options=options)
    asked = form.asked(origin=options.here)
    context = _answers(request, form, asked, options)
    template = "orientation/search.html#results" if request.htmx else "orientation/search.html"
    return render(request, template, context)


@doors.professional(patient=Level.READ)
@require_http_methods(["GET", "POST"])
def of_patient(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show where a person was sent, and search for her: what is typed stays out of addresses."""
    patient = access.get_record(actor=request.actor, patient_id=patient_id, now=request.now)
    options = queries.options(organization_id=request.actor.organization_id)
    form = forms.SearchForm(request.POST if request.method == "POST" else None, options=options)
    asked = form.asked(origin=patient.commune_id or options.here)
    context = _answers(request, form, asked, options) | {
        "patient": patient,
        "tab": "orientations",
        "may_refer": access.may_refer(request.actor, patient),
    }
    if request.htmx:
        return render(request, "orientation/of_patient.html#results", context)
    context["referrals"] = queries.referrals(patient_id=patient.pk)
    return render(request, "orientation/of_patient.html", context)


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def refer(request: HttpRequest, patient_id: int, destination: str) -> HttpResponse:
    """Send the person to one of those found."""
    patient = access.get_record(
        actor=request.actor, patient_id=patient_id, now=request.now, level=Level.WRITE
    )
    if not access.may_refer(request.actor, patient):
        raise access.NoSuchRecord
    kind, target = presenters.read_destination(destination)
    to = queries.destination(
        kind=kind, target=target, now=request.now, origin=patient.commune_id or ""
    )
    if to is None:
        raise Http404
    form = forms.ReferralForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        data = form.cleaned_data
        try:
            row = operations.refer(
                actor=request.actor,
                now=request.now,
                patient=patient,
                to=to,
                reason=data["reason"],
                urgent=data["urgent"],
                gesture=data["gesture"],
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            messages.success(
                request,
                "Orientation enregistrée et écrite dans le cahier. Prévenez la structure.",
            )
            return HttpResponseRedirect(reverse("orientation:detail", args=[patient.pk, row.pk]))
    context = {"patient": patient, "tab": "orientations", "form": form, "to": to}
    status = 422 if form.errors else 200
    return render(request, "orientation/refer.html", context, status=status)


@doors.professional(patient=Level.READ)
@require_http_methods(["GET", "POST"])
def detail(request: HttpRequest, patient_id: int, referral_id: int) -> HttpResponse:
    """Show one orientation, to print or to follow, and keep what became of it."""
    level = Level.WRITE if request.method == "POST" else Level.READ
    patient = access.get_record(
        actor=request.actor, patient_id=patient_id, now=request.now, level=level
    )
    referral = access.get_referral(patient=patient, referral_id=referral_id)
    may_answer = access.may_refer(request.actor, patient)
    if request.method == "POST" and not may_answer:
        raise access.NoSuchRecord
    form = forms.AnswerForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            operations.answer(
                actor=request.actor,
                now=request.now,
                patient=patient,
                referral=referral,
                status=form.cleaned_data["status"],
                comment=form.cleaned_data["comment"],
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, "Suite enregistrée et écrite dans le cahier.")
            return HttpResponseRedirect(
                reverse("orientation:detail", args=[patient.pk, referral.pk])
            )
    context = {
        "patient": patient,
        "tab": "orientations",
        "referral": referral,
        "page": presenters.destination_page(referral.kind, referral.target, referral),
        "secure_email": queries.secure_email(kind=referral.kind, target=referral.target),
        "form": form if may_answer and referral.status == "active" else None,
    }
    status = 422 if form.errors else 200
    return render(request, "orientation/detail.html", context, status=status)


def _answers(
    request: HttpRequest, form: forms.SearchForm, asked: forms.Asked, options: queries.Options
) -> dict[str, Any]:
    """Return what a page of answers shows."""
    found = (
        queries.search(
            text=asked.text,
            now=request.now,
            origin=asked.origin,
            facets=asked.facets,
            page=asked.page,
        )
        if asked
        else queries.Found(origin=asked.origin)
    )
    return {
        "form": form.filled(asked),
        "asked": asked,
        "criteria": form.criteria(asked),
        "found": found,
        "lines": presenters.answers(found),
        "notes": presenters.notes(found),
        "map": presenters.drawn_map(found, options, address=asked.address)
        if found.results
        else None,
        "origin_name": dict(options.communes).get(found.origin, ""),
        "examples": presenters.EXAMPLES,
    }


def _refuse(form: Any, refusal: UnableTo) -> None:
    form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
