"""Pages of requests: ask, see what waits, weigh, ask for more, answer."""

from typing import Any

from django.contrib import messages
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.care_teams.choices import ConsentDecision
from carbet.coordination.support import access, forms, operations, presenters, queries, rules
from carbet.coordination.support.choices import RequestSource, RequestStatus
from carbet.coordination.support.operations.stepping import is_addressed, is_own
from carbet.coordination.support.views.pages import form_page, posted, refuse, refused
from carbet.core import doors, serving
from carbet.core.actor import Level
from carbet.core.operation import UnableTo
from carbet.registries.directory.rules import REQUEST_SUPPORT, TRIAGE_SUPPORT

LABELS = {
    RequestStatus.SUBMITTED: "À étudier",
    RequestStatus.INCOMPLETE: "À compléter",
    RequestStatus.ACCEPTED: "Acceptées",
    RequestStatus.REDIRECTED: "Réorientées",
    RequestStatus.WITHDRAWN: "Retirées",
}


@doors.professional(capability=TRIAGE_SUPPORT)
@require_http_methods(["GET", "POST"])
def inbox(request: HttpRequest) -> HttpResponse:
    """Show the requests addressed to one's team; a search is posted, so that no name is in an
    address."""
    tab = request.GET.get("etat", "")
    tab = tab if tab in forms.TABS else "a-etudier"
    search = forms.SearchForm(posted(request))
    text = search.cleaned_data["q"] if search.is_valid() else ""
    found = queries.inbox(
        actor=request.actor,
        now=request.now,
        status=forms.TABS[tab],
        text=text,
        after=forms.read_position(request.GET),
        limit=queries.PAGE_SIZE + 1,
    )
    counts = queries.counts(actor=request.actor)
    context = {
        "rows": presenters.rows(found[: queries.PAGE_SIZE], now=request.now),
        "tabs": [
            {"slug": slug, "label": LABELS[status], "count": counts.get(status, 0)}
            for slug, status in forms.TABS.items()
        ],
        "tab": tab,
        "search": search,
        "text": text,
        "next": _next_page(request, found),
        "more": bool(text) and len(found) > queries.PAGE_SIZE,
    }
    return render(request, "support/list.html", context)


@doors.professional(capability=REQUEST_SUPPORT)
@require_safe
def mine(request: HttpRequest) -> HttpResponse:
    """Show the requests that one sent, and what became of them."""
    found = queries.sent_by(
        actor=request.actor,
        after=forms.read_position(request.GET),
        limit=queries.PAGE_SIZE + 1,
    )
    context = {
        "rows": presenters.rows(found[: queries.PAGE_SIZE], now=request.now),
        "next": _next_page(request, found, sent=True),
    }
    return render(request, "support/mine.html", context)


@doors.professional(patient=Level.IDENTITY)
@require_safe
def detail(request: HttpRequest, request_id: int) -> HttpResponse:
    """Show one request: whom it concerns, why, with whose agreement, what became of it."""
    asked, patient = access.get_request(actor=request.actor, request_id=request_id, now=request.now)
    return render(request, "support/detail.html", _detail(request, asked, patient))


def _detail(request: HttpRequest, asked: Any, patient: Any) -> dict[str, Any]:
    """Return what the page of a request shows."""
    actor = request.actor
    of_team = is_addressed(asked, actor)
    own = is_own(asked, actor)
    waits = rules.waits(asked.status)
    incomplete = rules.waits_for_requester(asked.status)
    return {
        "patient": patient,
        "tab": "requests",
        "reads": patient.level >= Level.READ,
        "request_": asked,
        "row": presenters.row(asked, now=request.now),
        "case": getattr(asked, "case", None),
        "steps": presenters.steps(queries.steps_of(asked)),
        "files": queries.files_of(asked),
        "weighing": presenters.weighing(asked),
        "may_answer": waits and of_team,
        "may_tell": of_team or own,
        "may_withdraw": waits and own,
        "may_complete": incomplete and (own or of_team),
        "incomplete": incomplete,
        "opposed": patient.consent_decision == ConsentDecision.OPPOSED,
        "to_confirm": patient.consent_decision is None,
        "accept_form": forms.AcceptForm(),
    }


