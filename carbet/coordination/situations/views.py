"""Pages of a living situation: itself, what an emergency must know, the sheet that prints."""

from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carbet.coordination.care_teams import access as care_teams_access
from carbet.coordination.care_teams import presenters as circles
from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.documents import operations as documents
from carbet.coordination.documents.choices import DocumentType
from carbet.coordination.documents.forms import FileSheetForm
from carbet.coordination.documents.presenters import sheets
from carbet.coordination.situations import access, forms, operations, presenters, queries
from carbet.core import doors
from carbet.core.actor import DataCategory, Level
from carbet.core.operation import UnableTo
from carbet.registries.directory.rules import WRITE_NOTEBOOK
from carbet.registries.patients import queries as patients


@doors.professional(patient=Level.READ)
@require_safe
def detail(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show how the person lives, and what an emergency must know."""
    patient = access.get_situation(
        actor=request.actor, patient_id=patient_id, now=request.now, further=access.ABSORBED
    )
    writes = request.actor.can(WRITE_NOTEBOOK) and patient.level >= Level.WRITE
    context = _shown(patient) | {"tab": "situation", "may_write": writes}
    return render(request, "situations/detail.html", context)


@doors.professional(patient=Level.READ)
@require_safe
def sheet(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show the emergency sheet: one page to print, to pin at home, to hand to whoever carries."""
    patient = access.get_situation(
        actor=request.actor,
        patient_id=patient_id,
        now=request.now,
        purpose="situation.sheet",
        further=access.INS | access.ABSORBED,
    )
    circle = circles.circle(care_teams.participants(patient_id=patient.pk), now=request.now)
    context = _shown(patient) | {
        "tab": "situation",
        "circle": circle,
        "now": request.now,
        "may_file": request.actor.can(WRITE_NOTEBOOK)
        and patient.level >= Level.WRITE
        and DataCategory.MEDICAL in care_teams_access.opened_on(patient),
        "filing": FileSheetForm(),
    }
    return render(request, "situations/sheet.html", context)


@doors.professional(capability=WRITE_NOTEBOOK, patient=Level.WRITE)
@require_POST
def file_sheet(request: HttpRequest, patient_id: int) -> HttpResponse:
    """File the emergency sheet of today as a clinical document; the next one replaces it.

    Only who reads medical data may: a sheet without what an emergency must know would mislead.
    """
    patient = access.get_situation(
        actor=request.actor,
        patient_id=patient_id,
        now=request.now,
        level=Level.WRITE,
        category=DataCategory.MEDICAL,
        purpose="situation.sheet",
        further=access.ABSORBED,
    )
    back = HttpResponseRedirect(reverse("situations:sheet", args=[patient.pk]))
    form = FileSheetForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Ce geste n’a pas été compris : recommencez.")
        return back
    circle = circles.circle(care_teams.participants(patient_id=patient.pk), now=request.now)
    shown = _shown(patient)
    pdf = sheets.pdf(
        patient=patient,
        ins=patients.ins_that_leaves(patient=patient),
        title="Fiche d’urgence",
        author=request.actor.display_name,
        now=request.now,
        parts=presenters.on_paper(
            shown["lines"],
            shown["parts"],
            circle,
            besides=[*shown["emergency_besides"], *shown["situation_besides"]],
        ),
    )
    try:
        document = documents.file_composed(
            actor=request.actor,
            now=request.now,
            patient=patient,
            pdf=pdf,
            kind=DocumentType.URGENT_LIAISON,
            title="Fiche d’urgence",
            series="emergency",
            gesture=form.cleaned_data["gesture"],
            category=DataCategory.MEDICAL | DataCategory.SOCIAL,
        )
    except UnableTo as refusal:
        messages.error(request, refusal.message)
        return back
    messages.success(request, "Fiche d’urgence classée dans les documents du dossier.")
    return HttpResponseRedirect(reverse("documents:detail", args=[patient.pk, document.pk]))


@doors.professional(capability=WRITE_NOTEBOOK, patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Describe how the person lives."""
    patient = access.get_situation(
        actor=request.actor,
        patient_id=patient_id,
        now=request.now,
        level=Level.WRITE,
        category=DataCategory.SOCIAL,
    )
    known = queries.situation_of(patient_id=patient.pk)
    spoken = {"language": patient.language, "needs_interpreter": patient.needs_interpreter}
    form = forms.SituationForm(
        request.POST if request.method == "POST" else None,
        initial=_initial(known, forms.SituationForm) | spoken,
    )
    if form.is_valid():
        said = form.said()
        try:
            operations.describe(
                actor=request.actor,
                now=request.now,
                patient=patient,
                version=form.cleaned_data["version"],
                language=said.pop("language"),
                needs_interpreter=said.pop("needs_interpreter"),
                said=said,
            )
        except UnableTo as refusal:
            _refuse(form, refusal, known)
        else:
            messages.success(request, "Situation enregistrée.")
            return HttpResponseRedirect(reverse("situations:detail", args=[patient.pk]))
    context = {"patient": patient, "tab": "situation", "form": form}
    return _form_page(request, "situations/edit.html", context)


@doors.professional(capability=WRITE_NOTEBOOK, patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def emergency(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Say what an emergency must know; only who reads medical data may."""
    patient = access.get_situation(
        actor=request.actor,
        patient_id=patient_id,
        now=request.now,
        level=Level.WRITE,
        category=DataCategory.MEDICAL,
    )
    known = queries.emergency_of(patient_id=patient.pk)
    form = forms.EmergencyForm(
        request.POST if request.method == "POST" else None,
        initial=_initial(known, forms.EmergencyForm),
    )
    if form.is_valid():
        try:
            operations.describe_emergency(
                actor=request.actor,
                now=request.now,
                patient=patient,
                version=form.cleaned_data["version"],
                said=form.said(),
            )
        except UnableTo as refusal:
            _refuse(form, refusal, known)
        else:
            messages.success(request, "Informations d’urgence enregistrées.")
            return HttpResponseRedirect(reverse("situations:detail", args=[patient.pk]))
    context = {"patient": patient, "tab": "situation", "form": form}
    return _form_page(request, "situations/emergency.html", context)


def _shown(patient: Any) -> dict[str, Any]:
    """Return what both pages show: the parts that are open to the reader."""
    opened = care_teams_access.opened_on(patient)
    medical = DataCategory.MEDICAL in opened
    known = queries.situation_of(patient_id=patient.pk)
    urgent = queries.emergency_of(patient_id=patient.pk) if medical else None
    homes, sheets = queries.said_besides(records=patient.absorbed, medical=medical)
    return {
        "patient": patient,
        "situation": known,
        "parts": presenters.parts(
            known,
            language=patient.get_language_display(),
            interpreter=patient.needs_interpreter,
        ),
        "medical": medical,
        "emergency": urgent,
        "lines": presenters.emergency_lines(urgent),
        "emergency_besides": presenters.emergency_besides(sheets, urgent),
        "situation_besides": presenters.situation_besides(homes, known),
    }


def _initial(known: Any, form: type[Form]) -> dict[str, Any]:
    """Return what the form shows at first: the row as kept, version 0 when there is none."""
    if known is None:
        return {"version": 0}
    return {name: getattr(known, name) for name in form.base_fields if hasattr(known, name)}


def _refuse(form: Form, refusal: UnableTo, known: Any) -> None:
    """Say the refusal and keep what was typed; saving again then answers the version read now."""
    form.add_error(None, refusal.message)
    form.data = form.data.copy()
    form.data["version"] = str(known.version if known else 0)


def _form_page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, template, context, status=422 if request.method == "POST" else 200)
