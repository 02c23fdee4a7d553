"""What came: the tray, one mail, what somebody decides of it."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carbet.coordination.care_teams import access as care_teams
from carbet.core import audit, doors
from carbet.core.actor import Level
from carbet.core.forms import refuse
from carbet.core.operation import UnableTo
from carbet.interop.secure_mail import access, operations, presenters, queries
from carbet.interop.secure_mail.choices import MailStatus
from carbet.interop.secure_mail.forms import ReasonForm


@doors.professional(capability=access.FIND_PATIENT)
@require_http_methods(["GET", "HEAD", "POST"])
def tray(request: HttpRequest) -> HttpResponse:
    """Show the mails in one status, those to file first; a search is posted: it names people."""
    asked = request.GET.get("etat", "")
    status = asked if asked in MailStatus.values else MailStatus.TO_FILE.value
    text = words(request)
    page = queries.mails(actor=request.actor, status=status, text=text, before=position(request))
    audit.read(
        request.actor, "secure_mail.list", now=request.now, patient_id=None,
        entity=f"IncomingMail x{len(page.mails)}",
    )  # fmt: skip
    waiting = queries.counts(actor=request.actor)
    context = {
        "lines": [presenters.mail_line(row) for row in page.mails],
        "status": status,
        "statuses": [(value, label, waiting.get(value, 0)) for value, label in presenters.SHOWN],
        "q": text,
        "mailboxes": queries.mailboxes(actor=request.actor),
        "following": f"?etat={status}&avant={page.next_before}" if page.next_before else "",
    }
    return render(request, "secure_mail/tray.html", context)


@doors.professional(capability=access.FIND_PATIENT)
@require_http_methods(["GET", "HEAD", "POST"])
def mail(request: HttpRequest, mail_id: int) -> HttpResponse:
    """Show one mail: what it says, what became of it, who it may be about."""
    row = _entered(request, mail_id)
    return _page(request, row, ReasonForm())


@doors.professional(capability=access.FIND_PATIENT)
@require_POST
def file(request: HttpRequest, mail_id: int) -> HttpResponse:
    """File a mail in the record of a person."""
    row = _entered(request, mail_id)
    asked = request.POST.get("patient", "")
    if not (asked.isascii() and asked.isdigit() and len(asked) < 19):
        messages.warning(request, "Choisissez une personne.")
        return redirect("secure_mail:mail", row.pk)
    patient = care_teams.get_record(
        actor=request.actor,
        patient_id=int(asked),
        now=request.now,
        level=Level.WRITE,
        purpose="secure_mail.file",
    )
    try:
        operations.file_by_hand(actor=request.actor, now=request.now, mail=row, patient=patient)
    except UnableTo as error:
        messages.warning(request, error.message)
        return redirect("secure_mail:mail", row.pk)
    messages.success(request, "Le courrier est classé dans le dossier.")
    return redirect("secure_mail:mail", row.pk)


@doors.professional(capability=access.FIND_PATIENT)
@require_POST
def decide(request: HttpRequest, mail_id: int) -> HttpResponse:
    """Send a mail back, or put it apart."""
    row = _entered(request, mail_id)
    form = ReasonForm(request.POST)
    if form.is_valid():
        act = (
            operations.return_to_sender
            if form.cleaned_data["decision"] == "return"
            else operations.quarantine
        )
        try:
            act(
                actor=request.actor,
                now=request.now,
                mail=row,
                reason=form.cleaned_data["reason"],
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "C’est noté ; le courrier reste ici, entier.")
            return redirect("secure_mail:mail", row.pk)
    return _page(request, row, form, status=422)


@doors.professional(capability=access.FIND_PATIENT)
@require_POST
def reconsider(request: HttpRequest, mail_id: int) -> HttpResponse:
    """Take a decision back."""
    row = _entered(request, mail_id)
    try:
        operations.reconsider(actor=request.actor, now=request.now, mail=row)
    except UnableTo as error:
        messages.warning(request, error.message)
    else:
        messages.success(request, "Le courrier attend à nouveau dans « À classer ».")
    return redirect("secure_mail:mail", row.pk)


@doors.professional(capability=access.FIND_PATIENT)
@require_safe
def attachment(request: HttpRequest, mail_id: int, rank: int) -> HttpResponse:
    """Hand over one file of a mail, as a download that runs nothing."""
    row = _entered(request, mail_id)
    found = queries.attachment(mail=row, rank=rank, now=request.now)
    if found is None:
        raise Http404
    response = HttpResponse(found.data, content_type="application/octet-stream")
    kind = found.name.rpartition(".")[2].lower()
    name = (
        f"piece-{rank}.{kind}" if kind in ("pdf", "xml", "txt", "png", "jpg") else f"piece-{rank}"
    )
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox"
    return response


def words(request: HttpRequest) -> str:
    """Return what is searched: posted, so that no name stands in an address."""
    return request.POST.get("q", "").replace("\x00", "")[:100]


def position(request: HttpRequest) -> int | None:
    """Return where a page begins, None for the first."""
    asked = request.GET.get("avant", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None


def _entered(request: HttpRequest, mail_id: int) -> Any:
    row = access.get_incoming(actor=request.actor, mail_id=mail_id)
    audit.read(
        request.actor, "secure_mail.read", now=request.now, patient_id=row.patient_id, entity=row
    )
    return row


def _page(request: HttpRequest, row: Any, form: ReasonForm, status: int = 200) -> HttpResponse:
    line = presenters.mail_line(row)
    text = words(request)
    read = queries.opened(mail=row, now=request.now)
    context: dict[str, Any] = {
        "line": line,
        "form": form,
        "read": read,
        "q": text,
        "record": queries.record_open(actor=request.actor, mail=row, now=request.now),
        "back": f"{reverse('secure_mail:tray')}?etat={line.status}",
    }
    if line.may_file:
        context["proposals"] = queries.proposals(
            actor=request.actor, person=read.person, now=request.now
        )
        context["found"] = (
            queries.searched(actor=request.actor, text=text, now=request.now) if text else []
        )
    return render(request, "secure_mail/mail.html", context, status=status)
