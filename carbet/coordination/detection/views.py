"""Pages of early detection: what is proposed about a person, and the answer to it."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from carbet.coordination.detection import access, forms, operations, presenters, queries
from carbet.core import doors
from carbet.core.actor import Level
from carbet.core.operation import UnableTo
from carbet.registries.directory.rules import WRITE_NOTEBOOK


@doors.professional(patient=Level.READ)
@require_safe
def of_patient(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show what the rules propose to look at, and what was made of the rest."""
    patient = access.get_record(actor=request.actor, patient_id=patient_id, now=request.now)
    return render(request, "detection/of_patient.html", _shown(request, patient))


@doors.professional(capability=WRITE_NOTEBOOK, patient=Level.WRITE)
@require_POST
def judge(request: HttpRequest, patient_id: int, issue_id: int) -> HttpResponse:
    """Take a proposal into account, or set it aside; the text says what is done, or why."""
    patient = access.get_record(
        actor=request.actor, patient_id=patient_id, now=request.now, level=Level.WRITE
    )
    found = access.get_issue(patient=patient, issue_id=issue_id)
    form = forms.JudgeForm(request.POST)
    sets_aside = "ecarter" in request.POST
    if form.is_valid():
        said: dict[str, Any] = {"actor": request.actor, "now": request.now, "issue": found}
        text = form.cleaned_data["text"]
        try:
            if sets_aside:
                operations.dismiss(**said, reason=text)
            else:
                operations.acknowledge(**said, what=text)
        except UnableTo as refusal:
            form.add_error(refusal.field, refusal.message)
        else:
            done = "Signal écarté." if sets_aside else "Signal pris en compte."
            messages.success(request, done)
            return HttpResponseRedirect(reverse("detection:of_patient", args=[patient.pk]))
    context = _shown(request, patient) | {"wrong": form, "wrong_pk": found.pk}
    return render(request, "detection/of_patient.html", context, status=422)


def _shown(request: HttpRequest, patient: Any) -> dict[str, Any]:
    found = presenters.issues(queries.issues_of(patient_id=patient.pk))
    return {
        "patient": patient,
        "tab": "detection",
        "waiting": [each for each in found if each.waits],
        "judged": [each for each in found if not each.waits],
        "may_judge": request.actor.can(WRITE_NOTEBOOK) and patient.level >= Level.WRITE,
    }
