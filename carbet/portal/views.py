"""The front door: my day for a professional, my record for a person or a relative."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from carbet.coordination.alerts import presenters as alert_lines
from carbet.coordination.alerts import queries as alerts
from carbet.coordination.care_plans import queries as care_plans
from carbet.coordination.care_teams import presenters as circles
from carbet.coordination.care_teams import queries as care_teams
from carbet.core import audit, doors
from carbet.core import home as blocks
from carbet.core.actor import Level
from carbet.core.identifiers import from_short_id, short_id
from carbet.portal import access, queries

SHOWN = 6
ALERTS_ORDER = 30


@doors.signed_in(role_chosen=True)
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show a professional what waits for them; lead a person to their record."""
    actor, now = request.actor, request.now
    if actor.is_person:
        return HttpResponseRedirect(reverse("portal:records"))
    waiting = [
        alert_lines.line(alert) for alert in alerts.alerts_for(actor=actor, unread_only=True).alerts
    ]
    shown = blocks.shown(actor=actor, now=now)
    main = [each for each in shown if not each.block.aside]
    context = {
        "alerts": waiting[:SHOWN],
        "more_alerts": len(waiting) > SHOWN,
        # Alerts stand where their order puts them among the blocks.
        "before": [each for each in main if each.block.order < ALERTS_ORDER],
        "after": [each for each in main if each.block.order >= ALERTS_ORDER],
        "aside": [each for each in shown if each.block.aside],
        "services": queries.services(actor=actor),
    }
    audit.read(actor, "portal.home", now=now, patient_id=None)
    return render(request, "portal/home.html", context)


@doors.professional()
@require_safe
def services(request: HttpRequest) -> HttpResponse:
    """Show the regional services: for whom, in what state, how to get them."""
    return render(
        request, "portal/services.html", {"services": queries.services(actor=request.actor)}
    )


@doors.person()
@require_safe
def records(request: HttpRequest) -> HttpResponse:
    """Lead to the one record of the account, or let them choose whose."""
    found = list(access.records(actor=request.actor, now=request.now))
    if len(found) == 1:
        return HttpResponseRedirect(reverse("portal:record", args=[found[0].pk]))
    return render(request, "portal/records.html", {"records": found})


@doors.person(patient=Level.READ)
@require_safe
def record(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show the person their approved plan, their team and their decision about sharing."""
    patient = access.get_own_record(actor=request.actor, patient_id=patient_id, now=request.now)
    context = {
        "person": patient,
        "plan": care_plans.approved_version(patient_id=patient.pk),
        "circle": circles.circle(care_teams.participants(patient_id=patient.pk), now=request.now),
        "consent": care_teams.latest_consent(patient_id=patient.pk),
    }
    return render(request, "portal/record.html", context)


@doors.person(patient=Level.READ)
@require_safe
def accesses(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show the person who opened their record, and the exceptional entries."""
    patient = access.get_own_record(
        actor=request.actor, patient_id=patient_id, now=request.now, purpose="portal.access_log"
    )
    try:
        before = from_short_id(request.GET.get("avant", ""))
    except ValueError:
        before = None
    events = care_teams.access_log(patient_id=patient.pk, before=before)
    context = {
        "person": patient,
        "days": circles.access_days(events),
        "next": short_id(events[-1].pk) if len(events) == care_teams.LOG_PAGE else "",
    }
    return render(request, "portal/accesses.html", context)
