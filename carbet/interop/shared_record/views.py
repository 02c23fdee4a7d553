"""Pages of the shared record: what may leave and what left; what it holds, read and filed here."""

import io
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from carbet.connectors import dmp
from carbet.coordination.documents.presenters import reading
from carbet.coordination.documents.rules import content, receiving
from carbet.core import doors, serving
from carbet.core.actor import Level
from carbet.core.forms import form_page, refuse
from carbet.core.operation import UnableTo
from carbet.interop import cda
from carbet.interop.shared_record import access, operations, presenters, queries
from carbet.interop.shared_record.forms import ConsultForm, DepositForm, SearchForm, TakeForm
from carbet.interop.shared_record.rules import why_not, why_not_take


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def deposit(request: HttpRequest, patient_id: int, document_id: int) -> HttpResponse:
    """Ask for a document to be deposited in the shared record, and show how far it is."""
    patient, document = access.get_document(
        actor=request.actor, patient_id=patient_id, document_id=document_id, now=request.now
    )
    form = DepositForm(request.POST) if request.method == "POST" else DepositForm()
    if form.is_valid():
        try:
            operations.deposit(
                actor=request.actor,
                now=request.now,
                patient=patient,
                document=document,
                was_told=form.cleaned_data["was_told"],
                gesture=form.cleaned_data["gesture"],
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "Le document part vers le DMP.")
            return redirect("shared_record:deposit", patient.pk, document.pk)
    file = queries.latest_file(document=document)
    said = queries.situation(
        patient=patient,
        document=document,
        held=queries.clinical(file=file),
        bearer=queries.bearer_of(role_id=request.actor.role_id),
    )
    standings = queries.of_document(document=document, now=request.now)
    given = file is not None and any(each.deposit.number == file.number for each in standings)
    context = {
        "patient": patient,
        "tab": "documents",
        "document": document,
        "form": form,
        "refusal": why_not(said),
        "given": given,
        "lines": [presenters.line(each) for each in standings],
        "carrier": dmp.carrier(uses_stand_in=settings.DEMONSTRATION),
        "is_stand_in": settings.DEMONSTRATION,
    }
    return form_page(request, "shared_record/deposit.html", context)


