"""Pages of subscriptions: which software is told of what happens to a person, and stopping one."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from carbet.coordination.subscriptions import access, operations, presenters, queries
from carbet.core import doors
from carbet.core.actor import Level


@doors.professional(patient=Level.READ)
@require_safe
def of_patient(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show who is told of what about one person, and what happened lately."""
    patient = access.get_patient(actor=request.actor, patient_id=patient_id, now=request.now)
    context = {
        "patient": patient,
        "tab": "circle",
        "lines": [presenters.line(row) for row in queries.of_patient(patient_id=patient.pk)],
        "events": [presenters.event_line(row) for row in queries.events_of(patient_id=patient.pk)],
        "may_stop": patient.level >= Level.MANAGE,
    }
    return render(request, "subscriptions/of_patient.html", context)


@doors.professional(patient=Level.MANAGE)
@require_POST
def stop(request: HttpRequest, patient_id: int, subscription_id: int) -> HttpResponse:
    """Stop a subscription about a person whose record one manages."""
    row = access.get_subscription(
        actor=request.actor,
        patient_id=patient_id,
        subscription_id=subscription_id,
        now=request.now,
    )
    operations.stop(actor=request.actor, now=request.now, subscription=row)
    messages.success(request, "L’abonnement est arrêté ; sa structure le sait.")
    return redirect("subscriptions:of_patient", patient_id)
