"""One's own agenda by day, week or month, what waits for an answer, a colleague's free time."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from carbet.coordination.scheduling import access, forms, operations, presenters, queries
from carbet.coordination.scheduling.presenters import days
from carbet.coordination.scheduling.rules import spans
from carbet.coordination.scheduling.rules.spans import Span
from carbet.core import audit, doors
from carbet.core.identifiers import from_short_id, short_id
from carbet.core.operation import UnableTo


@doors.professional()
@require_safe
def mine(request: HttpRequest) -> HttpResponse:
    """Show one's own agenda, or that of somebody one works for."""
    actor, now = request.actor, request.now
    role, kept = access.get_own_roles(actor=actor, role_id=_asked_role(request))
    today = timezone.localdate(now)
    frame = days.frame(forms.read_view(request.GET), forms.read_day(request.GET, today=today))
    window = {"role_ids": [role.pk], "low": frame.low, "high": frame.high}
    rows = queries.agenda(**window)
    visits = days.round_of(rows, role=role, actor=actor)
    beside = queries.beside(**window)
    # Time taken that the reader may not see: a person whose record closed since.
    seen = [Span(row.start, row.end) for row in rows if row.start and row.end]
    gone = [Span(each.start, each.end) for each in beside.absences]
    shown = days.days(
        frame,
        today=today,
        visits=visits,
        absences=beside.absences,
        openings=beside.slots,
        busy=spans.subtract(beside.busy, [*seen, *gone]),
    )
    audit.read(actor, "agenda.own.read", now=now, patient_id=None, entity=role)
    context = {
        "frame": frame,
        "days": shown,
        "weeks": [shown[start : start + 7] for start in range(0, len(shown), 7)],
        "role": role,
        "is_own": role.pk == actor.role_id,
        "others": presenters.agendas(kept, shown=role.pk),
        "today": today,
        "now": now,
        "zone": zone_words(),
        "kept": "" if role.pk == actor.role_id else f"&role={short_id(role.pk)}",
    }
    return render(request, "scheduling/mine.html", context)


@doors.professional()
@require_safe
def requests(request: HttpRequest) -> HttpResponse:
    """Show what waits for an answer, other times proposed, and the waiting list."""
    actor, now = request.actor, request.now
    roles = access.own_roles(actor)
    asked = queries.to_answer(role_ids=roles, organization_id=actor.organization_id, now=now)
    proposed = queries.proposals_to_author(role_ids=roles, now=now)
    waiting = queries.waiting_for(role_ids=roles)
    audit.read(actor, "agenda.own.read", now=now, patient_id=None)

    def said(rows):  # type: ignore[no-untyped-def]
        return [
            presenters.visit(
                row, actor=actor, my_parts=access.is_part_of(row.participants.all(), actor)
            )
            for row in rows
        ]

    context = {"asked": said(asked), "proposed": said(proposed), "waiting": said(waiting)}
    return render(request, "scheduling/requests.html", context)


@doors.professional()
@require_POST
def answer_unnamed(request: HttpRequest, appointment_id: int) -> HttpResponse:
    """Accept or decline what a software asks before it names anybody."""
    row = access.get_unnamed(actor=request.actor, appointment_id=appointment_id)
    form = forms.AnswerForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Acceptez ou déclinez.")
        return HttpResponseRedirect(reverse("scheduling:requests"))
    accept = form.cleaned_data["answer"] == "accept"
    try:
        operations.answer(
            actor=request.actor,
            now=request.now,
            appointment=row,
            accept=accept,
            reason=form.cleaned_data["reason"],
        )
    except UnableTo as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Rendez-vous accepté." if accept else "Rendez-vous décliné.")
    return HttpResponseRedirect(reverse("scheduling:requests"))


@doors.professional()
@require_safe
def colleague(request: HttpRequest, role_id: int) -> HttpResponse:
    """Show when a colleague is taken this week, never for whom."""
    role = queries.role_of(role_id=role_id)
    if role is None:
        raise access.NoSuchRecord
    today = timezone.localdate(request.now)
    frame = days.frame("semaine", forms.read_day(request.GET, today=today))
    taken = queries.busy(role_ids=[role.pk], low=frame.low, high=frame.high).get(role.pk, [])
    free = queries.free_slots(
        role_ids=[role.pk], after=max(request.now, frame.low), before=frame.high
    )
    shown = days.days(frame, today=today, visits=(), openings=free, busy=taken)
    audit.read(
        request.actor, "agenda.colleague.read", now=request.now, patient_id=None, entity=role
    )
    context = {"role": role, "frame": frame, "days": shown, "zone": zone_words()}
    return render(request, "scheduling/colleague.html", context)


def zone_words() -> str:
    """Say on which clock hours are read, when it is not the territory's."""
    zone = timezone.get_current_timezone_name()
    if zone == timezone.get_default_timezone_name():
        return ""
    return zone.rpartition("/")[2].replace("_", " ")


def _asked_role(request: HttpRequest) -> int | None:
    try:
        return from_short_id(request.GET["role"]) if request.GET.get("role") else None
    except ValueError:
        raise access.NoSuchRecord from None