@doors.professional(patient=Level.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def consult(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Say how a person's shared record is entered, then show what it holds."""
    patient = access.get_person(actor=request.actor, patient_id=patient_id, now=request.now)
    if request.method == "POST" and "entered" in request.POST:
        return _found(request, patient)
    form = ConsultForm(request.POST) if request.method == "POST" else ConsultForm()
    if form.is_valid():
        entered = access.Entered(form.cleaned_data["mode"], form.cleaned_data["reason"].strip())
        try:
            way = operations.enter(
                actor=request.actor, now=request.now, patient=patient, entered=entered
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            said = access.sign_entered(entered, actor=request.actor, patient=patient)
            return _listed(request, patient, way, entered, SearchForm({"entered": said}))
    context = _context(patient, _way(request, patient), form=form)
    return form_page(request, "shared_record/consult.html", context)


@doors.professional(patient=Level.READ)
@require_POST
def look(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show a document of the shared record, without filing it."""
    patient = access.get_person(actor=request.actor, patient_id=patient_id, now=request.now)
    way = _way(request, patient)
    try:
        entry, data, entered = _fetched(request, patient, way)
    except (access.NotEntered, queries.NoAnswer) as refusal:
        return _again(request, patient, way, refusal)
    try:
        received = receiving.receive("document", io.BytesIO(data), len(data))
        kind = received.media_type
    except content.UnknownContent:
        kind = ""
    context = _context(patient, way) | {
        "reading": reading.reading(data, kind, address=None),
        "entry": request.POST["entry"],
        "entered": access.sign_entered(entered, actor=request.actor, patient=patient),
        "known": queries.known_here(patient=patient, entries=[entry])[0].document_id,
        "refusal": why_not_take(entry),
        "may_take": patient.level >= Level.WRITE,
    }
    return render(request, "shared_record/look.html", context)


@doors.professional(patient=Level.READ)
@require_POST
def download(request: HttpRequest, patient_id: int) -> HttpResponseBase:
    """Give a document of the shared record as a file: what a clinical one carries, when it does."""
    patient = access.get_person(actor=request.actor, patient_id=patient_id, now=request.now)
    way = _way(request, patient)
    try:
        _, data, _ = _fetched(request, patient, way)
        received = receiving.receive("document", io.BytesIO(data), len(data))
        body = cda.read(data).body if received.media_type == content.CDA else None
        if body is not None:
            received = receiving.receive("document", io.BytesIO(body.data), len(body.data))
    except (
        access.NotEntered,
        queries.NoAnswer,
        content.UnknownContent,
        cda.UnreadableDocument,
    ) as refusal:
        return _again(request, patient, way, refusal)
    response = HttpResponse(received.content.read(), content_type=received.media_type)
    response["Cache-Control"] = "no-store"
    return serving.kept_apart(response, received.name, as_attachment=True)


@doors.professional(patient=Level.WRITE)
@require_POST
def take(request: HttpRequest, patient_id: int) -> HttpResponse:
    """File a document of the shared record in the record here."""
    patient = access.get_person(
        actor=request.actor, patient_id=patient_id, now=request.now, level=Level.WRITE
    )
    way = _way(request, patient)
    try:
        entry, data, _ = _fetched(request, patient, way)
        document, is_new = operations.take(
            actor=request.actor, now=request.now, patient=patient, entry=entry, data=data
        )
    except (access.NotEntered, queries.NoAnswer, UnableTo) as refusal:
        return _again(request, patient, way, refusal)
    messages.success(
        request,
        "Document classé dans le dossier." if is_new else "Ce document était déjà dans le dossier.",
    )
    return redirect("documents:detail", patient.pk, document.pk)


def _way(request: HttpRequest, patient) -> queries.Way:
    return queries.way_of(patient=patient, role_id=request.actor.role_id)


def _fetched(
    request: HttpRequest, patient, way: queries.Way
) -> tuple[dmp.Entry, bytes, access.Entered]:
    """Return a document that the actor was shown, its bytes, and how they entered."""
    form = TakeForm(request.POST)
    if not form.is_valid():
        raise access.NotEntered
    entry, entered = access.read_entry(
        form.cleaned_data["entry"], actor=request.actor, patient=patient, person=way.person
    )
    access.trace_opened(actor=request.actor, patient=patient, entry=entry, now=request.now)
    return entry, queries.fetch(entry=entry, way=way, entered=entered, now=request.now), entered


def _found(request: HttpRequest, patient) -> HttpResponse:
    """Show again what was found, filtered, for whoever entered less than an hour ago."""
    form, way = SearchForm(request.POST), _way(request, patient)
    try:
        if not form.is_valid():
            raise access.NotEntered
        entered = access.read_entered(
            form.cleaned_data["entered"], actor=request.actor, patient=patient
        )
    except access.NotEntered as refusal:
        return _again(request, patient, way, refusal)
    return _listed(request, patient, way, entered, form)


def _listed(
    request: HttpRequest, patient, way: queries.Way, entered: access.Entered, form: SearchForm
) -> HttpResponse:
    try:
        if not form.is_valid():
            raise access.NotEntered
        entries = queries.find(way=way, entered=entered, now=request.now)
    except (access.NotEntered, queries.NoAnswer) as refusal:
        return _again(request, patient, way, refusal)
    chosen = presenters.chosen(entries, form.cleaned_data["q"])
    page = presenters.page_of(chosen, form.cleaned_data["page"])
    rows = [
        presenters.entry_line(
            each,
            token=access.sign_entry(each.entry, entered, actor=request.actor, patient=patient),
        )
        for each in queries.known_here(patient=patient, entries=page.entries)
    ]
    context = _context(patient, way) | {
        "form": form,
        "rows": rows,
        "page": page,
        "held": len(entries),
        "found": len(chosen),
        "may_take": patient.level >= Level.WRITE,
    }
    return render(request, "shared_record/found.html", context)


def _again(request: HttpRequest, patient, way: queries.Way, refusal: Exception) -> HttpResponse:
    """Go back to the entrance, saying why."""
    said = (
        "Dites de nouveau à quel titre vous ouvrez ce DMP : plus d’une heure a passé."
        if isinstance(refusal, access.NotEntered)
        else str(refusal)
    )
    context = _context(patient, way, form=ConsultForm()) | {"problem": said}
    return render(request, "shared_record/consult.html", context, status=422)


def _context(patient, way: queries.Way, **more: Any) -> dict[str, Any]:
    return more | {
        "patient": patient,
        "tab": "documents",
        "carrier": dmp.carrier(uses_stand_in=settings.DEMONSTRATION),
        "is_stand_in": settings.DEMONSTRATION,
        "barred": way.refusal(),
    }
