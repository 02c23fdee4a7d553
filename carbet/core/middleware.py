"""What every request goes through: an identity, a door, one transaction, a trace."""

import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.module_loading import import_string

from carbet.core import audit, clock, doors, fhir, row_security
from carbet.core.actor import ANONYMOUS_ACTOR, PERSON, PROFESSIONAL, SYSTEM, Actor
from carbet.core.models import AuditEvent

GetResponse = Callable[[HttpRequest], HttpResponse]
READING = frozenset({"GET", "HEAD", "OPTIONS"})


class RequestIdentityMiddleware:
    """Give the request a number, a moment, and headers that keep its pages out of caches."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.id = str(uuid.uuid4())
        request.now = clock.now()
        token = audit.request_id.set(request.id)
        try:
            response = too_long(request) or self.get_response(request)
        finally:
            audit.request_id.reset(token)
        response["X-Request-Id"] = request.id
        if "Cache-Control" not in response:
            response["Cache-Control"] = "no-store"
        return response


class DoorMiddleware:
    """Open one transaction a request, find who acts, keep the door, and write what was read.

    A GET runs in a transaction that PostgreSQL holds read-only. The trace of what it read is
    written after it, before the response leaves.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.resolve_actor = import_string(settings.CARBET_ACTOR_RESOLVER)

    def resolve_system(self, request: HttpRequest, *, read_only: bool) -> Actor:
        """Find which system asks; the FHIR door is loaded when one comes."""
        return import_string(settings.CARBET_SYSTEM_RESOLVER)(request, read_only=read_only)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = ANONYMOUS_ACTOR
        reads: list[AuditEvent] = []
        token = audit.reads.set(reads)
        try:
            with transaction.atomic():
                response = self.get_response(request)
                if response.status_code >= 500 or getattr(request, "undo", False):
                    transaction.set_rollback(True)
        except (OperationalError, InterfaceError):
            return unavailable(request)
        finally:
            row_security.entered(None)
            audit.reads.reset(token)
        if reads:
            audit.write(reads)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        door = doors.of(view)
        if door is None:
            raise ImproperlyConfigured(
                f"{view.__module__}.{getattr(view, '__name__', view)} declares no door:"
                " see carbet/core/doors.py"
            )
        request.door = door
        read_only = request.method in READING and not door.writes_on_get
        resolve = self.resolve_system if door.audience == {SYSTEM} else self.resolve_actor
        request.actor = resolve(request, read_only=read_only)
        return self.refusal(request, door)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer 503 when the database is lost in the middle of a request: nothing is kept."""
        if not isinstance(error, OperationalError | InterfaceError):
            return None
        request.undo = True
        return unavailable(request)

    def refusal(self, request: HttpRequest, door: doors.Door) -> HttpResponse | None:
        actor = request.actor
        if door.audience == {SYSTEM}:
            return None  # the FHIR door answers in its own language
        if not actor.is_authenticated and actor.kind not in door.audience:
            return HttpResponseRedirect(
                f"{reverse(settings.LOGIN_URL)}?next={quote(request.get_full_path())}"
            )
        if getattr(request, "second_factor_missing", False) and "anonymous" not in door.audience:
            return HttpResponseRedirect(reverse("accounts:strengthen"))
        if actor.kind == PROFESSIONAL and actor.role_id is None and door.role_chosen:
            return HttpResponseRedirect(
                f"{reverse('directory:choose_role')}?next={quote(request.get_full_path())}"
            )
        if actor.kind not in door.audience:
            # A person at a professional's door, or the reverse: the page does not exist for them.
            status = 404 if {actor.kind, *door.audience} & {PERSON, SYSTEM} else 403
            return render(request, f"{status}.html", status=status)
        if door.capability and not actor.can(door.capability):
            return render(request, "403.html", status=403)
        return None


# How much of a request too long is read, to give back the text that came with the file.
_READ_OF_TOO_LONG = 256 * 1024
_TEXT_FIELD = re.compile(
    rb'\r\nContent-Disposition: form-data; name="text"\r\n\r\n(.*?)\r\n--', re.DOTALL
)


def too_long(request: HttpRequest) -> HttpResponse | None:
    """Answer 413 to a request of too great a length, before it is read; give back its text."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if request.path_info.startswith(settings.CARBET_SYSTEMS_PATH):
        return None  # that door has a limit of its own, and answers in its own language
    if not length.isdecimal() or int(length) <= settings.CARBET_LARGEST_REQUEST:
        return None
    text = ""
    if "multipart/form-data" in request.META.get("CONTENT_TYPE", ""):
        start = request.META["wsgi.input"].read(_READ_OF_TOO_LONG)
        found = _TEXT_FIELD.search(b"\r\n" + start)
        text = found[1].decode("utf-8", "replace") if found else ""
    context = {
        "text": text,
        "megabytes": int(length) // (1024 * 1024),
        "most": settings.CARBET_LARGEST_REQUEST // (1024 * 1024),
    }
    response = render(None, "413.html", context, status=413)
    response["Connection"] = "close"
    return response


def unavailable(request: HttpRequest) -> HttpResponse:
    """Answer that the database does not: nothing was written, try again."""
    if request.path.startswith("/fhir"):
        response = fhir.refusal(
            503, "transient", "Service momentanément indisponible : rien n’a été enregistré."
        )
    else:
        response = render(None, "503.html", status=503)
    response["Retry-After"] = "5"
    return response
