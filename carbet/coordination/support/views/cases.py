"""Pages of cases: the caseload of a team, one case, and each thing that is done with it."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carbet.coordination.support import access, forms, operations, presenters, queries, rules
from carbet.coordination.support.choices import CaseStatus
from carbet.coordination.support.operations.following import is_of_team
from carbet.coordination.support.views.pages import form_page, posted, refuse
from carbet.core import doors
from carbet.core.actor import Level
from carbet.core.operation import UnableTo
from carbet.registries.directory.rules import TRIAGE_SUPPORT

_TAB_LABELS = {"ouverts": "Ouverts", "suspendus": "Suspendus", "clos": "Clos"}


@doors.professional(capability=TRIAGE_SUPPORT)
@require_safe
def caseload(request: HttpRequest) -> HttpResponse:
    """Show the cases of one's team, by coordinator, and what each coordinator holds."""
    tab = request.GET.get("etat", "")
    tab = tab if tab in forms.CASE_TABS else "ouverts"
    asked = forms.CaseloadForm(request.GET)
    coordinator = asked.cleaned_data["coordination"] if asked.is_valid() else None
    found = queries.caseload(
        actor=request.actor,
        status=forms.CASE_TABS[tab],
        coordinator_id=coordinator,
        after=forms.read_position(request.GET),
        limit=queries.PAGE_SIZE + 1,
    )
    loads = queries.loads(actor=request.actor)
    following = ""
    if len(found) > queries.PAGE_SIZE:
        last = found[queries.PAGE_SIZE - 1]
        query = request.GET.copy()
        query["suite"] = forms.write_position(queries.Position(0, last.at, last.pk))
        following = f"?{query.urlencode()}"
    counts = {
        "ouverts": sum(load.active for load in loads),
        "suspendus": sum(load.on_hold for load in loads),
        "clos": queries.finished_count(actor=request.actor),
    }
    context = {
        "rows": presenters.case_rows(found[: queries.PAGE_SIZE], now=request.now),
        "tab": tab,
        "tabs": [
            {"slug": slug, "label": label, "count": counts[slug]}
            for slug, label in _TAB_LABELS.items()
        ],
        "loads": loads,
        "coordinator": coordinator,
        "next": following,
    }
    return render(request, "support/caseload.html", context)


@doors.professional(patient=Level.READ)
@require_safe
def case(request: HttpRequest, patient_id: int, case_id: int) -> HttpResponse:
    """Show an episode: since when, by whom, from which request, what happened in it."""
    patient, shown = _enter(request, patient_id, case_id, Level.READ)
    context = {
        "patient": patient,
        "tab": "requests",
        "case": shown,
        "tone": presenters.CASE_TONES[CaseStatus(shown.status)],
        "weighing": presenters.weighing(shown),
        "asked_by": presenters.asker(shown.request).name if shown.request else "",
        "steps": presenters.case_steps(queries.steps_of_case(shown)),
        "may_lead": _may_lead(request, shown) and patient.level >= Level.MANAGE,
        "contact_delay": rules.span(shown.first_contact_at - shown.requested_at)
        if shown.first_contact_at
        else "",
        "today": timezone.localdate(request.now),
    }
    return render(request, "support/case.html", context)


@doors.professional(capability=TRIAGE_SUPPORT, patient=Level.MANAGE)
@require_http_methods(["GET", "POST"])
def contact(request: HttpRequest, patient_id: int, case_id: int) -> HttpResponse:
    """Record the first contact."""
    now = timezone.localtime(request.now)
    form = forms.ContactForm(posted(request), initial={"on": now.date(), "at": now.time()})

    def act(shown: Any) -> None:
        operations.record_contact(
            actor=request.actor,
            now=request.now,
            case=shown,
            at=form.moment(),
            contact=form.cleaned_data["contact"],
            note=form.cleaned_data["note"],
        )

    return _lead(
        request, patient_id, case_id, form, act, "support/contact.html", "Premier contact noté."
    )


@doors.professional(capability=TRIAGE_SUPPORT, patient=Level.MANAGE)
@require_http_methods(["GET", "POST"])
def score(request: HttpRequest, patient_id: int, case_id: int) -> HttpResponse:
    """Weigh again how complex the situation is."""
    patient, shown = _enter(request, patient_id, case_id, Level.MANAGE)
    form = forms.TriageForm(
        posted(request),
        initial={"factors": shown.complexity_factors, "note": shown.complexity_note},
    )

    def act(shown: Any) -> None:
        operations.score_case(actor=request.actor, now=request.now, case=shown, **form.cleaned_data)

    further = {
        "back": reverse("support:case", args=[patient.pk, shown.pk]),
        "action": reverse("support:score", args=[patient.pk, shown.pk]),
        "thresholds": (rules.COMPLEX_FROM, rules.VERY_COMPLEX_FROM),
    }
    return _lead(
        request,
        patient_id,
        case_id,
        form,
        act,
        "support/triage.html",
        "Complexité enregistrée.",
        further=further,
        entered=(patient, shown),
    )


