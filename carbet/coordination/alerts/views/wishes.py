"""How each user wants to be told, and on which devices."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from carbet.connectors import web_push
from carbet.coordination.alerts import forms, operations, queries
from carbet.core import doors
from carbet.core.operation import UnableTo


@doors.signed_in(role_chosen=True)
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """Show how one is told, and keep what is chosen."""
    posted = request.POST if request.method == "POST" else None
    form = forms.SettingForm(posted, setting=queries.setting(actor=request.actor))
    if posted is not None and form.is_valid():
        operations.choose(actor=request.actor, now=request.now, wishes=form.wishes())
        messages.success(request, "Vos préférences sont enregistrées.")
        return redirect("alerts:preferences")
    context = {
        "form": form,
        "devices": queries.devices(actor=request.actor),
        "person_rules": queries.person_rules(actor=request.actor),
        "deliveries": queries.deliveries(actor=request.actor),
        "push_key": web_push.public_key(),
        "stand_in": settings.DEMONSTRATION,
    }
    return render(request, "alerts/preferences.html", context, status=422 if form.errors else 200)


@doors.signed_in(role_chosen=True)
@require_POST
def add_device(request: HttpRequest) -> HttpResponse:
    """Keep the address that this browser was given by its push service."""
    form = forms.DeviceForm(request.POST)
    if not form.is_valid():
        return JsonResponse({"message": "Adresse de notification incomplète."}, status=422)
    try:
        operations.add_device(actor=request.actor, now=request.now, **form.cleaned_data)
    except UnableTo as refusal:
        return JsonResponse({"message": refusal.message}, status=422)
    return JsonResponse({"message": "Cet appareil recevra vos notifications."}, status=201)


@doors.signed_in(role_chosen=True)
@require_POST
def remove_device(request: HttpRequest, device_id: int) -> HttpResponse:
    """Stop notifying on a device."""
    operations.remove_device(actor=request.actor, now=request.now, device_id=device_id)
    messages.success(request, "Cet appareil ne recevra plus de notifications.")
    return redirect("alerts:preferences")
