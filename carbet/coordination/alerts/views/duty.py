"""Who is on duty for one's support team."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from carbet.coordination.alerts import forms, operations
from carbet.coordination.alerts.queries import duty as queries
from carbet.core import doors
from carbet.core.operation import UnableTo
from carbet.registries.directory.rules import TRIAGE_SUPPORT


@doors.professional(capability=TRIAGE_SUPPORT)
@require_http_methods(["GET", "HEAD", "POST"])
def duty(request: HttpRequest) -> HttpResponse:
    """Show who is on duty, now and later, and plan a shift."""
    posted = request.POST if request.method == "POST" else None
    form = forms.ShiftForm(posted, colleagues=queries.colleagues(actor=request.actor))
    if posted is not None and form.is_valid():
        data = form.cleaned_data
        try:
            operations.add_shift(
                actor=request.actor,
                now=request.now,
                role_id=data["role"],
                starts_at=data["starts_at"],
                ends_at=data["ends_at"],
                gesture=data["gesture"],
            )
        except UnableTo as refusal:
            form.add_error(refusal.field, refusal.message)
        else:
            messages.success(request, "L’astreinte est prévue.")
            return redirect("alerts:duty")
    shifts = queries.shifts(actor=request.actor, now=request.now)
    context = {
        "form": form,
        "shifts": [(shift, shift.starts_at <= request.now) for shift in shifts],
        "covered": any(shift.starts_at <= request.now for shift in shifts),
    }
    return render(request, "alerts/duty.html", context, status=422 if form.errors else 200)


@doors.professional(capability=TRIAGE_SUPPORT)
@require_POST
def cancel_shift(request: HttpRequest, shift_id: int) -> HttpResponse:
    """Cancel a shift of one's team."""
    shift = queries.shift(actor=request.actor, shift_id=shift_id)
    if shift is None:
        raise Http404
    operations.cancel_shift(actor=request.actor, now=request.now, shift=shift)
    messages.success(request, "L’astreinte est annulée.")
    return redirect("alerts:duty")
