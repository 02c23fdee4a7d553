"""Pages of the feed: figures, messages that are stopped, routes; and the stays of a person."""

import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carbet.core import doors
from carbet.core.actor import Level
from carbet.core.operation import UnableTo
from carbet.interop.hospital_feed import access, operations, presenters, queries
from carbet.interop.hospital_feed.choices import MessageStatus
from carbet.interop.hospital_feed.forms import AbandonForm, MendForm, RouteForm
from carbet.interop.hospital_feed.presenters import MessageLine


@doors.professional(capability=access.OPERATE)
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show how the feed flows."""
    figures, flows = queries.flow(now=request.now)
    context = {
        "figures": figures,
        "median": presenters.seconds(figures.median_seconds),
        "slowest": presenters.seconds(figures.slowest_seconds),
        "flows": flows,
    }
    return render(request, "hospital_feed/home.html", context)


@doors.professional(capability=access.OPERATE)
@require_safe
def tray(request: HttpRequest) -> HttpResponse:
    """Show the messages in one status, those to mend first."""
    asked = request.GET.get("etat", "")
    status = asked if asked in MessageStatus.values else MessageStatus.DEAD.value
    before = request.GET.get("avant", "")
    page = queries.messages(
        status=status,
        now=request.now,
        before=int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None,
    )
    context = {
        "lines": [presenters.message_line(row) for row in page.messages],
        "status": status,
        "statuses": presenters.SHOWN,
        "following": f"?etat={status}&avant={page.next_before}" if page.next_before else "",
    }
    return render(request, "hospital_feed/tray.html", context)


@doors.professional(capability=access.OPERATE)
@require_safe
def message(request: HttpRequest, feed_message_id: int) -> HttpResponse:
    """Show what became of one message, and what is wrong with it."""
    context = {"line": _line(request, feed_message_id)}
    return render(request, "hospital_feed/message.html", context)


@doors.professional(capability=access.OPERATE)
@require_POST
def replay(request: HttpRequest, feed_message_id: int) -> HttpResponse:
    """Give a stopped message another turn."""
    try:
        operations.replay(actor=request.actor, now=request.now, message_id=feed_message_id)
    except UnableTo as error:
        messages.warning(request, error.message)
    else:
        messages.success(request, "Le message est rejoué.")
    return redirect("hospital_feed:tray")


@doors.professional(capability=access.OPERATE)
@require_POST
def accept_domain(request: HttpRequest, feed_message_id: int) -> HttpResponse:
    """Accept the identity domain that a stopped message speaks of, and replay the message."""
    try:
        operations.accept_domain(actor=request.actor, now=request.now, message_id=feed_message_id)
    except UnableTo as error:
        messages.warning(request, error.message)
    else:
        messages.success(request, "Le domaine est accepté ; le message est rejoué.")
    return redirect("hospital_feed:message", feed_message_id)


@doors.professional(capability=access.OPERATE)
@require_http_methods(["GET", "HEAD", "POST"])
def mend(request: HttpRequest, feed_message_id: int) -> HttpResponse:
    """Ask which field of a stopped message is wrong, write it anew and replay the message."""
    line = _line(request, feed_message_id)
    form = MendForm(request.POST or None, initial={"place": line.place, "version": line.mended})
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                operations.mend(
                    actor=request.actor,
                    now=request.now,
                    message_id=feed_message_id,
                    **form.cleaned_data,
                )
            except UnableTo as error:
                form.add_error(error.field, error.message)
            else:
                messages.success(request, "Le champ est corrigé ; le message est rejoué.")
                return redirect("hospital_feed:message", feed_message_id)
        status = 422
    context = {"line": line, "form": form}
    return render(request, "hospital_feed/mend.html", context, status=status)


@doors.professional(capability=access.OPERATE)
@require_http_methods(["GET", "HEAD", "POST"])
def abandon(request: HttpRequest, feed_message_id: int) -> HttpResponse:
    """Ask why a stopped message is given up, and give it up."""
    line = _line(request, feed_message_id)
    form = AbandonForm(request.POST or None)
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                operations.abandon(
                    actor=request.actor,
                    now=request.now,
                    message_id=feed_message_id,
                    reason=form.cleaned_data["reason"],
                )
            except UnableTo as error:
                form.add_error(error.field, error.message)
            else:
                messages.success(request, "Le message est abandonné ; la raison est gardée.")
                return redirect("hospital_feed:tray")
        status = 422
    context = {"line": line, "form": form}
    return render(request, "hospital_feed/abandon.html", context, status=status)


@doors.professional(capability=access.OPERATE)
@require_http_methods(["GET", "HEAD", "POST"])
def routes(request: HttpRequest) -> HttpResponse:
    """Show the senders that are let in, and let another in."""
    form = RouteForm(
        request.POST or None,
        initial={"gesture": uuid.uuid4(), "facility": request.GET.get("emetteur", "")[:100]},
    )
    status = 200
    if request.method == "POST":
        if form.is_valid() and _open_route(request, form):
            messages.success(request, "La route est ouverte ; ce qui l’attendait est rejoué.")
            return redirect("hospital_feed:routes")
        status = 422
    context = {"routes": queries.routes(), "form": form}
    return render(request, "hospital_feed/routes.html", context, status=status)


@doors.professional(capability=access.OPERATE)
@require_POST
def close_route(request: HttpRequest, route_id: int) -> HttpResponse:
    """Close a route."""
    try:
        operations.close_route(actor=request.actor, now=request.now, route_id=route_id)
    except UnableTo as error:
        messages.warning(request, error.message)
    else:
        messages.success(request, "La route est fermée : ce que cet émetteur envoie attendra.")
    return redirect("hospital_feed:routes")


@doors.professional(patient=Level.READ)
@require_safe
def of_patient(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show the stays of a person, and their movements."""
    patient = access.get_patient(actor=request.actor, patient_id=patient_id, now=request.now)
    stays = queries.stays_of(patient_id=patient.pk)
    lines = presenters.stay_lines(stays, queries.movements_of(stays=stays))
    context = {"patient": patient, "tab": "circle", "stays": lines}
    return render(request, "hospital_feed/of_patient.html", context)


def _line(request: HttpRequest, message_id: int) -> MessageLine:
    row = queries.message(message_id=message_id, now=request.now)
    if row is None:
        raise Http404
    return presenters.message_line(row)


def _open_route(request: HttpRequest, form: RouteForm) -> bool:
    said = form.cleaned_data
    organization = queries.organization_of(finess=said["finess"].strip().upper())
    if organization is None:
        form.add_error("finess", "Aucune structure de ce numéro dans l’annuaire.")
        return False
    try:
        operations.open_route(
            actor=request.actor,
            now=request.now,
            facility=said["facility"],
            application=said["application"],
            organization=organization,
            receipts_to=said["receipts_to"],
            updates_to=said["updates_to"],
            gesture=said["gesture"],
        )
    except UnableTo as error:
        form.add_error(error.field, error.message)
        return False
    return True
