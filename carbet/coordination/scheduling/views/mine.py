"""One's own agenda by day, week or month, what waits for an answer, a colleague's free time."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from carbet.coordination.scheduling import access, forms, presenters, queries
from carbet.coordination.scheduling.presenters import days
from carbet.coordination.scheduling.rules import spans
from carbet.coordination.scheduling.rules.spans import Span
from carbet.core import audit, doors
from carbet.core.identifiers import from_short_id, short_id


@doors.professional()
@require_safe
def mine(request: HttpRequest) -> HttpResponse:
    """Show one's own agenda, or that of somebody one works for."""
    actor, now = request.actor, request.now
    role = access.get_own_role(actor=actor, role_id=_asked_role(request))
    today = timezone.localdate(now)
    frame = days.frame(forms.read_view(request.GET), forms.read_day(request.GET, today=today))
    window = {"role_ids": [role.pk], "low": frame.low, "high": frame.high}
    rows = queries.agenda(**window)
    visits = days.round_of(rows, office=role.organization.commune_id, actor=actor)
    # Time taken that the reader may not see: a person whose record closed since.
    seen = [Span(row.start, row.end) for row in rows if row.start and row.end]
    away = queries.absences(**window)
    gone = [Span(each.start, each.end) for each in away]
    taken = queries.busy(**window).get(role.pk, [])
    shown = days.days(
        frame,
        today=today,
        visits=visits,
        absences=away,
        openings=queries.slots_of(**window),
        busy=spans.subtract(taken, [*seen, *gone]),
    )
    audit.read(actor, "agenda.own.read", now=now, patient_id=None, entity=role)
    context = {
        "frame": frame,
        "days": shown,
        "weeks": [shown[start : start + 7] for start in range(0, len(shown), 7)],
        "role": role,
        "is_own": role.pk == actor.role_id,
        "others": _others(request, role.pk),
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


def _others(request: HttpRequest, shown: int) -> list[tuple[str, str, bool]]:
    """Return the agendas that the reader keeps, when there are several."""
    own = access.own_roles(request.actor)
    if len(own) < 2:
        return []
    return [
        (short_id(role.pk), str(role.practitioner), role.pk == shown)
        for role in queries.roles(role_ids=own)
    ]
