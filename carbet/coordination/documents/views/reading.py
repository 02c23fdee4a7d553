"""Read a file where it is kept: its sections, its pages drawn here, the files that it carries."""

import io

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from carbet.coordination.documents import access, queries
from carbet.coordination.documents.presenters import reading
from carbet.coordination.documents.rules import content as contents
from carbet.coordination.documents.rules import pdf, receiving
from carbet.core import doors, serving
from carbet.core.actor import Level
from carbet.interop import cda

_KEPT_SECONDS = 600


@doors.professional(patient=Level.READ)
@require_safe
def read(request: HttpRequest, patient_id: int, document_id: int, number: int) -> HttpResponse:
    """Show one version of a file in the page."""
    patient = access.get_documents(actor=request.actor, patient_id=patient_id, now=request.now)
    file, data = _file(request, patient, document_id, number)
    address = reverse("documents:piece", args=[patient.pk, document_id, number, 0])
    context = {
        "patient": patient,
        "tab": "documents",
        "document": file.document,
        "file": file,
        "reading": reading.reading(data, file.media_type, address=address.removesuffix("0/")),
    }
    return render(request, "documents/read.html", context)


@doors.reader(patient=Level.READ)
@require_safe
def page(
    request: HttpRequest, patient_id: int, document_id: int, number: int, rank: int
) -> HttpResponse:
    """Draw one page of a PDF."""
    file, data = _file(request, _entered(request, patient_id), document_id, number)
    if file.media_type != contents.PDF:
        raise access.NoSuchRecord
    return _drawn(data, rank)


@doors.reader(patient=Level.READ)
@require_safe
def piece(
    request: HttpRequest, patient_id: int, document_id: int, number: int, part: int
) -> HttpResponseBase:
    """Give a file that a clinical document carries: a picture drawn again, anything else saved."""
    media = _carried(request, patient_id, document_id, number, part)
    try:
        received = receiving.receive("piece", io.BytesIO(media.data), len(media.data))
    except contents.UnknownContent as refusal:
        raise access.NoSuchRecord from refusal
    response = HttpResponse(received.content.read(), content_type=received.media_type)
    inline = received.media_type in contents.SHOWN_INLINE
    _keep_a_while(response)
    return serving.kept_apart(response, received.name, as_attachment=not inline)


@doors.reader(patient=Level.READ)
@require_safe
def piece_page(
    request: HttpRequest, patient_id: int, document_id: int, number: int, part: int, rank: int
) -> HttpResponse:
    """Draw one page of a PDF that a clinical document carries."""
    media = _carried(request, patient_id, document_id, number, part)
    if media.media_type != contents.PDF:
        raise access.NoSuchRecord
    return _drawn(media.data, rank)


def _entered(request: HttpRequest, patient_id: int):
    return access.get_documents(
        actor=request.actor, patient_id=patient_id, now=request.now, purpose="documents.enter"
    )


def _file(request: HttpRequest, patient, document_id: int, number: int):
    file = access.get_file(
        actor=request.actor,
        patient=patient,
        document_id=document_id,
        number=number,
        now=request.now,
    )
    with queries.content(file=file) as kept:
        return file, kept.read()


def _carried(
    request: HttpRequest, patient_id: int, document_id: int, number: int, part: int
) -> cda.Media:
    file, data = _file(request, _entered(request, patient_id), document_id, number)
    if file.media_type != contents.CDA:
        raise access.NoSuchRecord
    try:
        return reading.carried(cda.read(data))[part]
    except (cda.UnreadableDocument, IndexError) as missing:
        raise access.NoSuchRecord from missing


def _drawn(data: bytes, rank: int) -> HttpResponse:
    if not 1 <= rank <= pdf.MOST_PAGES:
        raise access.NoSuchRecord
    try:
        drawn = pdf.page(data, rank)
    except contents.UnknownContent as refusal:
        raise access.NoSuchRecord from refusal
    response = HttpResponse(drawn, content_type=contents.PNG)
    _keep_a_while(response)
    return serving.kept_apart(response, "page.png", as_attachment=False)


def _keep_a_while(response: HttpResponse) -> None:
    response["Cache-Control"] = f"private, max-age={_KEPT_SECONDS}"
