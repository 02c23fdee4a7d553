"""Pages where questionnaires are kept: the library, the editor, the preview, import and export."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carbet.coordination.assessments import access, forms, operations, presenters, queries
from carbet.coordination.assessments.rules import answers as rules
from carbet.coordination.assessments.rules import definitions, editing
from carbet.core import doors, fhir
from carbet.core.operation import UnableTo
from carbet.registries.directory.rules import EDIT_QUESTIONNAIRES


@doors.professional()
@require_safe
def library(request: HttpRequest) -> HttpResponse:
    """Show the questionnaires in use and, to those who keep them, the drafts and the retired."""
    keeps = request.actor.can(EDIT_QUESTIONNAIRES)
    context = {
        "sections": queries.shelves(drafts=keeps),
        "keeps": keeps,
        "gesture": uuid4(),
        "creation": forms.CreationForm(),
    }
    return render(request, "assessments/library.html", context)


@doors.professional()
@require_http_methods(["GET", "POST"])
def preview(request: HttpRequest, questionnaire_id: int) -> HttpResponse:
    """Show a questionnaire as it will be asked, and try it: nothing typed here is kept."""
    questionnaire = _get(request, questionnaire_id)
    try:
        definition = queries.definition_of(questionnaire)
    except definitions.RefusedQuestionnaire as refusal:
        context = {"questionnaire": questionnaire, "problems": refusal.problems}
        return render(request, "assessments/preview.html", context | _keeping(request))
    given = forms.read_answers(definition, request.POST)
    kept, errors = rules.check(definition, given, complete=request.method == "POST")
    typed = rules.as_typed(definition, given)
    shown = presenters.questions(definition, typed, errors=errors)
    context = {
        "questionnaire": questionnaire,
        "definition": definition,
        "questions": shown,
        "results": presenters.results(definition, rules.scores(definition, kept)),
        "tried": request.method == "POST",
    }
    return render(request, "assessments/preview.html", context | _keeping(request))


@doors.professional()
@require_safe
def export(request: HttpRequest, questionnaire_id: int) -> HttpResponse:
    """Give a questionnaire as FHIR, to be used elsewhere."""
    questionnaire = _get(request, questionnaire_id)
    response = fhir.response(questionnaire.definition)
    response["Content-Disposition"] = "attachment; filename=questionnaire.json"
    return response


@doors.professional(capability=EDIT_QUESTIONNAIRES)
@require_POST
def create(request: HttpRequest) -> HttpResponse:
    """Begin a questionnaire."""
    form = forms.CreationForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Donnez un titre au questionnaire.")
        return HttpResponseRedirect(reverse("assessments:library"))
    return _then_edit(
        request,
        lambda: operations.create_draft(actor=request.actor, now=request.now, **form.cleaned_data),
    )


@doors.professional(capability=EDIT_QUESTIONNAIRES)
@require_http_methods(["GET", "POST"])
def take_in(request: HttpRequest) -> HttpResponse:
    """Import a FHIR Questionnaire, from a file or from a text."""
    form = forms.ImportForm(request.POST or None, request.FILES or None)
    problems: list[definitions.Problem] = []
    if form.is_valid():
        try:
            row = operations.import_draft(
                actor=request.actor, now=request.now, body=form.cleaned_data["body"]
            )
        except operations.UnableToKeepQuestionnaire as refusal:
            form.add_error(None, refusal.message)
            problems = refusal.problems
        else:
            messages.success(request, "Questionnaire repris comme brouillon.")
            return HttpResponseRedirect(reverse("assessments:edit", args=[row.pk]))
    context = {"form": form, "problems": problems}
    status = 422 if request.method == "POST" else 200
    return render(request, "assessments/import.html", context, status=status)


@doors.professional(capability=EDIT_QUESTIONNAIRES)
@require_POST
def renew(request: HttpRequest, questionnaire_id: int) -> HttpResponse:
    """Begin a new version of a questionnaire."""
    questionnaire = access.get_questionnaire(questionnaire_id=questionnaire_id, published=False)
    return _then_edit(
        request,
        lambda: operations.renew(actor=request.actor, now=request.now, questionnaire=questionnaire),
    )


@doors.professional(capability=EDIT_QUESTIONNAIRES)
@require_POST
def retire(request: HttpRequest, questionnaire_id: int) -> HttpResponse:
    """Stop offering a questionnaire, or give a draft up."""
    questionnaire = access.get_questionnaire(questionnaire_id=questionnaire_id, published=False)
    operations.retire(actor=request.actor, now=request.now, questionnaire=questionnaire)
    messages.success(request, "Questionnaire retiré. Ce qui a été répondu reste lisible.")
    return HttpResponseRedirect(reverse("assessments:library"))


@doors.professional(capability=EDIT_QUESTIONNAIRES)
@require_POST
def publish(request: HttpRequest, questionnaire_id: int) -> HttpResponse:
    """Offer a draft to everyone."""
    questionnaire = access.get_questionnaire(questionnaire_id=questionnaire_id, published=False)
    form = forms.RevisionForm(request.POST)
    if not form.is_valid():
        return HttpResponseRedirect(reverse("assessments:edit", args=[questionnaire.pk]))
    try:
        operations.publish(
            actor=request.actor,
            now=request.now,
            questionnaire=questionnaire,
            seen_revision=form.cleaned_data["seen"],
        )
    except operations.UnableToKeepQuestionnaire as refusal:
        return _edit_page(request, questionnaire, refusal=refusal, status=422)
    messages.success(request, "Questionnaire publié : il est proposé dans chaque dossier.")
    return HttpResponseRedirect(reverse("assessments:preview", args=[questionnaire.pk]))


@doors.professional(capability=EDIT_QUESTIONNAIRES)
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, questionnaire_id: int) -> HttpResponse:
    """Write a draft, question by question."""
    questionnaire = access.get_questionnaire(questionnaire_id=questionnaire_id, published=False)
    if questionnaire.status != "draft":
        return HttpResponseRedirect(reverse("assessments:preview", args=[questionnaire.pk]))
    if request.method != "POST":
        return _edit_page(request, questionnaire)
    done = request.POST.get("faire", "")
    revision = forms.RevisionForm(request.POST)
    change, form = _change(done, request, questionnaire.definition)
    if not revision.is_valid() or (form is not None and not form.is_valid()):
        return _edit_page(request, questionnaire, form=form, done=done, status=422)
    try:
        operations.write_draft(
            actor=request.actor,
            now=request.now,
            questionnaire=questionnaire,
            body=change(form.cleaned_data if form is not None else {}),
            seen_revision=revision.cleaned_data["seen"],
        )
    except editing.UnusableOptions as refusal:
        if form is not None:
            form.add_error("options" if "options" in form.fields else None, str(refusal))
        return _edit_page(request, questionnaire, form=form, done=done, status=422)
    except UnableTo as refusal:
        questionnaire = access.get_questionnaire(questionnaire_id=questionnaire_id, published=False)
        return _edit_page(request, questionnaire, form=form, done=done, refusal=refusal, status=422)
    anchor = "#ajouter" if done == "question" else ""
    return HttpResponseRedirect(reverse("assessments:edit", args=[questionnaire.pk]) + anchor)


Change = Callable[[dict[str, Any]], dict[str, Any]]


def _change(done: str, request: HttpRequest, body: dict[str, Any]) -> tuple[Change, Any]:
    """Return what a button does to the questionnaire, and the form that it sends, if any."""
    link_id = request.POST.get("question", "")
    posted = request.POST
    match done:
        case "entete":
            return lambda data: editing.described(body, **data), forms.HeadForm(posted)
        case "question":
            return (
                lambda data: editing.with_question(body, editing.Written(link_id=link_id, **data)),
                forms.QuestionForm(posted, others=editing.questions(body), link_id=link_id),
            )
        case "total":
            return lambda data: forms.summed(body, data), forms.TotalForm(posted)
        case "monter" | "descendre":
            by = -1 if done == "monter" else 1
            return lambda _: editing.moved(body, link_id, by=by), None
        case "supprimer":
            return lambda _: editing.without(body, link_id), None
    return lambda _: body, None


def _edit_page(
    request: HttpRequest,
    questionnaire: Any,
    *,
    form: Any = None,
    done: str = "",
    refusal: UnableTo | None = None,
    status: int = 200,
) -> HttpResponse:
    body = questionnaire.definition
    written = editing.questions(body)
    opened = request.POST.get("question") or request.GET.get("question", "")
    asked = next((one for one in written if one.link_id == opened and one.editable), None)
    total = next((one for one in body["item"] if one.get("linkId") == editing.TOTAL), {})
    context = {
        "questionnaire": questionnaire,
        "written": written,
        "kinds": editing.KINDS,
        "opened": asked.link_id if asked else "",
        "refusal": refusal,
        "problems": getattr(refusal, "problems", []),
        "head": form
        if done == "entete"
        else forms.HeadForm(
            initial={
                "title": body.get("title", ""),
                "description": body.get("description", ""),
                "rights": body.get("copyright", ""),
                "source": definitions.source_of(body),
            }
        ),
        "question": form
        if done == "question"
        else forms.QuestionForm(
            initial=forms.initial_of(asked), others=written, link_id=opened if asked else ""
        ),
        "total": form
        if done == "total"
        else forms.TotalForm(
            initial={"wanted": bool(total), "label": total.get("text", "")}
            | forms.meanings_initial(editing.meanings(body))
        ),
        "opens": done,
    }
    return render(request, "assessments/edit.html", context, status=status)


def _then_edit(request: HttpRequest, act: Callable[[], Any]) -> HttpResponse:
    try:
        row = act()
    except UnableTo as refusal:
        messages.error(request, refusal.message)
        return HttpResponseRedirect(reverse("assessments:library"))
    return HttpResponseRedirect(reverse("assessments:edit", args=[row.pk]))


def _get(request: HttpRequest, questionnaire_id: int) -> Any:
    """Return a questionnaire; a draft exists only for those who keep them."""
    questionnaire = access.get_questionnaire(questionnaire_id=questionnaire_id, published=False)
    if questionnaire.status == "draft" and not request.actor.can(EDIT_QUESTIONNAIRES):
        raise access.NoSuchRecord
    return questionnaire


def _keeping(request: HttpRequest) -> dict[str, Any]:
    return {"keeps": request.actor.can(EDIT_QUESTIONNAIRES)}
