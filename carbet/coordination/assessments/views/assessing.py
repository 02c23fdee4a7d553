"""Pages of assessments: the person's history, the library, filling, results, comparison."""

from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carbet.coordination.assessments import access, forms, operations, presenters, queries
from carbet.coordination.assessments.choices import ResponseStatus
from carbet.coordination.assessments.rules import answers as rules
from carbet.core import doors
from carbet.core.actor import Level
from carbet.core.identifiers import from_short_id, short_id
from carbet.core.operation import UnableTo
from carbet.registries.directory.rules import WRITE_NOTEBOOK


@doors.professional(patient=Level.READ)
@require_safe
def history(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show what was assessed with a person, the latest first."""
    patient = access.get_record(actor=request.actor, patient_id=patient_id, now=request.now)
    before = _place(request)
    found = queries.responses(patient_id=patient.pk, before=before)
    page = found[: queries.PAGE_SIZE]
    more = len(found) > queries.PAGE_SIZE
    context = {
        "patient": patient,
        "tab": "assessments",
        "lines": [presenters.line(response) for response in page],
        "latest": [
            (presenters.line(one), one.questionnaire_id)
            for one in ([] if before else queries.latest(patient_id=patient.pk))
        ],
        "may_write": _may_write(request, patient),
        "is_first_page": before is None,
        "next": f"?suite={short_id(page[-1].pk)}" if more else "",
    }
    return render(request, "assessments/list.html", context)


@doors.professional(capability=WRITE_NOTEBOOK, patient=Level.WRITE)
@require_safe
def choose(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Choose which questionnaire to fill."""
    patient = _writable(request, patient_id)
    searched = request.GET.get("q", "").strip()
    context = {
        "patient": patient,
        "tab": "assessments",
        "searched": searched,
        "questionnaires": [
            (one, queries.definition_of(one)) for one in queries.library(searched=searched)
        ],
        "gesture": uuid4(),
    }
    return render(request, "assessments/choose.html", context)


@doors.professional(capability=WRITE_NOTEBOOK, patient=Level.WRITE)
@require_POST
def begin(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Begin an assessment, and open it."""
    patient = _writable(request, patient_id)
    form = forms.GestureForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choisissez un questionnaire.")
        return HttpResponseRedirect(reverse("assessments:choose", args=[patient.pk]))
    questionnaire = access.get_questionnaire(questionnaire_id=form.cleaned_data["questionnaire"])
    try:
        response = operations.begin(
            actor=request.actor,
            now=request.now,
            patient=patient,
            questionnaire=questionnaire,
            gesture=form.cleaned_data["gesture"],
        )
    except UnableTo as refusal:
        messages.error(request, refusal.message)
        return HttpResponseRedirect(reverse("assessments:choose", args=[patient.pk]))
    return HttpResponseRedirect(reverse("assessments:fill", args=[patient.pk, response.pk]))


@doors.professional(capability=WRITE_NOTEBOOK, patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def fill(request: HttpRequest, patient_id: int, response_id: int) -> HttpResponse:
    """Fill an assessment, by pieces or whole; correct one's own once finished."""
    patient = _writable(request, patient_id)
    response = access.get_response(patient=patient, response_id=response_id)
    detail = reverse("assessments:detail", args=[patient.pk, response.pk])
    if not _may_fill(request, response):
        messages.error(request, "Cette évaluation ne peut plus être modifiée par vous.")
        return HttpResponseRedirect(detail)
    definition = queries.definition_of(response.questionnaire)
    if request.method != "POST":
        form = forms.SavingForm(
            initial={"seen": response.version, "authored_at": response.authored_at}
        )
        return _fill_page(request, patient, response, form, answers=response.answers)
    form = forms.SavingForm(request.POST)
    given = forms.read_answers(definition, request.POST)
    finished = request.POST.get("fait") == "terminer"
    errors: dict[str, str] = {}
    if form.is_valid():
        try:
            saved = operations.save(
                actor=request.actor,
                now=request.now,
                response=response,
                answers=given,
                seen_version=form.cleaned_data["seen"],
                finished=finished,
                authored_at=form.cleaned_data["authored_at"],
                reason=form.cleaned_data["reason"],
            )
        except UnableTo as refusal:
            errors = getattr(refusal, "errors", {})
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            return _after_saving(request, patient, saved, finished=finished)
    typed = rules.as_typed(definition, given)
    return _fill_page(request, patient, response, form, answers=typed, errors=errors, status=422)


@doors.professional(patient=Level.READ)
@require_safe
def detail(request: HttpRequest, patient_id: int, response_id: int) -> HttpResponse:
    """Show an assessment: what it comes to, what it proposes, what was answered."""
    patient = access.get_record(actor=request.actor, patient_id=patient_id, now=request.now)
    response = access.get_response(patient=patient, response_id=response_id)
    definition = queries.definition_of(response.questionnaire)
    shown = presenters.results(definition, response.scores)
    may_write = _may_write(request, patient)
    own = response.author_role_id == request.actor.role_id
    context = {
        "patient": patient,
        "tab": "assessments",
        "response": response,
        "definition": definition,
        "line": presenters.line(response),
        "results": shown if response.status in queries.COUNTED else [],
        "proposals": [one for one in shown if one.goal or one.action],
        "said": presenters.answered(definition, response.answers),
        "may_fill": may_write and _may_fill(request, response),
        "may_withdraw": may_write
        and (own or response.status == ResponseStatus.IN_PROGRESS)
        and response.status != ResponseStatus.ENTERED_IN_ERROR,
    }
    return render(request, "assessments/detail.html", context)


@doors.professional(capability=WRITE_NOTEBOOK, patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def withdraw(request: HttpRequest, patient_id: int, response_id: int) -> HttpResponse:
    """Withdraw an assessment; it stays, struck through."""
    patient = _writable(request, patient_id)
    response = access.get_response(patient=patient, response_id=response_id)
    form = forms.WithdrawalForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            operations.withdraw(
                actor=request.actor,
                now=request.now,
                response=response,
                reason=form.cleaned_data["reason"],
            )
        except UnableTo as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            messages.success(request, "Évaluation retirée. Elle reste visible, avec votre motif.")
            return HttpResponseRedirect(reverse("assessments:list", args=[patient.pk]))
    context = {
        "patient": patient,
        "tab": "assessments",
        "response": response,
        "line": presenters.line(response),
        "form": form,
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "assessments/withdraw.html", context, status=status)


@doors.professional(patient=Level.READ)
@require_safe
def compare(request: HttpRequest, patient_id: int, questionnaire_id: int) -> HttpResponse:
    """Show the answers to one questionnaire over time, side by side, and its scores as curves."""
    patient = access.get_record(actor=request.actor, patient_id=patient_id, now=request.now)
    questionnaire = access.get_questionnaire(questionnaire_id=questionnaire_id, published=False)
    found = queries.over_time(patient_id=patient.pk, url=questionnaire.url)
    if not found:
        raise access.NoSuchRecord
    context = {
        "patient": patient,
        "tab": "assessments",
        "questionnaire": questionnaire,
        "comparison": presenters.comparison(found),
        "count": len(found),
    }
    return render(request, "assessments/compare.html", context)


def _fill_page(
    request: HttpRequest,
    patient: Any,
    response: Any,
    form: forms.SavingForm,
    *,
    answers: Any,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    definition = queries.definition_of(response.questionnaire)
    shown = presenters.questions(definition, answers, errors=errors)
    done, needed = presenters.progress(definition, answers)
    context = {
        "patient": patient,
        "tab": "assessments",
        "response": response,
        "definition": definition,
        "questions": shown,
        "errors": [(question, question.error) for question in _flat(shown) if question.error],
        "form": form,
        "done": done,
        "needed": needed,
        "corrects": response.status in queries.COUNTED,
        "conditional": any(item.conditions for item in definition.by_id.values()),
    }
    return render(request, "assessments/fill.html", context, status=status)


def _flat(questions: Any) -> Any:
    for question in questions:
        yield question
        yield from _flat(question.below)


def _after_saving(
    request: HttpRequest, patient: Any, saved: Any, *, finished: bool
) -> HttpResponseRedirect:
    if saved.status == ResponseStatus.IN_PROGRESS:
        messages.success(request, "Brouillon enregistré.")
        return HttpResponseRedirect(reverse("assessments:fill", args=[patient.pk, saved.pk]))
    messages.success(request, "Évaluation terminée." if finished else "Évaluation corrigée.")
    return HttpResponseRedirect(reverse("assessments:detail", args=[patient.pk, saved.pk]))


def _writable(request: HttpRequest, patient_id: int) -> Any:
    return access.get_record(
        actor=request.actor, patient_id=patient_id, now=request.now, level=Level.WRITE
    )


def _may_write(request: HttpRequest, patient: Any) -> bool:
    return patient.level >= Level.WRITE and request.actor.can(WRITE_NOTEBOOK)


def _may_fill(request: HttpRequest, response: Any) -> bool:
    """Tell whether the actor may write in it: any carer while it is open, then its author."""
    if response.status == ResponseStatus.ENTERED_IN_ERROR:
        return False
    own = response.author_role_id == request.actor.role_id
    return own or response.status == ResponseStatus.IN_PROGRESS


def _place(request: HttpRequest) -> int | None:
    try:
        return from_short_id(request.GET.get("suite", ""))
    except ValueError:
        return None
