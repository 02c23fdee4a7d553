"""The list of documents, one document, its file, and what its author may do."""

import uuid
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.forms import Form
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from carbet.coordination.documents import access, forms, operations, presenters, queries
from carbet.coordination.documents.rules import content as contents
from carbet.core import doors, serving
from carbet.core.actor import Level
from carbet.core.forms import form_page, refuse
from carbet.core.operation import UnableTo
from carbet.registries.directory.rules import may_write_notebook


@doors.professional(patient=Level.READ)
@require_safe
def documents(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show the documents of a person, the latest first."""
    patient = access.get_documents(actor=request.actor, patient_id=patient_id, now=request.now)
    asked = forms.FilterForm(request.GET)
    asked.is_valid()
    words, kind = asked.cleaned_data.get("q", ""), asked.cleaned_data.get("type", "")
    before = forms.read_position(request.GET)
    found = queries.documents(
        patient_id=patient.pk,
        limit=queries.PAGE_SIZE + 1,
        before=before,
        types=[kind] if kind else (),
        words=words,
    )
    following = ""
    if len(found) > queries.PAGE_SIZE:
        last = found[queries.PAGE_SIZE - 1]
        query = request.GET.copy()
        query["suite"] = forms.write_position(queries.Position(last.recorded_at, last.pk))
        following = f"?{query.urlencode()}"
    context = {
        "patient": patient,
        "tab": "documents",
        "documents": presenters.documents(found[: queries.PAGE_SIZE], actor=request.actor),
        "filters": asked,
        "words": words,
        "filtered": bool(words or kind),
        "is_first_page": before is None,
        "next": following,
        "sheet": forms.FileSheetForm(),
        "may_write": may_write_notebook(request.actor, patient.level),
    }
    return render(request, "documents/list.html", context)


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest, patient_id: int) -> HttpResponse:
    """File a document."""
    patient = _writable(request, patient_id)
    form = _form(request, forms.DocumentForm)
    if form.is_valid():
        try:
            filed = _file_each(request, patient, form.cleaned_data)
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            if len(filed) > 1:
                messages.success(request, f"{len(filed)} documents classés dans le dossier.")
                return HttpResponseRedirect(reverse("documents:list", args=[patient.pk]))
            messages.success(request, "Document classé dans le dossier.")
            return HttpResponseRedirect(reverse("documents:detail", args=[patient.pk, filed[0].pk]))
    context = {"patient": patient, "tab": "documents", "form": form}
    return form_page(request, "documents/add.html", context)


@doors.professional(patient=Level.READ)
@require_safe
def detail(request: HttpRequest, patient_id: int, document_id: int) -> HttpResponse:
    """Show one document and every version of its file."""
    patient = access.get_documents(actor=request.actor, patient_id=patient_id, now=request.now)
    found = access.get_document(patient=patient, document_id=document_id)
    files = queries.files(document=found)
    context = {
        "patient": patient,
        "tab": "documents",
        "document": presenters.document(
            queries.with_file(found, files),
            actor=request.actor,
            may_write=may_write_notebook(request.actor, patient.level),
        ),
        "versions": presenters.versions(files),
    }
    return render(request, "documents/detail.html", context)


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def replace(request: HttpRequest, patient_id: int, document_id: int) -> HttpResponse:
    """Bring a new version of one's own document; the former ones stay."""
    patient = _writable(request, patient_id)
    found = access.get_document(patient=patient, document_id=document_id)
    if not access.is_own(found, request.actor):
        return _not_mine(request, patient.pk, found.pk)
    form = _form(request, forms.VersionForm, initial={"version": found.version})
    if form.is_valid():
        data = form.cleaned_data
        try:
            operations.add_version(
                actor=request.actor,
                now=request.now,
                document=found,
                received=data["file"],
                reason=data["reason"],
                version=data["version"],
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "Nouvelle version enregistrée. La précédente reste lisible.")
            return HttpResponseRedirect(reverse("documents:detail", args=[patient.pk, found.pk]))
    context = {"patient": patient, "tab": "documents", "form": form, "document": found}
    return form_page(request, "documents/replace.html", context)


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def withdraw(request: HttpRequest, patient_id: int, document_id: int) -> HttpResponse:
    """Withdraw one's own document; its line stays."""
    patient = _writable(request, patient_id)
    found = access.get_document(patient=patient, document_id=document_id)
    if not access.is_own(found, request.actor):
        return _not_mine(request, patient.pk, found.pk)
    form = _form(request, forms.WithdrawalForm)
    if form.is_valid():
        try:
            operations.withdraw_document(
                actor=request.actor,
                now=request.now,
                document=found,
                reason=form.cleaned_data["reason"],
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "Document retiré. Sa ligne reste, avec votre motif.")
            return HttpResponseRedirect(reverse("documents:list", args=[patient.pk]))
    context = {"patient": patient, "tab": "documents", "form": form, "document": found}
    return form_page(request, "documents/withdraw.html", context)


@doors.reader(patient=Level.READ)
@require_safe
def content(
    request: HttpRequest, patient_id: int, document_id: int, number: int
) -> HttpResponseBase:
    """Give one version of a file: shown only when we drew it ourselves, saved otherwise."""
    patient = access.get_documents(
        actor=request.actor, patient_id=patient_id, now=request.now, purpose="documents.enter"
    )
    file = access.get_file(
        actor=request.actor,
        patient=patient,
        document_id=document_id,
        number=number,
        now=request.now,
    )
    response = FileResponse(queries.content(file=file), content_type=file.media_type)
    response["Content-Length"] = str(file.size)
    inline = file.media_type in contents.SHOWN_INLINE and "telecharger" not in request.GET
    return serving.kept_apart(response, file.name, as_attachment=not inline)


@doors.reader(patient=Level.READ)
@require_safe
def small_view(
    request: HttpRequest, patient_id: int, document_id: int, number: int
) -> HttpResponse:
    """Give the small view of an image."""
    patient = access.get_documents(
        actor=request.actor, patient_id=patient_id, now=request.now, purpose="documents.enter"
    )
    file = access.get_file(
        actor=request.actor,
        patient=patient,
        document_id=document_id,
        number=number,
        now=request.now,
    )
    data = queries.small_view(file=file)
    if not data:
        raise access.NoSuchRecord
    response = HttpResponse(data, content_type=contents.JPEG)
    # The browser of the reader keeps it a while: a timeline shows it again and again.
    response["Cache-Control"] = "private, max-age=600"
    return serving.kept_apart(response, "apercu.jpg", as_attachment=False)


def _file_each(request: HttpRequest, patient: Any, data: dict[str, Any]) -> list[Any]:
    """File one document for each file, all or none; several bear the names of their files.

    Raises:
        UnableTo: one of them is refused; among several, the sentence names it.
    """
    several = len(data["file"]) > 1
    filed = []
    with transaction.atomic():
        for rank, received in enumerate(data["file"]):
            try:
                document = operations.file_document(
                    actor=request.actor,
                    now=request.now,
                    patient=patient,
                    received=received,
                    gesture=uuid.uuid5(data["gesture"], str(rank)) if rank else data["gesture"],
                    kind=data["type"],
                    title="" if several else data["title"],
                    made_on=data["made_on"],
                    confidentiality=data["confidentiality"],
                    visibility=data["visibility"],
                )
            except UnableTo as refusal:
                if not several or refusal.field != "file":
                    raise
                said = f"{received.name} : {refusal.message} Aucun fichier n’est classé."
                raise UnableTo(said, field="file") from refusal
            filed.append(document)
    return filed


def _writable(request: HttpRequest, patient_id: int) -> Any:
    patient = access.get_documents(
        actor=request.actor, patient_id=patient_id, now=request.now, level=Level.WRITE
    )
    if not may_write_notebook(request.actor, patient.level):
        raise access.NoSuchRecord
    return patient


def _form(request: HttpRequest, kind: type[Form], **options: Any) -> Any:
    if request.method == "POST":
        return kind(request.POST, request.FILES, **options)
    return kind(**options)


def _not_mine(request: HttpRequest, patient_id: int, document_id: int) -> HttpResponseRedirect:
    messages.error(request, "Seul l’auteur d’un document peut le remplacer ou le retirer.")
    return HttpResponseRedirect(reverse("documents:detail", args=[patient_id, document_id]))
