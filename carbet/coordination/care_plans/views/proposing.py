"""Outlines by situation and what assessments propose: a person keeps what fits."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from carbet.coordination.assessments import access as assessments
from carbet.coordination.care_plans import forms, library, operations, presenters, queries
from carbet.coordination.care_plans.library import ProposedNeed
from carbet.coordination.care_plans.views.reading import enter, refuse
from carbet.core import doors
from carbet.core.actor import Level
from carbet.core.operation import UnableTo
from carbet.registries.directory.rules import EDIT_PLAN


@doors.professional(capability=EDIT_PLAN, patient=Level.WRITE)
@require_safe
def outlines(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show the outlines by situation, and what the latest assessments propose."""
    patient = enter(request, patient_id, Level.WRITE, "care_plan.edit")
    context = {
        "patient": patient,
        "tab": "plan",
        "outlines": library.outlines().values(),
        "assessed": queries.assessed(patient_id=patient.pk),
    }
    return render(request, "care_plans/outlines.html", context)


@doors.professional(capability=EDIT_PLAN, patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def outline(request: HttpRequest, patient_id: int, outline_key: str) -> HttpResponse:
    """Keep what fits of an outline."""
    patient = enter(request, patient_id, Level.WRITE, "care_plan.edit")
    found = library.outlines().get(outline_key)
    if found is None:
        raise Http404("Ce modèle n’existe pas.")
    return _adopt(
        request,
        patient,
        found.needs,
        title=found.title,
        lead=found.for_whom,
        source=found.source,
        review_in_days=found.review_in_days,
        is_outline=True,
    )


@doors.professional(capability=EDIT_PLAN, patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def from_assessment(request: HttpRequest, patient_id: int, response_id: int) -> HttpResponse:
    """Keep what fits of what an assessment proposes."""
    patient = enter(request, patient_id, Level.WRITE, "care_plan.edit")
    response = assessments.get_response(patient=patient, response_id=response_id)
    said = next(iter(queries.assessed(patient_id=patient.pk, response_id=response.pk)), None)
    on = timezone.localdate(response.authored_at)
    return _adopt(
        request,
        patient,
        said.needs if said else (),
        title=response.questionnaire.title,
        lead="Une proposition n’est pas une décision : gardez ce qui convient à la personne.",
        source=f"Évaluation de {response.author_name}, le {on:%d/%m/%Y}.",
        is_taken=said is not None and said.is_taken,
    )


def _adopt(
    request: HttpRequest,
    patient: Any,
    needs: Sequence[ProposedNeed],
    *,
    review_in_days: int | None = None,
    **shown: Any,
) -> HttpResponse:
    status = 200
    if request.method == "POST":
        form = forms.AdoptForm(request.POST, needs=needs)
        if form.is_valid():
            try:
                added = operations.adopt(
                    actor=request.actor,
                    now=request.now,
                    patient_id=patient.pk,
                    gesture=form.cleaned_data["gesture"],
                    kept=form.kept(),
                    review_in_days=review_in_days,
                )
            except UnableTo as refusal:
                refuse(form, refusal)
            else:
                messages.success(request, presenters.adopted_words(added))
                return HttpResponseRedirect(reverse("care_plans:edit", args=[patient.pk]))
        status = 422
        kept = set(request.POST.getlist("keep"))
    else:
        form = forms.AdoptForm(needs=needs, initial={"gesture": uuid.uuid4()})
        kept = set(forms.ranks(needs))
    members = queries.members(patient_id=patient.pk, now=request.now)
    context = {
        "patient": patient,
        "tab": "plan",
        "form": form,
        "needs": presenters.proposals(needs, members, kept=kept),
        **shown,
    }
    return render(request, "care_plans/adopt.html", context, status=status)
