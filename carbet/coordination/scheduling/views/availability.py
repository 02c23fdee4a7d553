"""When one may be seen: slots, absences, and the secret address of one's calendar."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carbet.coordination.scheduling import access, forms, operations, presenters, queries
from carbet.coordination.scheduling.presenters import feed as calendar
from carbet.coordination.scheduling.views.mine import zone_words
from carbet.core import audit, doors, row_security
from carbet.core.identifiers import from_short_id
from carbet.core.operation import UnableTo
from carbet.registries.directory.access import actor_of_role


@doors.professional()
@require_http_methods(["GET", "POST"])
def slots(request: HttpRequest) -> HttpResponse:
    """Show the slots still free, and open others."""
    role = _role(request)
    form = forms.SlotsForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        data = form.cleaned_data
        try:
            opened = operations.open_slots(
                actor=request.actor,
                now=request.now,
                role=role,
                windows=form.windows(),
                minutes=data["minutes"],
                kind=data["kind"],
            )
        except UnableTo as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            plural = "s" if len(opened) > 1 else ""
            messages.success(
                request, f"{len(opened)} créneau{'x' if plural else ''} ouvert{plural}."
            )
            return HttpResponseRedirect(_here(request, "scheduling:slots"))
    free = queries.free_slots(
        role_ids=[role.pk], after=request.now, before=request.now + queries.SLOTS_AHEAD
    )
    context = {
        "role": role,
        "form": form,
        "groups": presenters.openings_by_day(free),
        "is_own": role.pk == request.actor.role_id,
        "query": _query(request),
        "zone": zone_words(),
    }
    return render(
        request, "scheduling/slots.html", context, status=422 if request.method == "POST" else 200
    )


@doors.professional()
@require_POST
def withdraw_slot(request: HttpRequest, slot_id: int) -> HttpResponse:
    """Withdraw a slot that nobody took."""
    slot = access.get_own_slot(actor=request.actor, slot_id=slot_id)
    try:
        operations.withdraw_slot(actor=request.actor, now=request.now, slot=slot)
    except UnableTo as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Créneau retiré.")
    return HttpResponseRedirect(_here(request, "scheduling:slots"))


@doors.professional()
@require_http_methods(["GET", "POST"])
def absences(request: HttpRequest) -> HttpResponse:
    """Show when one is away, and say so."""
    role = _role(request)
    form = forms.AbsenceForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            operations.declare_absence(
                actor=request.actor, now=request.now, role=role, **form.cleaned_data
            )
        except UnableTo as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            messages.success(request, "Absence enregistrée : vos collègues la voient.")
            return HttpResponseRedirect(_here(request, "scheduling:absences"))
    coming = queries.absences(
        role_ids=[role.pk], low=request.now, high=request.now + queries.ABSENCES_AHEAD
    )
    met = queries.met_by_absences(role_ids=[role.pk], absences=coming)
    context = {
        "role": role,
        "form": form,
        "absences": [
            (each, [presenters.visit(row, actor=request.actor) for row in met.get(each.pk, [])])
            for each in coming
        ],
        "is_own": role.pk == request.actor.role_id,
        "query": _query(request),
        "zone": zone_words(),
    }
    return render(
        request,
        "scheduling/absences.html",
        context,
        status=422 if request.method == "POST" else 200,
    )


@doors.professional()
@require_POST
def cancel_absence(request: HttpRequest, absence_id: int) -> HttpResponse:
    """Take an absence back."""
    absence = access.get_own_absence(actor=request.actor, absence_id=absence_id)
    operations.cancel_absence(actor=request.actor, now=request.now, absence=absence)
    messages.success(request, "Absence retirée.")
    return HttpResponseRedirect(_here(request, "scheduling:absences"))


@doors.professional()
@require_http_methods(["GET", "POST"])
def subscription(request: HttpRequest) -> HttpResponse:
    """Make, renew or close the secret address by which one's own calendar reads the agenda."""
    address = ""
    if request.method == "POST":
        if request.POST.get("action") == "fermer":
            operations.revoke_feed(actor=request.actor, now=request.now)
            messages.success(request, "Adresse fermée : votre calendrier ne se mettra plus à jour.")
            return HttpResponseRedirect(reverse("scheduling:subscription"))
        secret = operations.open_feed(actor=request.actor, now=request.now)
        address = f"{settings.PUBLIC_URL}{reverse('scheduling:feed', args=[secret])}"
    feeds = queries.feeds_of(account_id=request.actor.account_id)
    context = {"feed": feeds.get(request.actor.role_id), "address": address}
    return render(request, "scheduling/subscription.html", context)


@doors.public()
@require_safe
def feed(request: HttpRequest, secret: str) -> HttpResponse:
    """Give a private calendar to whoever holds its secret: no name, no reason."""
    found = access.get_feed(secret=secret, now=request.now)
    if found is None:
        return HttpResponse("Adresse inconnue ou fermée.", status=404, content_type="text/plain")
    actor = actor_of_role(found.practitioner_role_id, now=request.now)
    row_security.enter(actor, now=request.now, read_only=True)
    low, high = request.now - queries.FEED_BEHIND, request.now + queries.FEED_AHEAD
    events = calendar.feed_events(
        queries.agenda(role_ids=[found.practitioner_role_id], low=low, high=high),
        queries.absences(role_ids=[found.practitioner_role_id], low=low, high=high),
    )
    audit.read(actor, "agenda.feed.read", now=request.now, patient_id=None, entity=found)
    response = HttpResponse(calendar.calendar(events), content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="carbet.ics"'
    response["Cache-Control"] = "private, no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _role(request: HttpRequest) -> Any:
    try:
        asked = from_short_id(request.GET["role"]) if request.GET.get("role") else None
    except ValueError:
        raise access.NoSuchRecord from None
    return access.get_own_role(actor=request.actor, role_id=asked)


def _query(request: HttpRequest) -> str:
    asked = request.GET.get("role", "")
    return f"?role={asked}" if asked.isalnum() else ""


def _here(request: HttpRequest, page: str) -> str:
    return reverse(page) + _query(request)
