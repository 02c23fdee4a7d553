"""The front door: my day for a professional, my record for a person or a relative."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carbet.coordination.alerts import presenters as alert_lines
from carbet.coordination.alerts import queries as alerts
from carbet.coordination.care_plans import queries as care_plans
from carbet.coordination.care_teams import presenters as circles
from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.support import operations as support_operations
from carbet.coordination.support import presenters as support_lines
from carbet.coordination.support import queries as support_queries
from carbet.coordination.support import rules as support_rules
from carbet.coordination.support.choices import RequestSource
from carbet.coordination.support.forms import CompleteForm
from carbet.core import audit, doors
from carbet.core import home as blocks
from carbet.core.actor import Level
from carbet.core.forms import form_page, refuse
from carbet.core.identifiers import from_short_id, short_id
from carbet.core.operation import UnableTo
from carbet.portal import access, forms, operations, queries
from carbet.registries.directory.rules import OPERATE

SHOWN = 6
ALERTS_ORDER = 15


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
    # What is urgent is never under what came after it.
    waiting.sort(key=lambda line: not line.urgent)
    shown = blocks.shown(actor=actor, now=now)
    main = [each for each in shown if not each.block.aside]
    context = {
        "alerts": waiting[:SHOWN],
        "more_alerts": len(waiting) > SHOWN,
        # Alerts stand where their order puts them among the blocks.
        "before": [each for each in main if each.block.order < ALERTS_ORDER],
        "after": [each for each in main if each.block.order >= ALERTS_ORDER],
        "aside": [each for each in shown if each.block.aside],
        "services": queries.services(actor=actor, now=now),
    }
    audit.read(actor, "portal.home", now=now, patient_id=None)
    return render(request, "portal/home.html", context)


@doors.professional()
@require_safe
def services(request: HttpRequest) -> HttpResponse:
    """Show the regional services: for whom, in what state, how to get them."""
    found = queries.services(actor=request.actor, now=request.now)
    return render(request, "portal/services.html", {"services": found})


@doors.professional()
@require_safe
def service_states(request: HttpRequest) -> HttpResponse:
    """Show how the regional services fare: what disturbs them, what is planned, what is over."""
    try:
        before = from_short_id(request.GET.get("avant", ""))
    except ValueError:
        before = None
    past = queries.past_disruptions(now=request.now, before=before)
    context = {
        "services": queries.services(actor=request.actor, now=request.now),
        "held": queries.open_disruptions(now=request.now),
        "past": past,
        "next": short_id(past[-1].row.pk) if len(past) == queries.PAGE else "",
        "may_declare": access.runs_services(request.actor),
    }
    return render(request, "portal/service_states.html", context)


@doors.professional()
@require_safe
def notices(request: HttpRequest) -> HttpResponse:
    """Give open pages what they are to say of disturbed services now."""
    return render(request, "notices.html")


@doors.professional()
@require_safe
def disruption(request: HttpRequest, disruption_id: int) -> HttpResponse:
    """Show all that was said of one disruption."""
    row = access.get_disruption(disruption_id=disruption_id)
    context = {
        "held": queries.held(row, now=request.now),
        "steps": queries.steps_of(row),
        "may_declare": access.runs_services(request.actor),
    }
    return render(request, "portal/disruption.html", context)


@doors.professional(capability=OPERATE)
@require_http_methods(["GET", "HEAD", "POST"])
def declare_disruption(request: HttpRequest) -> HttpResponse:
    """Declare an incident or a planned maintenance of a service."""
    form = forms.DeclarationForm(
        request.POST if request.method == "POST" else None,
        initial={"starts_at": request.now, "service": request.GET.get("service", "")[:40]},
    )
    if form.is_valid():
        try:
            row = operations.declare_disruption(
                actor=request.actor, now=request.now, **form.cleaned_data
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "Déclaré. Tous les professionnels le voient dès maintenant.")
            return HttpResponseRedirect(reverse("disruptions:detail", args=[row.pk]))
    return form_page(request, "portal/disruption_form.html", {"form": form})


@doors.professional(capability=OPERATE)
@require_http_methods(["GET", "HEAD", "POST"])
def change_disruption(request: HttpRequest, disruption_id: int) -> HttpResponse:
    """Say what changed meanwhile of a disruption."""
    row = access.get_disruption(disruption_id=disruption_id)
    names = ("title", "message", "starts_at", "ends_at", "version")
    form = forms.ChangeForm(
        request.POST if request.method == "POST" else None,
        initial={name: getattr(row, name) for name in names},
    )
    if form.is_valid():
        try:
            operations.change_disruption(
                actor=request.actor, now=request.now, disruption_id=row.pk, **form.cleaned_data
            )
        except UnableTo as refusal:
            refuse(form, refusal)
            # Sent again, the page says that the newer version was read.
            form.data = form.data.copy()
            form.data["version"] = row.version
        else:
            messages.success(request, "Enregistré. Tous les professionnels le voient.")
            return HttpResponseRedirect(reverse("disruptions:detail", args=[row.pk]))
    context = {"form": form, "held": queries.held(row, now=request.now)}
    return form_page(request, "portal/disruption_form.html", context)


@doors.professional(capability=OPERATE)
@require_http_methods(["GET", "HEAD", "POST"])
def end_disruption(request: HttpRequest, disruption_id: int) -> HttpResponse:
    """Say that a disruption is over, or that a maintenance will not take place."""
    row = access.get_disruption(disruption_id=disruption_id)
    form = forms.EndForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            operations.end_disruption(
                actor=request.actor, now=request.now, disruption_id=row.pk, **form.cleaned_data
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "Terminé. Tous les professionnels le voient.")
            return HttpResponseRedirect(reverse("disruptions:list"))
    context = {"form": form, "held": queries.held(row, now=request.now), "ends": True}
    return form_page(request, "portal/disruption_form.html", context)


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
    events = care_teams.access_log(patient_id=patient.pk, absorbed=patient.absorbed, before=before)
    context = {
        "person": patient,
        "days": circles.access_days(events),
        "next": short_id(events[-1].pk) if len(events) == care_teams.LOG_PAGE else "",
    }
    return render(request, "portal/accesses.html", context)


@doors.person(patient=Level.READ)
@require_safe
def support(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show the support that one asked for, and what became of it."""
    patient = access.get_own_record(
        actor=request.actor, patient_id=patient_id, now=request.now, purpose="support.read"
    )
    found = support_queries.sent_from_portal(actor=request.actor, patient_id=patient.pk)
    context = {
        "person": patient,
        "rows": support_lines.rows(found, now=request.now),
        "waits": any(support_rules.waits(each.status) for each in found),
    }
    return render(request, "portal/support.html", context)


