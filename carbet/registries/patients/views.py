"""Pages of identities: mine, find before creating, read, correct, former versions."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from carbet.core import doors
from carbet.core.actor import Level
from carbet.core.identifiers import from_short_id, short_id
from carbet.core.operation import UnableTo
from carbet.registries.directory import queries as directory
from carbet.registries.directory import rules as capabilities
from carbet.registries.patients import access, forms, operations, queries, rules

LEAST_LETTERS = 2


@doors.professional()
@require_safe
def patients(request: HttpRequest) -> HttpResponse:
    """Show the actor's persons, 25 a page, in the order of their names."""
    page = queries.my_patients(
        actor=request.actor,
        now=request.now,
        after=_row_number(request, "apres"),
        before=_row_number(request, "avant"),
    )
    return render(request, "patients/list.html", {"text": "", **_paged(page)})


@doors.professional()
@require_http_methods(["GET", "POST"])
def search(request: HttpRequest) -> HttpResponse:
    """Search among the actor's persons; what is typed never stands in an address."""
    form = forms.SearchForm(request.POST or {})
    text = form.cleaned_data["q"].strip() if form.is_valid() else ""
    context: dict[str, Any] = {"text": text}
    if len(text) < LEAST_LETTERS:
        context |= _paged(queries.my_patients(actor=request.actor, now=request.now))
    else:
        found = queries.search_patients(actor=request.actor, text=text, now=request.now)
        context |= {"people": found, "searched": True}
    template = "patients/list.html#people" if request.htmx else "patients/list.html"
    return render(request, template, context)


@doors.professional(capability=capabilities.FIND_PATIENT)
@require_http_methods(["GET", "POST"])
def find(request: HttpRequest) -> HttpResponse:
    """Search a person by traits in the whole territory, before any creation."""
    if request.method != "POST":
        return render(request, "patients/find.html", {"form": forms.TraitsForm()})
    form = forms.TraitsForm(request.POST)
    if not form.is_valid():
        return render(request, "patients/find.html", {"form": form}, status=422)
    birth = form.cleaned_data["birth_date"]
    if wrong := rules.wrong_birth_date(birth.day, on=request.now.date()):
        form.add_error("birth_date", wrong)
        return render(request, "patients/find.html", {"form": form}, status=422)
    known = queries.find_by_traits(
        actor=request.actor,
        family=form.cleaned_data["birth_family"],
        given=form.cleaned_data["birth_given"],
        birth_date=birth.day,
        precision=birth.precision,
        now=request.now,
    )
    context = {
        "form": form,
        "known": known,
        "searched": True,
        "may_register": request.actor.can(capabilities.REGISTER_PATIENT),
        "may_break_glass": request.actor.can(capabilities.BREAK_GLASS),
    }
    return render(request, "patients/find.html", context)


@doors.professional(patient=Level.IDENTITY)
@require_safe
def detail(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show an identity: traits, status, identifiers."""
    patient = access.get_patient(actor=request.actor, patient_id=patient_id, now=request.now)
    context = {
        "patient": patient,
        "tab": "identity",
        "identifiers": queries.identifiers_of(patient_id=patient.pk)
        if patient.level >= Level.READ
        else [],
        "may_read": patient.level >= Level.READ,
        "may_write": patient.level >= Level.WRITE,
    }
    return render(request, "patients/detail.html", context)


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def correct(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Correct traits on the version that was read; the former version stays."""
    patient = access.get_patient(
        actor=request.actor, patient_id=patient_id, now=request.now, level=Level.WRITE
    )
    communes = directory.communes()
    status = 200
    if request.method == "POST":
        form = forms.CorrectionForm(request.POST, communes=communes)
        if form.is_valid():
            try:
                operations.update_patient(
                    actor=request.actor,
                    now=request.now,
                    patient=patient,
                    version=form.cleaned_data["version"],
                    changes=form.traits(),
                    **form.ins_given(),
                )
            except UnableTo as refusal:
                form.add_error(
                    refusal.field if refusal.field in form.fields else None, refusal.message
                )
            else:
                messages.success(request, "Identité enregistrée. La version précédente est gardée.")
                return HttpResponseRedirect(reverse("patients:detail", args=[patient_id]))
        status = 422
    else:
        form = forms.CorrectionForm(
            initial=forms.CorrectionForm.initial_of(patient), communes=communes
        )
    context = {"patient": patient, "tab": "identity", "form": form}
    return render(request, "patients/correct.html", context, status=status)


@doors.professional(patient=Level.READ)
@require_safe
def versions(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show the former versions of an identity: what changed, when, by whom."""
    patient = access.get_patient(
        actor=request.actor, patient_id=patient_id, now=request.now, level=Level.READ
    )
    context = {
        "patient": patient,
        "tab": "identity",
        "versions": queries.versions(patient_id=patient.pk),
    }
    return render(request, "patients/versions.html", context)


def _paged(page: queries.PersonsPage) -> dict[str, Any]:
    """Return what the list shows of a page; the address names a row, never a person."""
    return {
        "people": page.persons,
        "previous": short_id(page.previous) if page.previous else "",
        "next": short_id(page.next) if page.next else "",
    }


def _row_number(request: HttpRequest, name: str) -> int | None:
    """Return the row number in the address, or None when it is not one."""
    try:
        return from_short_id(request.GET.get(name, ""))
    except ValueError:
        return None
