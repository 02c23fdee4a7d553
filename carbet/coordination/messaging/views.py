"""Pages of the messaging: my threads, one thread, opening one, inviting, closing, searching."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib import messages
from django.forms import Form
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    QueryDict,
)
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carbet.coordination.care_teams import access as care_teams
from carbet.coordination.documents.rules import content as contents
from carbet.coordination.messaging import access, forms, operations, presenters, queries
from carbet.core import audit, doors, drafts, serving
from carbet.core.actor import Level
from carbet.core.operation import UnableTo
from carbet.registries.directory import queries as directory
from carbet.registries.patients import access as patients

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]
END = "#fin"


def giving_text_back(view: View[P]) -> View[P]:
    """Give what was typed back to whoever may no longer write here: the text is theirs."""

    @wraps(view)
    def run(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except (access.NoSuchThread, care_teams.NoSuchRecord):
            text = (request.POST.get("text") or request.POST.get("decision") or "").strip()
            if request.method != "POST" or not text:
                raise
            return render(request, "messaging/text_given_back.html", {"text": text}, status=404)

    return run


# --- My threads ----------------------------------------------------------------------------------


@doors.signed_in(role_chosen=True)
@require_safe
def threads(request: HttpRequest) -> HttpResponse:
    """Show my threads, the latest first, or those put away."""
    archived = request.GET.get("vue") == "archives"
    page = queries.threads(
        actor=request.actor,
        now=request.now,
        archived=archived,
        before=forms.read_position(request.GET.get("avant", "")),
    )
    audit.read(request.actor, "messaging.list", now=request.now, patient_id=None)
    context = {
        "rows": [presenters.row(line, actor=request.actor) for line in page.lines],
        "archived": archived,
        "first_page": "avant" not in request.GET,
        "following": _following(page, archived=archived),
    }
    return render(request, "messaging/list.html", context)


@doors.professional(patient=Level.READ)
@require_safe
def of_patient(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show my threads about a person."""
    patient = care_teams.get_record(
        actor=request.actor, patient_id=patient_id, now=request.now, purpose="messaging.list"
    )
    page = queries.threads(
        actor=request.actor,
        now=request.now,
        patient_id=patient.pk,
        before=forms.read_position(request.GET.get("avant", "")),
    )
    context = {
        "patient": patient,
        "tab": "messages",
        "rows": [
            presenters.row(line, actor=request.actor, within_record=True) for line in page.lines
        ],
        "following": _following(page),
    }
    return render(request, "messaging/of_patient.html", context)


@doors.signed_in(role_chosen=True)
@require_safe
def count(request: HttpRequest) -> HttpResponse:
    """Give the count of the menu alone, for a screen that heard of a message."""
    return render(request, "messages_count.html")


@doors.signed_in(role_chosen=True)
@require_http_methods(["GET", "POST"])
def search(request: HttpRequest) -> HttpResponse:
    """Look for words in my threads; they are sent in the body, since they may speak of health."""
    text = request.POST.get("q", "")[:200].replace("\x00", "")
    context: dict[str, Any] = {"text": text, "asked": request.method == "POST"}
    if request.method == "POST" and not forms.too_short(text):
        found, more = queries.search(
            text=text, before=forms.read_position(request.POST.get("avant", ""))
        )
        ids = sorted({one.patient_id for one in found if one.patient_id})
        persons = (
            patients.find_entered(actor=request.actor, patient_ids=ids, now=request.now)
            if ids
            else {}
        )
        context["results"] = presenters.results(found, persons)
        context["following"] = forms.write_position((found[-1].at, found[-1].pk)) if more else ""
        for patient_id in ids or [None]:
            audit.read(request.actor, "messaging.search", now=request.now, patient_id=patient_id)
    return render(request, "messaging/search.html", context)


# --- One thread ----------------------------------------------------------------------------------


@doors.signed_in(role_chosen=True)
@require_safe
def thread(request: HttpRequest, thread_id: int) -> HttpResponse:
    """Show the last lines of a thread, or those before a line, and the field to answer."""
    by_itself = "X-Carbet-Refresh" in request.headers
    row = access.get_thread(
        actor=request.actor,
        thread_id=thread_id,
        now=request.now,
        purpose="messaging.thread.refresh" if by_itself else "messaging.thread.read",
    )
    return _thread_page(request, row, forms.MessageForm())


