"""What leaves: a document of a record to send, and what became of those sent."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from carbet.coordination.documents import access as documents
from carbet.core import audit, doors
from carbet.core.actor import Level
from carbet.core.forms import form_page, refuse
from carbet.core.operation import UnableTo
from carbet.interop.secure_mail import access, operations, presenters, queries
from carbet.interop.secure_mail.forms import SendForm
from carbet.interop.secure_mail.operations.sending import person_address
from carbet.interop.secure_mail.views.receiving import position, words


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def send(request: HttpRequest, patient_id: int, document_id: int) -> HttpResponse:
    """Ask to whom a document leaves, and send it."""
    patient = documents.get_documents(
        actor=request.actor,
        patient_id=patient_id,
        now=request.now,
        level=Level.WRITE,
        purpose="secure_mail.send",
    )
    document = documents.get_document(patient=patient, document_id=document_id)
    held = queries.mailboxes(actor=request.actor)
    form = SendForm(
        *([request.POST] if request.method == "POST" else []),
        mailboxes=held,
        circle=queries.circle_addresses(patient_id=patient.pk, now=request.now),
        person=bool(person_address(patient)),
    )
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            operations.send_document(
                actor=request.actor,
                now=request.now,
                patient=patient,
                document=document,
                mailbox=said["mailbox"],
                recipients=form.addresses(),
                to_patient=said.get("to_patient", False),
                gesture=said["gesture"],
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "Le courrier part ; son accusé sera montré ici.")
            return redirect("secure_mail:send", patient.pk, document.pk)
    rows = queries.sent_of_document(actor=request.actor, document_id=document.pk)
    context = {
        "patient": patient,
        "tab": "documents",
        "document": document,
        "form": form,
        "mailboxes": held,
        "sent": [
            presenters.sent_line(row, message)
            for row, message in queries.with_messages(rows, now=request.now)
        ],
    }
    return form_page(request, "secure_mail/send.html", context)


@doors.professional(capability=access.FIND_PATIENT)
@require_http_methods(["GET", "HEAD", "POST"])
def sent(request: HttpRequest) -> HttpResponse:
    """Show the mails sent, the latest first."""
    text = words(request)
    page = queries.sent(actor=request.actor, now=request.now, text=text, before=position(request))
    audit.read(
        request.actor, "secure_mail.list", now=request.now, patient_id=None,
        entity=f"OutgoingMail x{len(page.mails)}",
    )  # fmt: skip
    context = {
        "lines": [presenters.sent_line(row, message) for row, message in page.mails],
        "q": text,
        "following": f"?avant={page.next_before}" if page.next_before else "",
    }
    return render(request, "secure_mail/sent.html", context)


@doors.professional(capability=access.FIND_PATIENT)
@require_POST
def cancel(request: HttpRequest, sent_id: int) -> HttpResponse:
    """Cancel a mail that has not left."""
    return _act(request, sent_id, operations.cancel_mail, "Le courrier ne partira pas.")


@doors.professional(capability=access.FIND_PATIENT)
@require_POST
def retry(request: HttpRequest, sent_id: int) -> HttpResponse:
    """Try a failed mail again."""
    return _act(request, sent_id, operations.retry_mail, "Le courrier est de nouveau envoyé.")


def _act(request: HttpRequest, sent_id: int, act: Callable[..., None], done: str) -> HttpResponse:
    row = access.get_outgoing(actor=request.actor, mail_id=sent_id)
    try:
        act(actor=request.actor, now=request.now, mail=row)
    except UnableTo as error:
        messages.warning(request, error.message)
    else:
        messages.success(request, done)
    return redirect("secure_mail:sent")
