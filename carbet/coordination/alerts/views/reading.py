"""The list of alerts, one alert with its steps, having seen it, answering for it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from carbet.coordination.alerts import forms, operations, presenters, queries
from carbet.coordination.alerts.choices import AlertKind, PersonChoice
from carbet.core import doors
from carbet.core.operation import UnableTo


@doors.signed_in(role_chosen=True)
@require_safe
def alerts(request: HttpRequest) -> HttpResponse:
    """Show what waits for the reader, or everything, the latest first."""
    return _list(request, request.GET)


@doors.signed_in(role_chosen=True)
@require_safe
def bell(request: HttpRequest) -> HttpResponse:
    """Give the bell alone, for a screen that heard of an alert."""
    return render(request, "bell.html")


@doors.signed_in(role_chosen=True)
@require_safe
def detail(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Show one alert, what became of it, and whom it was told."""
    alert = _mine(request, alert_id)
    escalation = queries.escalations(occurrences=[alert.occurrence]).get(alert.occurrence)
    rule = alert.patient and queries.person_rule(actor=request.actor, patient_id=alert.patient_id)
    line = presenters.line(alert, escalation, own_key=queries.own_key(request.actor))
    context = {
        "alert_id": alert_id,
        "line": line,
        "steps": queries.steps(occurrence=alert.occurrence) if escalation else [],
        "escalation": escalation,
        "caller": queries.caller(alert=alert) if line.record_closed else None,
        "deliveries": queries.deliveries(actor=request.actor, occurrence=alert.occurrence),
        "person_choices": PersonChoice.choices,
        "person_choice": rule.choice if rule else PersonChoice.ALL,
    }
    return render(request, "alerts/detail.html", context)


@doors.signed_in(role_chosen=True)
@require_POST
def open_alert(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Mark an alert as read and lead to what it speaks of."""
    alert = _mine(request, alert_id)
    operations.mark_read(actor=request.actor, now=request.now, alert_ids=[alert_id])
    line = presenters.line(alert)
    if line.record_closed:
        messages.warning(request, "Ce dossier ne vous est plus ouvert. L’alerte est marquée lue.")
    return HttpResponseRedirect(line.href or reverse("alerts:list"))


@doors.signed_in(role_chosen=True)
@require_POST
def mark_read(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Mark one alert as read and stay on the list."""
    _mine(request, alert_id)
    operations.mark_read(actor=request.actor, now=request.now, alert_ids=[alert_id])
    return _after(request)


@doors.signed_in(role_chosen=True)
@require_POST
def mark_all_read(request: HttpRequest) -> HttpResponse:
    """Mark everything as read, urgent alerts excepted."""
    operations.mark_all_read(actor=request.actor, now=request.now)
    return _after(request)


@doors.signed_in(role_chosen=True)
@require_POST
def take(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Answer for an urgent alert; whoever was told sees it."""
    return _answer(request, alert_id, operations.take, "C’est noté : vous vous en occupez.")


@doors.signed_in(role_chosen=True)
@require_POST
def release(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Say that one can no longer answer for it: it climbs again."""
    return _answer(
        request, alert_id, operations.release, "C’est noté. Sans réponse, d’autres seront prévenus."
    )


@doors.signed_in(role_chosen=True)
@require_POST
def choose_for_person(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Keep which alerts about the person of this one leave the screen."""
    alert = _mine(request, alert_id)
    if alert.patient is None:
        raise Http404
    form = forms.PersonForm(request.POST)
    if form.is_valid():
        operations.choose_for_person(
            actor=request.actor,
            now=request.now,
            patient_id=alert.patient_id,
            choice=form.cleaned_data["choice"],
        )
        messages.success(request, "C’est noté pour cette personne.")
    else:
        messages.error(request, "Choisissez une des trois réponses.")
    return redirect("alerts:detail", alert_id)


def _mine(request: HttpRequest, alert_id: int) -> Any:
    alert = queries.get_alert(actor=request.actor, alert_id=alert_id)
    if alert is None:
        raise Http404
    return alert


def _answer(
    request: HttpRequest, alert_id: int, operation: Callable[..., None], said: str
) -> HttpResponse:
    alert = _mine(request, alert_id)
    try:
        operation(actor=request.actor, now=request.now, alert=alert)
    except UnableTo as refusal:
        messages.warning(request, refusal.message)
    else:
        messages.success(request, said)
    return redirect("alerts:detail", alert_id)


def _after(request: HttpRequest) -> HttpResponse:
    if request.htmx:
        return _list(request, request.POST, template="alerts/list.html#alerts")
    asked = _asked(request.POST)
    where = reverse("alerts:list")
    return redirect(f"{where}?{urlencode(asked)}" if asked else where)


def _asked(said: QueryDict) -> dict[str, str]:
    """Return the view and the filters that an address or a form names, those we know."""
    asked = {}
    if said.get("vue") == "toutes":
        asked["vue"] = "toutes"
    if said.get("urgentes"):
        asked["urgentes"] = "1"
    if said.get("genre") in AlertKind.values:
        asked["genre"] = said["genre"]
    return asked


def _list(
    request: HttpRequest, said: QueryDict, *, template: str = "alerts/list.html"
) -> HttpResponse:
    asked = _asked(said)
    page = queries.alerts_for(
        actor=request.actor,
        unread_only="vue" not in asked,
        urgent_only="urgentes" in asked,
        kind=asked.get("genre", ""),
        before=forms.read_position(said.get("avant", "")),
    )
    following = ""
    if page.next_before is not None:
        following = "?" + urlencode(asked | {"avant": forms.write_position(page.next_before)})
    urgent = [alert.occurrence for alert in page.alerts if alert.urgent]
    escalations = queries.escalations(occurrences=urgent)
    lines = [presenters.line(alert, escalations.get(alert.occurrence)) for alert in page.alerts]
    context = {
        "lines": lines,
        "everything": "vue" in asked,
        "asked": asked,
        "kinds": AlertKind.choices,
        "following": following,
        "can_mark_all": any(line.unread and not line.urgent for line in lines),
    }
    return render(request, template, context)