@doors.professional(capability=TRIAGE_SUPPORT, patient=Level.IDENTITY)
@require_http_methods(["GET", "POST"])
def triage(request: HttpRequest, request_id: int) -> HttpResponse:
    """Weigh how complex the situation is; what the identity shows is ticked beforehand."""
    asked, patient = access.get_request(actor=request.actor, request_id=request_id, now=request.now)
    if not rules.waits(asked.status):
        return refused(request, UnableTo("Cette demande n’attend plus de réponse."), asked)
    known = rules.known_factors(
        birth_date=patient.birth_date,
        on=timezone.localdate(request.now),
        reach=queries.reach_of(commune=patient.commune_id),
        needs_interpreter=patient.needs_interpreter,
    )
    chosen = asked.complexity_factors if asked.triaged_at else known
    form = forms.TriageForm(
        posted(request), initial={"factors": chosen, "note": asked.complexity_note}
    )
    if form.is_valid():
        try:
            operations.triage_request(
                actor=request.actor, now=request.now, request=asked, **form.cleaned_data
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "Complexité enregistrée.")
            return HttpResponseRedirect(reverse("support:detail", args=[asked.pk]))
    context = {
        "patient": patient,
        "tab": "requests",
        "form": form,
        "known": known if not asked.triaged_at else (),
        "row": presenters.row(asked, now=request.now),
        "back": reverse("support:detail", args=[asked.pk]),
        "action": reverse("support:triage", args=[asked.pk]),
        "thresholds": (rules.COMPLEX_FROM, rules.VERY_COMPLEX_FROM),
    }
    return form_page(request, "support/triage.html", context)


@doors.professional(capability=TRIAGE_SUPPORT, patient=Level.IDENTITY)
@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest, request_id: int) -> HttpResponse:
    """Ask the requester for what is missing."""
    asked, patient = access.get_request(actor=request.actor, request_id=request_id, now=request.now)
    form = forms.AskForm(posted(request))
    if form.is_valid():
        try:
            operations.ask_information(
                actor=request.actor,
                now=request.now,
                request=asked,
                text=form.cleaned_data["text"],
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "Complément demandé. Le délai s’arrête jusqu’à la réponse.")
            return HttpResponseRedirect(reverse("support:detail", args=[asked.pk]))
    context = {
        "patient": patient,
        "tab": "requests",
        "form": form,
        "row": presenters.row(asked, now=request.now),
    }
    return form_page(request, "support/ask.html", context)


@doors.professional(patient=Level.IDENTITY)
@require_http_methods(["GET", "POST"])
def complete(request: HttpRequest, request_id: int) -> HttpResponse:
    """Answer what the team asked to know."""
    asked, patient = access.get_request(actor=request.actor, request_id=request_id, now=request.now)
    form = forms.CompleteForm(posted(request), request.FILES or None)
    if form.is_valid():
        try:
            operations.complete_request(
                actor=request.actor,
                now=request.now,
                request=asked,
                text=form.cleaned_data["text"],
                files=form.cleaned_data["files"],
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "Réponse envoyée à l’équipe. Le délai court à nouveau.")
            return HttpResponseRedirect(reverse("support:detail", args=[asked.pk]))
    context = {
        "patient": patient,
        "tab": "requests",
        "form": form,
        "asking": queries.asked_of(asked),
        "row": presenters.row(asked, now=request.now),
    }
    return form_page(request, "support/complete.html", context)


@doors.professional(capability=TRIAGE_SUPPORT, patient=Level.IDENTITY)
@require_POST
def accept(request: HttpRequest, request_id: int) -> HttpResponse:
    """Take a request on, and open the record."""
    asked = access.find_request(request_id=request_id)
    form = forms.AcceptForm(request.POST)
    said = form.cleaned_data if form.is_valid() else {}
    try:
        case = operations.accept_request(
            actor=request.actor,
            now=request.now,
            request=asked,
            consent_given_by=said.get("given_by", ""),
            consent_note=said.get("consent_note", ""),
        )
    except UnableTo as refusal:
        if refusal.field != "given_by":
            return refused(request, refusal, asked)
        asked, patient = access.get_request(
            actor=request.actor, request_id=request_id, now=request.now
        )
        refuse(form, refusal)
        context = _detail(request, asked, patient) | {"accept_form": form}
        return form_page(request, "support/detail.html", context)
    messages.success(
        request, "Demande acceptée. Le dossier vous est ouvert et le demandeur est prévenu."
    )
    return HttpResponseRedirect(reverse("support:case", args=[case.patient_id, case.pk]))


