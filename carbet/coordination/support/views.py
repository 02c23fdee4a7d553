"""Pages of support: ask, see what waits, answer, follow a case."""

from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.care_teams.choices import ConsentDecision
from carbet.coordination.support import access, forms, operations, presenters, queries, rules
from carbet.coordination.support.choices import CaseStatus, RequestStatus
from carbet.core import doors
from carbet.core.actor import Level
from carbet.core.operation import UnableTo
from carbet.registries.directory.rules import REQUEST_SUPPORT, TRIAGE_SUPPORT


@doors.professional(capability=TRIAGE_SUPPORT)
@require_http_methods(["GET", "POST"])
def inbox(request: HttpRequest) -> HttpResponse:
    """Show the requests addressed to one's team; a search is posted, so that no name is in an
    address."""
    tab = request.GET.get("etat", "")
    tab = tab if tab in forms.TABS else "a-etudier"
    search = forms.SearchForm(_posted(request))
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


LABELS = {
    RequestStatus.SUBMITTED: "À étudier",
    RequestStatus.ACCEPTED: "Acceptées",
    RequestStatus.REDIRECTED: "Réorientées",
    RequestStatus.WITHDRAWN: "Retirées",
}


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
    """Show one request: whom it concerns, why, with whose agreement, what was answered."""
    asked, patient = access.get_request(actor=request.actor, request_id=request_id, now=request.now)
    actor = request.actor
    context = {
        "patient": patient,
        "tab": "requests",
        "request_": asked,
        "row": presenters.row(asked, now=request.now),
        "case": getattr(asked, "case", None),
        "may_answer": rules.waits(asked.status)
        and actor.can(TRIAGE_SUPPORT)
        and asked.addressee_id == actor.organization_id,
        "may_withdraw": rules.waits(asked.status) and asked.requester_id == actor.role_id,
        "opposed": patient.consent_decision == ConsentDecision.OPPOSED,
    }
    return render(request, "support/detail.html", context)


@doors.professional(capability=TRIAGE_SUPPORT, patient=Level.IDENTITY)
@require_POST
def accept(request: HttpRequest, request_id: int) -> HttpResponse:
    """Take a request on, and open the record."""
    asked = access.find_request(request_id=request_id)
    try:
        case = operations.accept_request(actor=request.actor, now=request.now, request=asked)
    except UnableTo as refusal:
        return _refused(request, refusal, asked)
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
        return _refused(request, UnableTo("Cette demande n’attend plus de réponse."), asked)
    asked, patient = access.get_request(actor=request.actor, request_id=request_id, now=request.now)
    form = forms.RedirectionForm(_posted(request))
    if form.is_valid():
        try:
            operations.redirect_request(
                actor=request.actor,
                now=request.now,
                request=asked,
                reason=form.cleaned_data["reason"],
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
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
    return _form_page(request, "support/redirect.html", context)


@doors.professional(patient=Level.IDENTITY)
@require_POST
def withdraw(request: HttpRequest, request_id: int) -> HttpResponse:
    """Take back one's own request."""
    asked, patient = access.get_request(actor=request.actor, request_id=request_id, now=request.now)
    try:
        operations.withdraw_request(actor=request.actor, now=request.now, request=asked)
    except UnableTo as refusal:
        return _refused(request, refusal, asked)
    messages.success(request, "Demande retirée. L’équipe ne voit plus l’identité.")
    return HttpResponseRedirect(reverse("support:of_patient", args=[patient.pk]))


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
        _posted(request),
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
                consent_given_by=data.get("given_by", ""),
                consent_note=data.get("consent_note", ""),
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, f"Demande envoyée à {asked.addressee.name}.")
            return HttpResponseRedirect(reverse("support:detail", args=[asked.pk]))
    context = {
        "patient": patient,
        "tab": "requests",
        "form": form,
        "consent": consent,
        "opposed": consent is not None and consent.decision == ConsentDecision.OPPOSED,
        "under_way": queries.under_way(patient_id=patient.pk).first(),
        "team": next(iter(teams.values())) if len(teams) == 1 else None,
    }
    return _form_page(request, "support/create.html", context)