@doors.signed_in(role_chosen=True)
@require_http_methods(["GET", "POST"])
@giving_text_back
def send(request: HttpRequest, thread_id: int) -> HttpResponse:
    """Send a message in a thread."""
    if request.method != "POST":
        # Where a sign-in leads back to after a session that ended.
        return _to_thread(thread_id)
    row = _entered(request, thread_id)
    form = forms.MessageForm(request.POST, request.FILES)
    if form.is_valid():
        data = form.cleaned_data
        try:
            operations.send_message(
                actor=request.actor,
                now=request.now,
                thread=row,
                text=data["text"],
                urgent=data["urgent"],
                gesture=data["gesture"],
                seen=data["seen"] or 0,
                files=data["files"],
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            return _to_thread(thread_id)
    return _thread_page(request, row, form, status=422)


@doors.signed_in(role_chosen=True)
@require_safe
def attachment(request: HttpRequest, thread_id: int, attachment_id: int) -> HttpResponseBase:
    """Give a file of a thread: shown only when we drew it ourselves, saved otherwise."""
    file = _attachment(request, thread_id, attachment_id)
    response = FileResponse(queries.content(attachment=file), content_type=file.media_type)
    response["Content-Length"] = str(file.size)
    inline = file.media_type in contents.SHOWN_INLINE and "telecharger" not in request.GET
    return serving.kept_apart(response, file.name, as_attachment=not inline)


@doors.signed_in(role_chosen=True)
@require_safe
def small_view(request: HttpRequest, thread_id: int, attachment_id: int) -> HttpResponse:
    """Give the small view of an image of a thread."""
    file = _attachment(request, thread_id, attachment_id)
    data = queries.small_view(attachment=file)
    if not data:
        raise access.NoSuchThread
    response = HttpResponse(data, content_type=contents.JPEG)
    # The browser of the reader keeps it a while: a thread shows it again and again.
    response["Cache-Control"] = "private, max-age=600"
    return serving.kept_apart(response, "apercu.jpg", as_attachment=False)


@doors.signed_in(role_chosen=True)
@require_POST
def mark_read(request: HttpRequest, thread_id: int) -> HttpResponse:
    """Say up to which line I have read; asked by the screen that shows it, or by a button."""
    row = _entered(request, thread_id)
    form = forms.ReadForm(request.POST)
    if form.is_valid():
        operations.mark_read(
            actor=request.actor, now=request.now, thread=row, upto=form.cleaned_data["upto"]
        )
    if "X-Carbet-Refresh" in request.headers:
        return HttpResponse(status=204)
    return _to_thread(thread_id)


@doors.signed_in(role_chosen=True)
@require_POST
def mute(request: HttpRequest, thread_id: int) -> HttpResponse:
    """Stop or start again being alerted of a thread."""
    row = _entered(request, thread_id)
    muted = request.POST.get("non") != "1"
    operations.set_muted(actor=request.actor, now=request.now, thread=row, muted=muted)
    messages.success(
        request,
        "Discussion en sourdine : seuls l’urgent et ce qui vous est demandé vous alertent."
        if muted
        else "Vous serez de nouveau alerté des messages de cette discussion.",
    )
    return _to_thread(thread_id)


@doors.signed_in(role_chosen=True)
@require_POST
def archive(request: HttpRequest, thread_id: int) -> HttpResponse:
    """Put a thread away until something new is said, or take it out."""
    row = _entered(request, thread_id)
    archived = request.POST.get("non") != "1"
    operations.set_archived(actor=request.actor, now=request.now, thread=row, archived=archived)
    if not archived:
        return _to_thread(thread_id)
    messages.success(request, "Discussion archivée. Elle revient dès qu’un message y arrive.")
    return HttpResponseRedirect(reverse("messaging:list"))


@doors.signed_in(role_chosen=True)
@require_http_methods(["GET", "POST"])
def leave(request: HttpRequest, thread_id: int) -> HttpResponse:
    """Ask, then leave a thread."""
    row = _entered(request, thread_id)
    if request.method == "POST":
        try:
            operations.leave_thread(actor=request.actor, now=request.now, thread=row)
        except UnableTo as refusal:
            messages.warning(request, refusal.message)
            return _to_thread(thread_id)
        messages.success(request, "Vous avez quitté la discussion.")
        return HttpResponseRedirect(reverse("messaging:list"))
    return render(request, "messaging/leave.html", {"thread": row})


@doors.professional()
@require_http_methods(["GET", "POST"])
@giving_text_back
def close(request: HttpRequest, thread_id: int) -> HttpResponse:
    """Close a thread, with the decision it led to."""
    row = _entered(request, thread_id)
    posted = request.POST if request.method == "POST" else None
    form = forms.ClosingForm(posted, initial={"closings": row.closings})
    if form.is_valid():
        try:
            line = operations.close_thread(
                actor=request.actor,
                now=request.now,
                thread=row,
                decision=form.cleaned_data["decision"],
                seen_closings=form.cleaned_data["closings"],
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            messages.success(
                request,
                "Discussion close. La décision est classée dans le cahier de liaison."
                if line.note_id
                else "Discussion close.",
            )
            return _to_thread(thread_id)
    status = 422 if request.method == "POST" else 200
    return render(request, "messaging/close.html", {"thread": row, "form": form}, status=status)


@doors.professional()
@require_POST
def reopen(request: HttpRequest, thread_id: int) -> HttpResponse:
    """Open a closed thread again."""
    row = _entered(request, thread_id)
    operations.reopen_thread(actor=request.actor, now=request.now, thread=row)
    return _to_thread(thread_id)


# --- Who takes part ------------------------------------------------------------------------------


@doors.professional()
@require_http_methods(["GET", "POST"])
def invite(request: HttpRequest, thread_id: int) -> HttpResponse:
    """Invite more people into a thread."""
    row = _entered(request, thread_id)
    posted = request.POST if request.method == "POST" and "search" not in request.POST else None
    form = forms.RecipientsForm(posted)
    if form.is_valid():
        try:
            names = operations.add_participants(
                actor=request.actor,
                now=request.now,
                thread=row,
                recipients=form.cleaned_data["to"],
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            if names:
                messages.success(request, f"Dans la discussion : {', '.join(names)}.")
            return _to_thread(thread_id)
    present = {seat.grantee for seat in row.seats}
    context = {"thread": row, "form": form} | _recipients(
        request, request.POST, patient=row.person, without=present
    )
    status = 422 if posted is not None else 200
    return render(request, "messaging/invite.html", context, status=status)


@doors.professional()
@require_POST
def remove(request: HttpRequest, thread_id: int, seat_id: int) -> HttpResponse:
    """Take a participant out of a thread."""
    row = _entered(request, thread_id)
    try:
        name = operations.remove_participant(
            actor=request.actor, now=request.now, thread=row, participant_id=seat_id
        )
    except UnableTo as refusal:
        messages.warning(request, refusal.message)
    else:
        messages.success(request, f"{name} ne lit plus cette discussion.")
    return _to_thread(thread_id)


@doors.professional()
@require_safe
def recipients(request: HttpRequest) -> HttpResponse:
    """Answer, while one types, with the nearest professionals and structures."""
    return render(
        request, "messaging/new.html#choices", _recipients(request, request.GET, patient=None)
    )


@doors.professional()
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """Open a thread between professionals and teams, about nobody."""
    return _create(request, None)


@doors.professional(patient=Level.READ)
@require_http_methods(["GET", "POST"])
@giving_text_back
def create_about(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Open a thread about a person, among those who may read the record."""
    patient = care_teams.get_record(
        actor=request.actor, patient_id=patient_id, now=request.now, purpose="messaging.list"
    )
    return _create(request, patient)


# --- What pages share ----------------------------------------------------------------------------


def _create(request: HttpRequest, patient: Any) -> HttpResponse:
    posted = request.POST if request.method == "POST" and "search" not in request.POST else None
    form = forms.ThreadForm(posted, request.FILES if posted is not None else None)
    if request.method == "POST" and posted is None:
        # Looking for somebody keeps what is typed, without judging it yet.
        form = forms.ThreadForm(initial=request.POST.dict())
    if posted is not None and form.is_valid():
        data = form.cleaned_data
        try:
            row = operations.open_thread(
                actor=request.actor,
                now=request.now,
                patient=patient,
                recipients=data["to"],
                subject=data["subject"],
                text=data["text"],
                urgent=data["urgent"],
                gesture=data["gesture"],
                files=data["files"],
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            return _to_thread(row.pk)
    context = {
        "form": form,
        "patient": patient,
        "tab": "messages",
        "draft": drafts.place(request.actor, "new", patient.pk if patient else 0),
        "draft_key": drafts.secret(request.actor),
    } | _recipients(request, request.POST, patient=patient)
    status = 422 if posted is not None else 200
    template = "messaging/new_about.html" if patient else "messaging/new.html"
    return render(request, template, context, status=status)


def _recipients(
    request: HttpRequest, asked: QueryDict, *, patient: Any, without: set[str] | None = None
) -> dict[str, Any]:
    """Return whom a page proposes to invite: the circle of a person, or what a search found."""
    ticked = asked.getlist("to")[:60]
    hidden = {access.reader_key(request.actor)} | (without or set())
    if patient is not None:
        found = queries.candidates(patient_id=patient.pk, level=patient.level, now=request.now)
        text = ""
    else:
        text = asked.get("to_q", "")[:100].replace("\x00", "")
        roles, places = directory.choices(text=text, now=request.now)
        # An address may tick anything: persons and relatives are named by a record alone.
        keys = [key for key in ticked if key.startswith(operations.OF_DIRECTORY)]
        keys += [role.key for role in roles] + [f"org:{place.pk}" for place in places]
        resolved = {one.key: one for one in queries.resolve(keys, now=request.now)}
        found = [resolved[key] for key in dict.fromkeys(keys) if key in resolved]
    return {
        "choices": presenters.choices(
            [one for one in found if one.key not in hidden], checked=ticked
        ),
        "q": text,
        "searched": len(text.strip()) >= 2,
    }


def _entered(request: HttpRequest, thread_id: int) -> Any:
    return access.get_thread(actor=request.actor, thread_id=thread_id, now=request.now)


def _attachment(request: HttpRequest, thread_id: int, attachment_id: int) -> Any:
    row = access.get_thread(
        actor=request.actor,
        thread_id=thread_id,
        now=request.now,
        purpose="messaging.thread.refresh",
    )
    return access.get_attachment(
        actor=request.actor, thread=row, attachment_id=attachment_id, now=request.now
    )


def _thread_page(
    request: HttpRequest, row: Any, form: forms.MessageForm, *, status: int = 200
) -> HttpResponse:
    actor = request.actor
    before = forms.read_line(request.GET.get("avant", ""))
    window, has_older = queries.window(thread=row, before=before)
    first, last = (window[0].seq, window[-1].seq) if window else (0, 0)
    readers, receipts = queries.receipts(actor=actor, thread=row, first=first, last=last)
    own = access.reader_key(actor)
    reading = next((one for one in readers if one.reader == own), None)
    read_seq = reading.read_seq if reading else 0
    names = [seat.name for seat in row.seats if seat.grantee != own]
    context = {
        "thread": row,
        "title": row.subject or presenters.said(names) or "Discussion",
        "others": [seat for seat in row.seats if seat.grantee != own],
        "lines": presenters.lines(
            window,
            actor=actor,
            receipts=receipts,
            read_seq=read_seq,
        ),
        "older": first if has_older else None,
        "is_last_page": last >= row.last_seq,
        "last_seq": last,
        "unseen": last if last > read_seq else None,
        "presence": presenters.presence(readers, actor=actor, now=request.now),
        "muted": reading is not None and reading.muted,
        "archived": reading is not None and (reading.archived_seq or -1) >= row.told_seq,
        "may_leave": row.through.grantee == own,
        "may_remove": actor.is_professional and operations.may_remove(row, actor),
        "form": form,
        "draft": drafts.place(actor, "thread", row.pk),
        "draft_key": drafts.secret(actor),
    }
    return render(request, "messaging/thread.html", context, status=status)


def _refuse(form: Form, refusal: UnableTo) -> None:
    """Say the refusal where it belongs on the form, which keeps what was typed."""
    form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
    if isinstance(refusal, operations.GestureAlreadyUsed) and isinstance(form, forms.GestureForm):
        form.renew()


def _to_thread(thread_id: int) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("messaging:thread", args=[thread_id]) + END)


def _following(page: queries.ThreadPage, *, archived: bool = False) -> str:
    if page.next_before is None:
        return ""
    view = "vue=archives&" if archived else ""
    return f"?{view}avant={forms.write_position(page.next_before)}"
