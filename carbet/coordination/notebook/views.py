"""Pages of the notebook: the timeline, writing, answering, mending, measuring."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.notebook import access, forms, operations, presenters, queries
from carbet.core import doors
from carbet.core.actor import Level, role_key
from carbet.core.forms import form_page, refuse
from carbet.core.identifiers import short_id
from carbet.core.operation import UnableTo
from carbet.registries.directory.rules import WRITE_NOTEBOOK, may_write_notebook

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def giving_text_back(view: View[P]) -> View[P]:
    """Give what was typed back to whoever may no longer write here: the text is theirs."""

    @wraps(view)
    def run(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except access.NoSuchRecord:
            text = request.POST.get("text", "").strip() or forms.MeasuresForm(request.POST).typed()
            if request.method != "POST" or not text:
                raise
            return render(request, "notebook/text_given_back.html", {"text": text}, status=404)

    return run


@doors.professional(patient=Level.READ)
@require_safe
def timeline(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show all that happened to a person, notes and measures among it, the latest first."""
    # A screen that refreshes by itself is not a visit: it must not hide what is new.
    by_itself = "X-Carbet-Refresh" in request.headers
    patient = access.get_notebook(
        actor=request.actor,
        patient_id=patient_id,
        now=request.now,
        purpose="notebook.read.refresh" if by_itself else "notebook.read",
        with_members=True,
    )
    since = care_teams.previous_visit(actor=request.actor, patient_id=patient.pk, now=request.now)
    asked = forms.FilterForm(request.GET, authors=queries.authors(patient_id=patient.pk))
    before = forms.read_position(request.GET)
    entries = queries.timeline(
        patient_id=patient.pk,
        limit=queries.PAGE_SIZE + 1,
        before=before,
        filters=asked.filters(since=since),
        reader_role_id=request.actor.role_id,
        now=request.now,
    )
    page = entries[: queries.PAGE_SIZE]
    may_write = may_write_notebook(request.actor, patient.level)
    lines = presenters.lines(
        page, actor=request.actor, since=since, may_write=may_write, patient_id=patient.pk
    )
    context = {
        "patient": patient,
        "tab": "notebook",
        "lines": lines,
        "to_see": presenters.to_see(lines),
        "since": since,
        "filters": asked,
        "filtered": any(request.GET.get(name) for name in asked.fields),
        "is_first_page": before is None,
        "next": _next_page(request, entries),
        "may_write": may_write,
        "form": forms.NoteForm(categories=patient.categories, **_calling(request, patient))
        if may_write and _signs_alone(request)
        else None,
    }
    return render(request, "notebook/list.html", context)


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
@giving_text_back
def write(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Write a note."""
    patient = _writable(request, patient_id)
    form = forms.NoteForm(
        _posted(request),
        request.FILES or None,
        categories=patient.categories,
        **_calling(request, patient),
        **_signing(request),
    )
    if form.is_valid():
        data = form.cleaned_data
        try:
            note = operations.write_note(
                actor=request.actor,
                now=request.now,
                patient=patient,
                text=data["text"],
                kind=data["kind"],
                urgent=data["urgent"],
                category=data.get("category"),
                occurred_at=data["occurred_at"],
                gesture=data["gesture"],
                on_behalf_of_id=data.get("on_behalf_of"),
                visibility=data["visibility"],
                called=form.called(),
                with_person=form.with_person,
                files=data["files"],
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            messages.success(
                request,
                "Note enregistrée. Le cercle de soins est alerté."
                if note.urgent
                else "Note enregistrée.",
            )
            return _back_to(patient.pk, f"note-{short_id(note.pk)}")
    context = {"patient": patient, "tab": "notebook", "form": form}
    return form_page(request, "notebook/write.html", context)


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
@giving_text_back
def reply(request: HttpRequest, patient_id: int, note_id: int) -> HttpResponse:
    """Answer a note."""
    patient = _writable(request, patient_id)
    note = access.get_note(patient=patient, note_id=note_id)
    form = forms.ReplyForm(
        _posted(request),
        request.FILES or None,
        **_calling(request, patient),
        **_signing(request),
    )
    if form.is_valid():
        data = form.cleaned_data
        try:
            answer = operations.write_note(
                actor=request.actor,
                now=request.now,
                patient=patient,
                text=data["text"],
                kind=note.kind,
                urgent=data["urgent"],
                gesture=data["gesture"],
                replies_to=note,
                on_behalf_of_id=data.get("on_behalf_of"),
                called=form.called(),
                files=data["files"],
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, "Réponse enregistrée.")
            return _back_to(patient.pk, f"note-{short_id(answer.pk)}")
    context = {"patient": patient, "tab": "notebook", "form": form, "note": note}
    return form_page(request, "notebook/reply.html", context)


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
@giving_text_back
def correct(request: HttpRequest, patient_id: int, note_id: int) -> HttpResponse:
    """Correct one's own note; the former text stays readable."""
    patient = _writable(request, patient_id)
    note = access.get_note(patient=patient, note_id=note_id)
    if not access.is_own(note, request.actor):
        return _not_mine(request, patient.pk, "notebook:list")
    seen = note.corrected_at.isoformat() if note.corrected_at else ""
    form = forms.CorrectionForm(_posted(request), initial={"text": note.text, "seen": seen})
    if form.is_valid():
        data = form.cleaned_data
        try:
            operations.correct_note(
                actor=request.actor,
                now=request.now,
                note=note,
                text=data["text"],
                reason=data["reason"],
                seen_at=data["seen"],
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, "Note corrigée. Le texte précédent reste consultable.")
            return _back_to(patient.pk, f"note-{short_id(note.pk)}")
    context = {"patient": patient, "tab": "notebook", "form": form, "note": note}
    return form_page(request, "notebook/correct.html", context)


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def withdraw(request: HttpRequest, patient_id: int, note_id: int) -> HttpResponse:
    """Withdraw one's own note; it stays, struck through."""
    patient = _writable(request, patient_id)
    note = access.get_note(patient=patient, note_id=note_id)
    if not access.is_own(note, request.actor):
        return _not_mine(request, patient.pk, "notebook:list")
    form = forms.WithdrawalForm(_posted(request))
    if form.is_valid():
        try:
            operations.withdraw_note(
                actor=request.actor,
                now=request.now,
                note=note,
                reason=form.cleaned_data["reason"],
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, "Note retirée. Elle reste visible, barrée, avec votre motif.")
            return _back_to(patient.pk, f"note-{short_id(note.pk)}")
    context = {"patient": patient, "tab": "notebook", "form": form, "note": note}
    return form_page(request, "notebook/withdraw.html", context)


@doors.professional(patient=Level.READ)
@require_safe
def versions(request: HttpRequest, patient_id: int, note_id: int) -> HttpResponse:
    """Show every text that a note has carried."""
    patient = access.get_notebook(actor=request.actor, patient_id=patient_id, now=request.now)
    note = access.get_note(patient=patient, note_id=note_id)
    context = {
        "patient": patient,
        "tab": "notebook",
        "note": note,
        "versions": queries.versions(note=note),
    }
    return render(request, "notebook/versions.html", context)


@doors.professional(patient=Level.READ)
@require_http_methods(["POST"])
def see(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Keep that the reader has seen these notes; a page open long enough says so by itself."""
    patient = access.get_notebook(
        actor=request.actor,
        patient_id=patient_id,
        now=request.now,
        purpose="notebook.read.refresh",
    )
    form = forms.SeenForm(request.POST)
    if not form.is_valid():
        return HttpResponse("Aucune note.", status=422, content_type="text/plain; charset=utf-8")
    operations.mark_seen(
        actor=request.actor,
        now=request.now,
        patient=patient,
        note_ids=form.cleaned_data["notes"],
    )
    return HttpResponseRedirect(reverse("notebook:list", args=[patient.pk]))


@doors.professional(patient=Level.READ)
@require_safe
def seen(request: HttpRequest, patient_id: int, note_id: int) -> HttpResponse:
    """Show who has seen a note, since when, and who of the circle has not."""
    patient = access.get_notebook(
        actor=request.actor, patient_id=patient_id, now=request.now, with_members=True
    )
    note = access.get_note(patient=patient, note_id=note_id)
    readings = queries.readings(note=note)
    context = {
        "patient": patient,
        "tab": "notebook",
        "note": note,
        "readings": readings,
        "waited": presenters.waited(note, members=patient.members, readings=readings),
    }
    return render(request, "notebook/seen.html", context)


@doors.professional(patient=Level.READ)
@require_safe
def measures(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show the measures of a person as curves, each with its table."""
    patient = access.get_notebook(actor=request.actor, patient_id=patient_id, now=request.now)
    period = request.GET.get("periode", "")
    _, days = forms.PERIODS.get(period, ("", None))
    measured = queries.series(
        patient_id=patient.pk,
        each=queries.MEASURES_DRAWN if days else queries.MEASURES_SHOWN,
        since=request.now - timedelta(days=days) if days else None,
    )
    may_write = may_write_notebook(request.actor, patient.level)
    context = {
        "patient": patient,
        "tab": "measures",
        "period": period if days else "",
        "periods": [(value, label) for value, (label, _) in forms.PERIODS.items()],
        "all_series": presenters.series(
            measured,
            heights=queries.heights(patient_id=patient.pk),
            actor=request.actor if may_write else None,
        ),
        "may_write": may_write,
    }
    return render(request, "notebook/measures.html", context)


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
@giving_text_back
def measure(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Record what was measured during a visit."""
    patient = _writable(request, patient_id)
    posted = _posted(request)
    form = forms.MeasuresForm(
        posted,
        last_weight=queries.last_weight(patient_id=patient.pk)
        if posted and posted.get("weight")
        else None,
        **_signing(request),
    )
    if form.is_valid():
        data = form.cleaned_data
        try:
            operations.record_measures(
                actor=request.actor,
                now=request.now,
                patient=patient,
                values=form.values(),
                gesture=data["gesture"],
                occurred_at=data["occurred_at"],
                comment=data["comment"],
                on_behalf_of_id=data.get("on_behalf_of"),
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, "Mesures enregistrées.")
            return HttpResponseRedirect(reverse("notebook:measures", args=[patient.pk]))
    context = {"patient": patient, "tab": "measures", "form": form}
    return form_page(request, "notebook/measure.html", context)


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def withdraw_measure(request: HttpRequest, patient_id: int, measure_id: int) -> HttpResponse:
    """Mark one's own measure as entered in error."""
    patient = _writable(request, patient_id)
    row = access.get_measure(patient=patient, measure_id=measure_id)
    if not access.is_own(row, request.actor):
        return _not_mine(request, patient.pk, "notebook:measures")
    if request.method == "POST":
        try:
            operations.withdraw_measure(actor=request.actor, now=request.now, measure=row)
        except UnableTo as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(request, "Mesure signalée comme saisie par erreur.")
        return HttpResponseRedirect(reverse("notebook:measures", args=[patient.pk]))
    shown = presenters.measure(row)
    context = {"patient": patient, "tab": "measures", "measure": shown}
    return render(request, "notebook/withdraw_measure.html", context)


def _writable(request: HttpRequest, patient_id: int) -> Any:
    patient = access.get_notebook(
        actor=request.actor,
        patient_id=patient_id,
        now=request.now,
        level=Level.WRITE,
        with_members=True,
    )
    if not may_write_notebook(request.actor, patient.level):
        raise access.NoSuchRecord
    return patient


def _signs_alone(request: HttpRequest) -> bool:
    """Tell whether there is no doubt for whom the actor writes."""
    return request.actor.can(WRITE_NOTEBOOK) or len(request.actor.delegated_role_ids) == 1


def _calling(request: HttpRequest, patient: Any) -> dict[str, Any]:
    """Return whom a note may call by name, as a form takes it: the members but its author."""
    return {"members": patient.members, "author": role_key(request.actor.role_id or 0)}


def _signing(request: HttpRequest) -> dict[str, Any]:
    """Return for whom the actor may write, as a form takes it; nothing to choose, nothing asked."""
    own_name = request.actor.can(WRITE_NOTEBOOK)
    if not request.actor.delegated_role_ids or (_signs_alone(request) and not own_name):
        return {}
    return {"delegators": queries.delegators(actor=request.actor), "own_name": own_name}


def _posted(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _refuse(form: Form, refusal: UnableTo) -> None:
    """Say a refusal; a gesture already used gets a new key, so that it can be sent again."""
    refuse(form, refusal)
    if isinstance(refusal, operations.GestureAlreadyUsed) and isinstance(form, forms.GestureForm):
        form.renew()


def _not_mine(request: HttpRequest, patient_id: int, page: str) -> HttpResponseRedirect:
    messages.error(request, "Seul son auteur peut corriger ou retirer ce qu’il a écrit.")
    return HttpResponseRedirect(reverse(page, args=[patient_id]))


def _back_to(patient_id: int, anchor: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(f"{reverse('notebook:list', args=[patient_id])}#{anchor}")


def _next_page(request: HttpRequest, entries: list[queries.Entry]) -> str:
    """Return the address of the following page, with the same filters, or nothing."""
    if len(entries) <= queries.PAGE_SIZE:
        return ""
    query = request.GET.copy()
    query["suite"] = forms.write_position(entries[queries.PAGE_SIZE - 1].position)
    return f"?{query.urlencode()}"