@doors.professional(patient=Level.IDENTITY)
@require_safe
def of_patient(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show the requests and cases of a person."""
    patient = access.get_patient(
        actor=request.actor, patient_id=patient_id, now=request.now, level=Level.IDENTITY
    )
    requests = queries.requests_of(patient_id=patient.pk)
    cases = queries.cases_of(patient_id=patient.pk)
    context = {
        "patient": patient,
        "tab": "requests",
        "rows": presenters.rows(requests, now=request.now),
        "cases": list(cases),
        "may_ask": request.actor.can(REQUEST_SUPPORT) and patient.level >= Level.WRITE,
    }
    return render(request, "support/of_patient.html", context)


@doors.professional(patient=Level.READ)
@require_safe
def case(request: HttpRequest, patient_id: int, case_id: int) -> HttpResponse:
    """Show the support of a team: since when, by whom, from which request."""
    patient = access.get_patient(
        actor=request.actor, patient_id=patient_id, now=request.now, level=Level.READ
    )
    shown = access.get_case(patient=patient, case_id=case_id)
    context = {
        "patient": patient,
        "tab": "requests",
        "case": shown,
        "may_close": _may_close(request, shown) and patient.level >= Level.MANAGE,
    }
    return render(request, "support/case.html", context)


@doors.professional(capability=TRIAGE_SUPPORT, patient=Level.MANAGE)
@require_http_methods(["GET", "POST"])
def close(request: HttpRequest, patient_id: int, case_id: int) -> HttpResponse:
    """End the support of one's team."""
    patient = access.get_patient(
        actor=request.actor, patient_id=patient_id, now=request.now, level=Level.MANAGE
    )
    shown = access.get_case(patient=patient, case_id=case_id)
    if not _may_close(request, shown):
        messages.error(request, "Ce dossier est clos, ou suivi par une autre équipe.")
        return HttpResponseRedirect(reverse("support:case", args=[patient.pk, shown.pk]))
    form = forms.CloseForm(_posted(request))
    if form.is_valid():
        try:
            operations.close_case(
                actor=request.actor,
                now=request.now,
                case=shown,
                reason=form.cleaned_data["reason"],
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, "Dossier d’appui clos. Votre équipe quitte le cercle.")
            return HttpResponseRedirect(reverse("support:list"))
    context = {"patient": patient, "tab": "requests", "case": shown, "form": form}
    return _form_page(request, "support/close.html", context)


def _may_close(request: HttpRequest, shown: Any) -> bool:
    return (
        shown.status != CaseStatus.FINISHED
        and request.actor.can(TRIAGE_SUPPORT)
        and shown.organization_id == request.actor.organization_id
    )


def _posted(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _refuse(form: Form, refusal: UnableTo) -> None:
    """Say the refusal where it belongs on the form, which keeps what was typed."""
    form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)


def _refused(request: HttpRequest, refusal: UnableTo, asked: Any) -> HttpResponseRedirect:
    """Say the refusal on the page that is still open: the request, or the list of one's team."""
    messages.error(request, refusal.message)
    try:
        access.get_request(actor=request.actor, request_id=asked.pk, now=request.now)
    except access.NoSuchRecord:
        return HttpResponseRedirect(reverse("support:list"))
    return HttpResponseRedirect(reverse("support:detail", args=[asked.pk]))


def _form_page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, template, context, status=422 if request.method == "POST" else 200)


def _next_page(request: HttpRequest, found: list[Any], *, sent: bool = False) -> str:
    """Return the address of the following page, in the same tab, or nothing."""
    if len(found) <= queries.PAGE_SIZE or request.method == "POST":
        return ""
    last = found[queries.PAGE_SIZE - 1]
    place = queries.Position(0, last.submitted_at, last.pk) if sent else queries.position(last)
    query = request.GET.copy()
    query["suite"] = forms.write_position(place)
    return f"?{query.urlencode()}"
