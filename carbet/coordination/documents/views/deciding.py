"""What the person decides about sharing, and what proves it."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.documents import access, forms, operations
from carbet.core import doors
from carbet.core.actor import Level
from carbet.core.forms import form_page, refuse
from carbet.core.operation import UnableTo


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def decide(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Record what the person decided about sharing, with its proof; former decisions stay."""
    patient = _entered(request, patient_id)
    options = {"relatives": care_teams.relatives(patient_id=patient.pk)}
    form = _form(request, forms.DecisionForm, **options)
    if form.is_valid():
        data = form.cleaned_data
        try:
            operations.record_decision(
                actor=request.actor,
                now=request.now,
                patient=patient,
                decision=data["decision"],
                given_by=data["given_by"],
                related_person=data["related_person"],
                capacity=data["capacity"],
                note=data["note"],
                file=data["file"],
                strokes=data["signature"],
                gesture=data["gesture"],
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "Décision enregistrée.")
            return _to_circle(patient.pk)
    context = {
        "patient": patient,
        "tab": "circle",
        "form": form,
        "may_manage": patient.level >= Level.MANAGE,
    }
    return form_page(request, "documents/decide.html", context)


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def prove(request: HttpRequest, patient_id: int, consent_id: int) -> HttpResponse:
    """Join to a decision already recorded what proves it."""
    patient = _entered(request, patient_id)
    consent = care_teams.consent(patient_id=patient.pk, consent_id=consent_id)
    if consent is None:
        raise access.NoSuchRecord
    form = _form(request, forms.ProofForm)
    if form.is_valid():
        data = form.cleaned_data
        try:
            operations.prove(
                actor=request.actor,
                now=request.now,
                patient=patient,
                consent=consent,
                file=data["file"],
                strokes=data["signature"],
                gesture=data["gesture"],
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "Preuve jointe à la décision.")
            return _to_circle(patient.pk)
    context = {"patient": patient, "tab": "circle", "form": form, "consent": consent}
    return form_page(request, "documents/prove.html", context)


def _entered(request: HttpRequest, patient_id: int) -> Any:
    return access.get_documents(
        actor=request.actor,
        patient_id=patient_id,
        now=request.now,
        level=Level.WRITE,
        purpose="care_team.read",
    )


def _form(request: HttpRequest, kind: Any, **options: Any) -> Any:
    if request.method == "POST":
        return kind(request.POST, request.FILES, **options)
    return kind(**options)


def _to_circle(patient_id: int) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("care_teams:detail", args=[patient_id]))
