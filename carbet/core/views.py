"""Pages of the foundations: errors in plain French, and the pulse of the house."""

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from carbet.core import doors, fhir

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
    return _error(request, 404)


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
