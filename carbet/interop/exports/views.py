"""Pages of the exports: ask, see how far it is, take what is ready."""

from django.contrib import messages
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carbet.core import doors, row_security, serving
from carbet.core.actor import Level
from carbet.core.forms import form_page, refuse
from carbet.core.operation import UnableTo
from carbet.interop.exports import access, operations, presenters, queries
from carbet.interop.exports.forms import ExportForm, TerritoryForm


@doors.professional(patient=Level.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def record(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Ask for the record of a person, and show what was asked for."""
    patient = access.get_patient(actor=request.actor, patient_id=patient_id, now=request.now)
    form = ExportForm(request.POST) if request.method == "POST" else ExportForm()
    if form.is_valid():
        try:
            operations.ask_record(
                actor=request.actor,
                now=request.now,
                patient=patient,
                reason=form.cleaned_data["reason"],
                gesture=form.cleaned_data["gesture"],
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "L’archive se prépare. Elle paraîtra ici.")
            return HttpResponseRedirect(reverse("exports:record", args=[patient.pk]))
    found = queries.of_patient(patient_id=patient.pk, actor=request.actor)
    context = {
        "patient": patient,
        "tab": "documents",
        "form": form,
        "lines": [presenters.line(each, actor=request.actor, now=request.now) for each in found],
    }
    return form_page(request, "exports/record.html", context)


@doors.professional(patient=Level.READ)
@require_safe
def archive(request: HttpRequest, patient_id: int, export_id: int) -> HttpResponseBase:
    """Give an archive to whoever asked for it."""
    patient = access.get_patient(actor=request.actor, patient_id=patient_id, now=request.now)
    export = access.get_archive(
        actor=request.actor, patient=patient, export_id=export_id, now=request.now
    )
    response = FileResponse(queries.archive(export=export), content_type="application/zip")
    response["Content-Length"] = str(export.size)
    return serving.kept_apart(response, f"dossier-{export.pk}.zip", as_attachment=True)


@doors.professional(capability=access.OPERATE)
@require_http_methods(["GET", "HEAD", "POST"])
def territory(request: HttpRequest) -> HttpResponse:
    """Ask for the whole territory, and show what was asked for and decided."""
    form = TerritoryForm(request.POST) if request.method == "POST" else TerritoryForm()
    if form.is_valid():
        try:
            operations.ask_territory(
                actor=access.keeper(request.actor),
                now=request.now,
                asker=request.actor,
                reason=form.cleaned_data["reason"],
                gesture=form.cleaned_data["gesture"],
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "Demande enregistrée : un autre exploitant doit l’accepter.")
            return redirect("exports:territory")
    found = queries.territories(now=request.now)
    context = {
        "form": form,
        "lines": [presenters.line(each, actor=request.actor, now=request.now) for each in found],
    }
    return form_page(request, "exports/territory.html", context)


@doors.professional(capability=access.OPERATE)
@require_POST
def let(request: HttpRequest, territory_id: int) -> HttpResponse:
    """Let an export of the territory begin."""
    return _decide(request, territory_id, agreed=True)


@doors.professional(capability=access.OPERATE)
@require_POST
def refuse_whole(request: HttpRequest, territory_id: int) -> HttpResponse:
    """Refuse an export of the territory."""
    return _decide(request, territory_id, agreed=False)


@doors.professional(capability=access.OPERATE)
@require_safe
def whole(request: HttpRequest, territory_id: int) -> HttpResponse:
    """Show the files of an export of the territory."""
    export, wholes = _whole(request, territory_id)
    context = {
        "line": presenters.line(export, actor=request.actor, now=request.now),
        "wholes": wholes,
    }
    return render(request, "exports/whole.html", context)


@doors.professional(capability=access.OPERATE)
@require_safe
def manifest(request: HttpRequest, territory_id: int) -> HttpResponse:
    """Give the manifest of an export, as FHIR Bulk Data has it."""
    export, wholes = _whole(request, territory_id)
    address = request.build_absolute_uri(reverse("exports:whole", args=[export.pk]))
    body = presenters.manifest(
        export,
        wholes=wholes,
        address=lambda section: request.build_absolute_uri(
            reverse("exports:lines", args=[export.pk, section])
        ),
        request_url=address,
    )
    return serving.kept_apart(JsonResponse(body), "manifeste.json", as_attachment=True)


@doors.professional(capability=access.OPERATE)
@require_safe
def lines(request: HttpRequest, territory_id: int, file_section: str) -> HttpResponseBase:
    """Give one file of an export, part by part."""
    export, wholes = _whole(request, territory_id)
    if all(each.section != file_section for each in wholes):
        raise access.NoSuchRecord
    response = StreamingHttpResponse(
        queries.part_bytes(export_id=export.pk, section=file_section),
        content_type="application/gzip",
    )
    return serving.kept_apart(response, f"{file_section}.ndjson.gz", as_attachment=True)


def _whole(request: HttpRequest, territory_id: int):
    with row_security.acting_as(access.keeper(request.actor), now=request.now):
        export = access.get_whole(actor=request.actor, export_id=territory_id, now=request.now)
        return export, queries.sections(export_id=export.pk)


def _decide(request: HttpRequest, territory_id: int, *, agreed: bool) -> HttpResponse:
    try:
        operations.let_territory(
            actor=access.keeper(request.actor),
            now=request.now,
            second=request.actor,
            export_id=territory_id,
            agreed=agreed,
        )
    except UnableTo as refusal:
        messages.warning(request, refusal.message)
    else:
        said = "L’export se prépare." if agreed else "L’export est refusé."
        messages.success(request, said)
    return redirect("exports:territory")
