"""Pages of tasks: one list across persons, those of a person, asking, answering."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carbet.coordination.tasks import access, forms, operations, presenters, queries, rules
from carbet.core import doors
from carbet.core.actor import Level
from carbet.core.operation import UnableTo

VIEWS = {"": queries.MINE, "demandees": queries.ASKED, "terminees": queries.SETTLED}


@doors.professional()
@require_safe
def tasks(request: HttpRequest) -> HttpResponse:
    """Show what waits for the reader, what others were asked, or what is settled."""
    asked = request.GET.get("vue", "")
    view = VIEWS.get(asked, queries.MINE)
    late_only = bool(request.GET.get("retard")) and view != queries.SETTLED
    page = queries.tasks_for(
        actor=request.actor,
        view=view,
        today=timezone.localdate(request.now),
        late_only=late_only,
        after=forms.read_position(request.GET.get("suite", ""), moment=view == queries.SETTLED),
    )
    said = ({"vue": asked} if asked in VIEWS and asked else {}) | (
        {"retard": "1"} if late_only else {}
    )
    following = forms.write_position(page.following)
    first = view == queries.MINE and not late_only and "suite" not in request.GET
    context = {
        "alerts": presenters.urgent_alerts(actor=request.actor) if first else [],
        "lines": presenters.lines(page.tasks, now=request.now),
        "view": view,
        "slug": said.get("vue", ""),
        "late_only": late_only,
        "following": "?" + urlencode(said | {"suite": following}) if following else "",
    }
    return render(request, "tasks/list.html", context)


@doors.professional(patient=Level.READ)
@require_safe
def of_patient(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show the tasks of one person, those to do first."""
    patient = access.get_patient(actor=request.actor, patient_id=patient_id, now=request.now)
    before = request.GET.get("avant", "")
    page = queries.tasks_of(
        patient_id=patient.pk,
        before=int(before) if before.isdecimal() and len(before) < 19 else None,
    )
    context = {
        "patient": patient,
        "tab": "tasks",
        "lines": presenters.lines(page.tasks, now=request.now, with_person=False),
        "may_ask": patient.level >= Level.WRITE,
        "following": f"?avant={page.following.pk}" if page.following else "",
    }
    return render(request, "tasks/of_patient.html", context)


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Ask somebody of the circle to do something."""
    patient = access.get_patient(
        actor=request.actor, patient_id=patient_id, now=request.now, level=Level.WRITE
    )
    posted = request.POST if request.method == "POST" else None
    form = forms.TaskForm(
        posted,
        owners=queries.owners(patient_id=patient.pk),
        categories=patient.categories,  # type: ignore[attr-defined]
    )
    if posted is not None and form.is_valid():
        try:
            operations.create_task(
                actor=request.actor, now=request.now, patient=patient, **form.cleaned_data
            )
        except UnableTo as refusal:
            form.add_error(refusal.field, refusal.message)
        else:
            messages.success(request, "La tâche est demandée.")
            return redirect("tasks:of_patient", patient.pk)
    context = {"patient": patient, "tab": "tasks", "form": form}
    return render(request, "tasks/create.html", context, status=422 if form.errors else 200)


@doors.professional(patient=Level.READ)
@require_safe
def detail(request: HttpRequest, task_id: int) -> HttpResponse:
    """Show one task, what became of it, and what one may answer."""
    return _detail(request, task_id)


@doors.professional(patient=Level.READ)
@require_POST
def answer(request: HttpRequest, task_id: int) -> HttpResponse:
    """Accept, do, refuse, cancel or open again; one's own even when one only reads the record."""
    task, _ = access.get_task(actor=request.actor, task_id=task_id, now=request.now)
    form = forms.AnswerForm(request.POST)
    act = ANSWERS.get(request.POST.get("reponse", ""))
    if act is None:
        form.add_error(None, "Choisissez une réponse.")
    elif form.is_valid():
        operation, takes, said = act
        words = {takes: form.cleaned_data["reason"]} if takes else {}
        try:
            operation(actor=request.actor, now=request.now, task=task, **words)
        except UnableTo as refusal:
            form.add_error(refusal.field, refusal.message)
        else:
            messages.success(request, said)
            return redirect("tasks:detail", task.pk)
    return _detail(request, task_id, answer=form)


ANSWERS: dict[str, tuple[Any, str, str]] = {
    "accepter": (operations.accept, "", "C’est noté : vous vous en chargez."),
    "faite": (operations.complete, "comment", "C’est fait, et qui l’a demandé le sait."),
    "refuser": (operations.refuse, "reason", "Votre refus est transmis avec sa raison."),
    "annuler": (operations.cancel, "reason", "La tâche est annulée."),
    "rouvrir": (operations.reopen, "", "La tâche est de nouveau à faire."),
}


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def entrust(request: HttpRequest, task_id: int) -> HttpResponse:
    """Ask somebody else instead."""
    task, patient = access.get_task(
        actor=request.actor, task_id=task_id, now=request.now, level=Level.WRITE
    )
    owners = [each for each in queries.owners(patient_id=patient.pk) if each[0] != task.owner]
    posted = request.POST if request.method == "POST" else None
    form = forms.EntrustForm(posted, owners=owners)
    if posted is not None and form.is_valid():
        try:
            operations.entrust(
                actor=request.actor,
                now=request.now,
                task=task,
                owner=form.cleaned_data["owner"],
            )
        except UnableTo as refusal:
            form.add_error(refusal.field, refusal.message)
        else:
            messages.success(request, "La tâche est demandée à quelqu’un d’autre.")
            return redirect("tasks:detail", task.pk)
    context = {"patient": patient, "tab": "tasks", "task": task, "form": form}
    return render(request, "tasks/entrust.html", context, status=422 if form.errors else 200)


def _detail(request: HttpRequest, task_id: int, answer: Form | None = None) -> HttpResponse:
    task, patient = access.get_task(actor=request.actor, task_id=task_id, now=request.now)
    actor = request.actor
    is_open = rules.is_open(task.status)
    mine = rules.may_settle(owner=task.owner, grantees=actor.grantees)
    asked = rules.may_withdraw(
        requester_id=task.requester_role_id, role_ids=queries.role_ids(actor)
    )
    writes = patient.level >= Level.WRITE
    here = rules.is_answered_here(task.source)
    context = {
        "patient": patient,
        "tab": "tasks",
        "task": task,
        "line": presenters.lines([task], now=request.now, with_person=False)[0],
        "past": presenters.past(queries.versions(task=task)),
        "source": presenters.source_of(task),
        "answered_there": is_open and mine and not here,
        "may_settle": here and is_open and mine,
        "may_withdraw": here and writes and is_open and asked,
        "may_reopen": here and not is_open and (mine or (writes and asked)),
        "may_entrust": here
        and writes
        and is_open
        and (mine or asked)
        and rules.may_entrust(category=task.category, opened=patient.categories),
        "answer_form": answer or forms.AnswerForm(),
    }
    return render(request, "tasks/detail.html", context, status=422 if answer else 200)