@doors.professional(capability=TRIAGE_SUPPORT, patient=Level.MANAGE)
@require_http_methods(["GET", "POST"])
def hand_over(request: HttpRequest, patient_id: int, case_id: int) -> HttpResponse:
    """Entrust a case to another coordinator of the team."""
    patient, shown = _enter(request, patient_id, case_id, Level.MANAGE)
    colleagues = {role.pk: role for role in queries.colleagues(case=shown, now=request.now)}
    form = forms.HandOverForm(
        posted(request),
        coordinators=[
            (pk, f"{role.practitioner}, {role.label.lower()}") for pk, role in colleagues.items()
        ],
        initial={"version": shown.version},
    )

    def act(shown: Any) -> None:
        operations.hand_over_case(
            actor=request.actor,
            now=request.now,
            case=shown,
            coordinator=colleagues[form.cleaned_data["coordinator"]],
            reason=form.cleaned_data["reason"],
            version=form.cleaned_data["version"],
        )

    return _lead(
        request,
        patient_id,
        case_id,
        form,
        act,
        "support/hand_over.html",
        "Dossier confié. Votre collègue entre dans le cercle et est prévenu·e.",
        further={"colleagues": colleagues},
        entered=(patient, shown),
    )


@doors.professional(capability=TRIAGE_SUPPORT, patient=Level.MANAGE)
@require_http_methods(["GET", "POST"])
def suspend(request: HttpRequest, patient_id: int, case_id: int) -> HttpResponse:
    """Suspend the support for a time."""
    patient, shown = _enter(request, patient_id, case_id, Level.MANAGE)
    form = forms.SuspendForm(posted(request), initial={"version": shown.version})

    def act(shown: Any) -> None:
        operations.suspend_case(
            actor=request.actor, now=request.now, case=shown, **form.cleaned_data
        )

    return _lead(
        request,
        patient_id,
        case_id,
        form,
        act,
        "support/suspend.html",
        "Appui suspendu. Le dossier reste ouvert à votre équipe.",
        entered=(patient, shown),
    )


@doors.professional(capability=TRIAGE_SUPPORT, patient=Level.MANAGE)
@require_POST
def resume(request: HttpRequest, patient_id: int, case_id: int) -> HttpResponse:
    """Take the support up again."""
    patient, shown = _enter(request, patient_id, case_id, Level.MANAGE)
    try:
        operations.resume_case(actor=request.actor, now=request.now, case=shown)
    except UnableTo as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "L’appui reprend.")
    return HttpResponseRedirect(reverse("support:case", args=[patient.pk, shown.pk]))


@doors.professional(capability=TRIAGE_SUPPORT, patient=Level.MANAGE)
@require_http_methods(["GET", "POST"])
def close(request: HttpRequest, patient_id: int, case_id: int) -> HttpResponse:
    """End the support of one's team."""
    patient, shown = _enter(request, patient_id, case_id, Level.MANAGE)
    form = forms.CloseForm(posted(request), initial={"version": shown.version})

    def act(shown: Any) -> None:
        operations.close_case(actor=request.actor, now=request.now, case=shown, **form.cleaned_data)

    return _lead(
        request,
        patient_id,
        case_id,
        form,
        act,
        "support/close.html",
        "Dossier d’appui clos. Votre équipe quitte le cercle.",
        entered=(patient, shown),
        then=reverse("support:caseload"),
    )


@doors.professional(capability=TRIAGE_SUPPORT)
@require_http_methods(["GET", "POST"])
def reopen(request: HttpRequest, case_id: int) -> HttpResponse:
    """Open again what one's team closed: the record is closed to it until the person agrees."""
    shown = access.find_case(actor=request.actor, case_id=case_id)
    form = forms.ReopenForm(posted(request))
    if form.is_valid():
        try:
            opened = operations.reopen_case(
                actor=request.actor,
                now=request.now,
                case=shown,
                reason=form.cleaned_data["reason"],
                consent_given_by=form.cleaned_data["given_by"],
                consent_note=form.cleaned_data["consent_note"],
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "Dossier rouvert. Vous entrez dans le cercle.")
            return HttpResponseRedirect(
                reverse("support:case", args=[opened.patient_id, opened.pk])
            )
    return form_page(request, "support/reopen.html", {"case": shown, "form": form})


def _enter(request: HttpRequest, patient_id: int, case_id: int, level: Level) -> tuple[Any, Any]:
    patient = access.get_patient(
        actor=request.actor, patient_id=patient_id, now=request.now, level=level
    )
    return patient, access.get_case(patient=patient, case_id=case_id)


def _lead(
    request: HttpRequest,
    patient_id: int,
    case_id: int,
    form: Form,
    act: Callable[[Any], None],
    template: str,
    done: str,
    *,
    further: dict[str, Any] | None = None,
    entered: tuple[Any, Any] | None = None,
    then: str = "",
) -> HttpResponse:
    """Show the form of what is done with a case of one's team, and do it."""
    patient, shown = entered or _enter(request, patient_id, case_id, Level.MANAGE)
    page = reverse("support:case", args=[patient.pk, shown.pk])
    if not _may_lead(request, shown):
        messages.error(request, "Ce dossier est clos, ou suivi par une autre équipe.")
        return HttpResponseRedirect(page)
    if form.is_valid():
        try:
            act(shown)
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, done)
            return HttpResponseRedirect(then or page)
    context = {"patient": patient, "tab": "requests", "case": shown, "form": form}
    return form_page(request, template, context | (further or {}))


def _may_lead(request: HttpRequest, shown: Any) -> bool:
    return shown.status != CaseStatus.FINISHED and is_of_team(shown, request.actor)
