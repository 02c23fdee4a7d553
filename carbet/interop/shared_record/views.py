"""The page of a document's deposits: what may leave, what left, which shared record answers."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from carbet.connectors import dmp
from carbet.core import doors
from carbet.core.actor import Level
from carbet.core.forms import form_page, refuse
from carbet.core.operation import UnableTo
from carbet.interop.shared_record import access, operations, presenters, queries
from carbet.interop.shared_record.forms import DepositForm
from carbet.interop.shared_record.rules import why_not


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
