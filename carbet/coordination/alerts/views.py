"""The pages of alerts: what waits, opening one, having seen them."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from carbet.coordination.alerts import forms, operations, presenters, queries
from carbet.core import doors


@doors.signed_in(role_chosen=True)
@require_safe
def alerts(request: HttpRequest) -> HttpResponse:
    """Show what waits for the reader, or everything, the latest first."""
    return _list(request, everything=request.GET.get("vue") == "toutes")


@doors.signed_in(role_chosen=True)
@require_safe
def bell(request: HttpRequest) -> HttpResponse:
    """Give the bell alone, for a screen that heard of an alert."""
    return render(request, "bell.html")


@doors.signed_in(role_chosen=True)
@require_POST
def open_alert(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Mark an alert as read and lead to what it speaks of."""
    alert = queries.get_alert(actor=request.actor, alert_id=alert_id)
    if alert is None:
        raise Http404
    operations.mark_read(actor=request.actor, now=request.now, alert_ids=[alert_id])
    line = presenters.line(alert)
    if line.record_closed:
        messages.warning(request, "Ce dossier ne vous est plus ouvert. L’alerte est marquée lue.")
    return HttpResponseRedirect(line.href or reverse("alerts:list"))


@doors.signed_in(role_chosen=True)
@require_POST
def mark_read(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Mark one alert as read and stay on the list."""
    if queries.get_alert(actor=request.actor, alert_id=alert_id) is None:
        raise Http404
    operations.mark_read(actor=request.actor, now=request.now, alert_ids=[alert_id])
    return _after(request)


@doors.signed_in(role_chosen=True)
@require_POST
def mark_all_read(request: HttpRequest) -> HttpResponse:
    """Mark everything as read, urgent alerts excepted."""
    operations.mark_all_read(actor=request.actor, now=request.now)
    return _after(request)


def _after(request: HttpRequest) -> HttpResponse:
    everything = request.POST.get("vue") == "toutes"
    if request.htmx:
        return _list(request, everything=everything, template="alerts/list.html#alerts")
    where = reverse("alerts:list")
    return redirect(f"{where}?vue=toutes" if everything else where)


def _list(
    request: HttpRequest, *, everything: bool, template: str = "alerts/list.html"
) -> HttpResponse:
    page = queries.alerts_for(
        actor=request.actor,
        unread_only=not everything,
        before=forms.read_position(request.GET.get("avant", "")),
    )
    following = ""
    if page.next_before is not None:
        asked = {"vue": "toutes"} if everything else {}
        following = "?" + urlencode(asked | {"avant": forms.write_position(page.next_before)})
    lines = [presenters.line(alert) for alert in page.alerts]
    context = {
        "lines": lines,
        "everything": everything,
        "following": following,
        "can_mark_all": any(line.unread and not line.urgent for line in lines),
    }
    return render(request, template, context)