@doors.professional(capability=TRIAGE_SUPPORT, patient=Level.IDENTITY)
@require_http_methods(["GET", "POST"])
def redirect(request: HttpRequest, request_id: int) -> HttpResponse:
    """Answer that somebody else should be asked."""
    asked = access.find_request(request_id=request_id)
    if not rules.waits(asked.status):
        return refused(request, UnableTo("Cette demande n’attend plus de réponse."), asked)
    asked, patient = access.get_request(actor=request.actor, request_id=request_id, now=request.now)
    form = forms.RedirectionForm(posted(request))
    if form.is_valid():
        try:
            operations.redirect_request(
                actor=request.actor,
                now=request.now,
                request=asked,
                reason=form.cleaned_data["reason"],
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(
                request, "Demande réorientée. Le demandeur est prévenu ; l’identité se referme."
            )
            return HttpResponseRedirect(reverse("support:list"))
    context = {
        "patient": patient,
        "tab": "requests",
        "form": form,
        "row": presenters.row(asked, now=request.now),
    }
    return form_page(request, "support/redirect.html", context)


@doors.professional(patient=Level.IDENTITY)
@require_POST
def withdraw(request: HttpRequest, request_id: int) -> HttpResponse:
    """Take back one's own request."""
    asked, patient = access.get_request(actor=request.actor, request_id=request_id, now=request.now)
    try:
        operations.withdraw_request(actor=request.actor, now=request.now, request=asked)
    except UnableTo as refusal:
        return refused(request, refusal, asked)
    messages.success(request, "Demande retirée. L’équipe ne voit plus l’identité.")
    return HttpResponseRedirect(reverse("support:of_patient", args=[patient.pk]))


@doors.professional(patient=Level.IDENTITY)
@require_POST
def told(request: HttpRequest, request_id: int, step_id: int) -> HttpResponse:
    """Say that the requester was called."""
    asked, _ = access.get_request(actor=request.actor, request_id=request_id, now=request.now)
    try:
        operations.mark_told(actor=request.actor, now=request.now, request=asked, step_id=step_id)
    except UnableTo as refusal:
        messages.error(request, refusal.message)
    return HttpResponseRedirect(reverse("support:detail", args=[asked.pk]))


@doors.professional(patient=Level.IDENTITY)
@require_safe
def content(request: HttpRequest, request_id: int, number: int) -> HttpResponseBase:
    """Give a file of a request, saved apart."""
    asked, _ = access.get_request(actor=request.actor, request_id=request_id, now=request.now)
    file = access.get_file(actor=request.actor, request=asked, number=number, now=request.now)
    response = FileResponse(queries.content(file), content_type=file.media_type)
    response["Content-Length"] = str(file.size)
    return serving.kept_apart(response, file.name, as_attachment=True)


@doors.professional(capability=REQUEST_SUPPORT, patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Ask a DAC to support the person."""
    patient = access.get_patient(
        actor=request.actor, patient_id=patient_id, now=request.now, level=Level.WRITE
    )
    teams = {team.pk: team for team in queries.addressees()}
    consent = care_teams.latest_consent(patient_id=patient.pk)
    form = forms.RequestForm(
        posted(request),
        request.FILES or None,
        addressees=[(pk, team.name) for pk, team in teams.items()],
        asks_consent=consent is None,
    )
    if form.is_valid():
        data = form.cleaned_data
        try:
            asked = operations.request_support(
                actor=request.actor,
                now=request.now,
                patient=patient,
                addressee=teams[data["addressee"]],
                reason=data["reason"],
                text=data["text"],
                urgency=data["urgency"],
                gesture=data["gesture"],
                source=data["source"] or RequestSource.PROFESSIONAL,
                requester_name=data["requester_name"],
                requester_phone=data["requester_phone"],
                authored_on=data["authored_on"],
                files=data["files"],
                consent_given_by=data.get("given_by", ""),
                consent_note=data.get("consent_note", ""),
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, f"Demande envoyée à {asked.addressee.name}.")
            return HttpResponseRedirect(reverse("support:detail", args=[asked.pk]))
    under_way = queries.under_way(patient_id=patient.pk).first()
    context = {
        "patient": patient,
        "tab": "requests",
        "form": form,
        "consent": consent,
        "opposed": consent is not None and consent.decision == ConsentDecision.OPPOSED,
        "under_way": under_way,
        "under_way_by": presenters.asker(under_way).name if under_way else "",
        "team": next(iter(teams.values())) if len(teams) == 1 else None,
    }
    return form_page(request, "support/create.html", context)


@doors.professional(patient=Level.IDENTITY)
@require_safe
def of_patient(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show the requests and cases of a person."""
    patient = access.get_patient(
        actor=request.actor, patient_id=patient_id, now=request.now, level=Level.IDENTITY
    )
    requests = queries.requests_of(patient_id=patient.pk)
    context = {
        "patient": patient,
        "tab": "requests",
        "rows": presenters.rows(requests, now=request.now),
        "cases": list(queries.cases_of(patient_id=patient.pk))
        if patient.level >= Level.READ
        else [],
        "may_ask": request.actor.can(REQUEST_SUPPORT) and patient.level >= Level.WRITE,
    }
    return render(request, "support/of_patient.html", context)


def _next_page(request: HttpRequest, found: list[Any], *, sent: bool = False) -> str:
    """Return the address of the following page, in the same tab, or nothing."""
    if len(found) <= queries.PAGE_SIZE or request.method == "POST":
        return ""
    last = found[queries.PAGE_SIZE - 1]
    place = queries.Position(0, last.submitted_at, last.pk) if sent else queries.position(last)
    query = request.GET.copy()
    query["suite"] = forms.write_position(place)
    return f"?{query.urlencode()}"
