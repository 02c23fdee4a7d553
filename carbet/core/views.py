"""Pages of the foundations: errors in plain French, and the pulse of the house."""

from pathlib import Path

from django.contrib import messages
from django.contrib.staticfiles import finders
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carbet.core import doors, fhir, tray
from carbet.core.operation import UnableTo

_IN_FHIR = {
    400: ("invalid", "Requête illisible."),
    404: ("not-found", "Rien n’est servi à cette adresse."),
    500: ("exception", "Erreur interne : rien n’a été enregistré, elle est signalée."),
}


def _error(request: HttpRequest, status: int, message: str = "") -> HttpResponse:
    if request.path.startswith("/fhir") and status in _IN_FHIR:
        return fhir.refusal(status, *_IN_FHIR[status])
    return render(request, f"{status}.html", {"message": message}, status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error(request, 400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error(request, 403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Say that nothing is here for the reader, and give back what they were writing."""
    if request.path.startswith("/fhir"):
        return _error(request, 404)
    if request.method == "POST" and request.user.is_authenticated:
        return render(request, "404.html", {"typed": _typed(request)}, status=404)
    return _error(request, 404)


def _typed(request: HttpRequest) -> list[str]:
    """Return the sentences that were posted, to give them back to whoever wrote them.

    A record may close while one types in it: what was written is not lost, and says nothing of
    whether the record exists.
    """
    return [
        value
        for name, value in request.POST.items()
        if isinstance(value, str) and "password" not in name and " " in value.strip()
    ][:5]


def server_error(request: HttpRequest) -> HttpResponse:
    if request.path.startswith("/fhir"):
        return fhir.refusal(500, *_IN_FHIR[500])
    return render(None, "500.html", status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return render(request, "csrf_failure.html", status=403)


@doors.public()
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """Answer 200 when the database answers: for load balancers and supervisors."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


@doors.public()
@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """Give the worker of the whole site: at the root, or it would serve the static folder only."""
    found = finders.find("carbet/sw.js")
    if found is None:
        raise Http404
    response = HttpResponse(Path(found).read_bytes(), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response


@doors.professional(capability=tray.OPERATE)
@require_safe
def operations_home(request: HttpRequest) -> HttpResponse:
    """Show an operator whether the house is at work."""
    return render(request, "operations/home.html", {"state": tray.state(now=request.now)})


@doors.professional(capability=tray.OPERATE)
@require_safe
def outbox_tray(request: HttpRequest) -> HttpResponse:
    """Show what left, what waits and what could not leave."""
    asked = request.GET.get("etat", "")
    status = asked if asked in tray.Status.values else tray.Status.FAILED
    before = request.GET.get("avant", "")
    page = tray.messages(
        status=status,
        now=request.now,
        before=int(before) if before.isdecimal() and len(before) < 19 else None,
    )
    context = {
        "page": page,
        "status": status,
        "statuses": tray.SHOWN,
        "following": f"?etat={status}&avant={page.next_before}" if page.next_before else "",
    }
    return render(request, "operations/tray.html", context)


@doors.professional(capability=tray.OPERATE)
@require_POST
def retry_message(request: HttpRequest, message_id: int) -> HttpResponse:
    """Send a failed message again."""
    try:
        tray.retry(actor=request.actor, now=request.now, message_id=message_id)
    except UnableTo as error:
        messages.warning(request, error.message)
    else:
        messages.success(request, "Le message va repartir.")
    return redirect("operations:tray")


@doors.professional(capability=tray.OPERATE)
@require_http_methods(["GET", "HEAD", "POST"])
def abandon_message(request: HttpRequest, message_id: int) -> HttpResponse:
    """Ask why a failed message will not leave, and give it up."""
    line = tray.message(message_id=message_id, now=request.now)
    if line is None:
        raise Http404
    if request.method != "POST":
        return render(request, "operations/abandon.html", {"line": line})
    reason = request.POST.get("reason", "")
    try:
        tray.abandon(actor=request.actor, now=request.now, message_id=message_id, reason=reason)
    except UnableTo as error:
        context = {"line": line, "reason": reason, "error": error.message}
        return render(request, "operations/abandon.html", context, status=422)
    messages.success(request, "Le message est abandonné ; la raison est gardée.")
    return redirect("operations:tray")