@doors.person(patient=Level.READ)
@require_http_methods(["GET", "POST"])
def ask_support(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Ask a team to support oneself, or the person one helps."""
    patient: Any = access.get_own_record(
        actor=request.actor, patient_id=patient_id, now=request.now, purpose="support.read"
    )
    teams = {team.pk: team for team in support_queries.addressees()}
    relative = patient.as_relative
    form = forms.SupportForm(
        request.POST if request.method == "POST" else None,
        request.FILES or None,
        addressees=[(pk, team.name) for pk, team in teams.items()],
        as_relative=relative,
        initial={"phone": "" if relative else patient.phone},
    )
    if form.is_valid():
        data = form.cleaned_data
        try:
            asked = support_operations.request_support(
                actor=request.actor,
                now=request.now,
                patient=patient,
                addressee=teams[data["addressee"]],
                reason=data["reason"],
                text=data["text"],
                urgency=data["urgency"],
                gesture=data["gesture"],
                source=RequestSource.RELATIVE if relative else RequestSource.PERSON,
                requester_name=request.actor.display_name,
                requester_phone=data["phone"],
                consent_given_by=data.get("agrees", "person"),
                files=data["files"],
            )
        except UnableTo as refusal:
            field = {"given_by": "agrees"}.get(refusal.field or "", refusal.field)
            form.add_error(field if field in form.fields else None, refusal.message)
        else:
            messages.success(request, f"Demande envoyée à {asked.addressee.name}.")
            return HttpResponseRedirect(reverse("portal:request", args=[asked.pk]))
    context = {
        "person": patient,
        "form": form,
        "team": next(iter(teams.values())) if len(teams) == 1 else None,
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "portal/ask_support.html", context, status=status)


@doors.person(patient=Level.READ)
@require_safe
def support_request(request: HttpRequest, request_id: int) -> HttpResponse:
    """Show one's own request, step by step."""
    asked, patient = access.get_own_request(
        actor=request.actor, request_id=request_id, now=request.now
    )
    context = {
        "person": patient,
        "request_": asked,
        "row": support_lines.row(asked, now=request.now),
        "steps": support_lines.steps(
            step for step in support_queries.steps_of(asked) if support_rules.is_told(step.kind)
        ),
        "files": support_queries.files_of(asked),
        "incomplete": support_rules.waits_for_requester(asked.status),
    }
    return render(request, "portal/request.html", context)


@doors.person(patient=Level.READ)
@require_http_methods(["GET", "POST"])
def complete_request(request: HttpRequest, request_id: int) -> HttpResponse:
    """Answer what the team asked to know."""
    asked, patient = access.get_own_request(
        actor=request.actor, request_id=request_id, now=request.now
    )
    form = CompleteForm(request.POST if request.method == "POST" else None, request.FILES or None)
    if form.is_valid():
        try:
            support_operations.complete_request(
                actor=request.actor,
                now=request.now,
                request=asked,
                text=form.cleaned_data["text"],
                files=form.cleaned_data["files"],
            )
        except UnableTo as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            messages.success(request, "Réponse envoyée à l’équipe.")
            return HttpResponseRedirect(reverse("portal:request", args=[asked.pk]))
    context = {
        "person": patient,
        "form": form,
        "request_": asked,
        "asking": support_queries.asked_of(asked),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "portal/complete_request.html", context, status=status)


@doors.person(patient=Level.READ)
@require_POST
def withdraw_request(request: HttpRequest, request_id: int) -> HttpResponse:
    """Take back one's own request."""
    asked, _ = access.get_own_request(actor=request.actor, request_id=request_id, now=request.now)
    try:
        support_operations.withdraw_request(actor=request.actor, now=request.now, request=asked)
    except UnableTo as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Demande retirée.")
    return HttpResponseRedirect(reverse("portal:request", args=[asked.pk]))
