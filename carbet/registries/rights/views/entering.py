"""Other applications sign professionals in through Carbet: OpenID Connect, code flow with PKCE.

The library speaks the protocol; these pages add what a health region asks: a second factor, an
open right, PKCE with S256 from every application, a code that serves once, and a trace.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode, urlsplit

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal.httpkit import add_query_params, del_query_params
from allauth.idp.oidc import views as library
from allauth.idp.oidc.adapter import get_adapter
from allauth.idp.oidc.internal.oauthlib.server import get_server
from allauth.idp.oidc.internal.oauthlib.utils import extract_params
from allauth.idp.oidc.models import Token
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from oauthlib.oauth2.rfc6749.errors import FatalClientError, OAuth2Error

from carbet.core import doors
from carbet.core.actor import ANONYMOUS_ACTOR
from carbet.registries.accounts.access import actor_of
from carbet.registries.accounts.rules import authentication_methods
from carbet.registries.rights import adapter, operations, queries, rules
from carbet.registries.rights.operations.applications import SCOPES

# Longer than any code lives: one that comes back meanwhile was stolen.
_CODE_SECONDS = 600
# The library lets through what no text can hold: a broken escape, a NUL sign.
_UNREADABLE = (ValueError, DataError)


def _readable(
    view: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Refuse what cannot be read as an application expects it (RFC 6749 §5.2)."""

    @wraps(view)
    def answered(request: HttpRequest) -> HttpResponse:
        try:
            return view(request)
        except _UNREADABLE:
            return JsonResponse({"error": "invalid_request"}, status=400)

    return answered


@method_decorator(csrf_exempt, name="dispatch")
class _Entrance(library.AuthorizationView):
    """Lead a professional into an application, once who they are and what it asks hold."""

    template_name = "rights/enter.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        answer = (
            (self._unknown(request) if request.method in ("GET", "HEAD") else None)
            or self._stop(request)
            or super().dispatch(request, *args, **kwargs)
        )
        _sign(answer, self._back(request))
        # The application's answer follows a form of ours: the browser must let it through.
        target = getattr(self, "_target", "")
        if target:
            answer._csp_update = {"form-action": [target]}
        return answer

    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        request = self.request
        if answer.status_code == 302:
            client_id = self._request_info["client_id"]
            subject = get_adapter().get_user_sub(None, request.user)
            adapter.remember_entry(
                client_id=client_id,
                sub=subject,
                nonce=str(self._request_info.get("nonce") or ""),
                methods=_methods(request),
            )
            operations.enter_application(
                actor=actor_of(request.user),
                now=request.now,
                client_id=client_id,
                subject=subject,
            )
        return answer

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        self._target = _origin(str(self._request_info.get("redirect_uri", "")))
        return context | {
            "application": context["client"].name,
            "shares": [adapter.SHARED[scope] for scope in self._scopes if scope in adapter.SHARED],
            "scopes": self._scopes,
            "where": urlsplit(str(self._request_info.get("redirect_uri", ""))).netloc,
        }

    def _stop(self, request: HttpRequest) -> HttpResponse | None:
        """Turn away whoever has no second factor or no open right: before the library looks.

        Whoever proved themselves too long ago for the application does it again.
        """
        account = request.user
        asks = request.method == "POST" and "request" not in request.POST
        if not account.is_authenticated or asks:
            return None
        weak = getattr(request, "second_factor_missing", False)
        stale = rules.is_stale(
            request.GET.get("max_age", ""),
            opened_at=_methods(request).get("auth_time"),
            now=request.now,
        )
        may = queries.may_enter_applications(account=account, now=request.now)
        if may and not weak and not stale:
            return None
        if "none" in request.GET.get("prompt", "").split():
            # The application asked that nobody be shown anything: it is told to ask again.
            request.user = AnonymousUser()
            return None
        if weak:
            return redirect("accounts:strengthen")
        if may:
            # Once done, the question comes back without its age: it is answered.
            following = del_query_params(request.get_full_path(), "max_age", "prompt")
            return redirect(
                add_query_params(reverse("account_reauthenticate"), {"next": following})
            )
        client_id = request.GET.get("client_id", "")[:100]
        operations.enter_application(
            actor=actor_of(account), now=request.now, client_id=client_id, refused="no_right"
        )
        return _not_entered(request, adapter.NO_RIGHT, status=403)

    def _unknown(self, request: HttpRequest) -> HttpResponse | None:
        """Lead nobody to an application or an address that is not registered.

        What the library would let through, or fall on, goes back with its error.
        """
        wrong = rules.wrong_question(request.GET)
        try:
            if wrong is not None:
                known = queries.leads_back(
                    client_id=request.GET.get("client_id", ""), address=self._back(request)
                )
                if not known:
                    return _not_entered(request, adapter.UNKNOWN_APPLICATION, status=400)
                return _sent_back(request.GET, *wrong)
            get_server().validate_authorization_request(*extract_params(request))
        except (FatalClientError, ValidationError, *_UNREADABLE):
            return _not_entered(request, adapter.UNKNOWN_APPLICATION, status=400)
        except OAuth2Error:
            return None  # the library sends it back to the application
        return None

    def _back(self, request: HttpRequest) -> str:
        """Return the address that the application is answered at."""
        info = getattr(self, "_request_info", {})
        return str(info.get("redirect_uri") or request.GET.get("redirect_uri", ""))


@method_decorator(csrf_exempt, name="dispatch")
class _Exit(library.LogoutView):
    """An application asks that the session at Carbet end too: the person decides."""

    template_name = "rights/leave.html"

    def form_invalid(self, form: Any) -> HttpResponse:
        return _not_entered(self.request, adapter.UNKNOWN_APPLICATION, status=400)

    def render_to_response(self, context: dict[str, Any], **options: Any) -> HttpResponse:
        answer = super().render_to_response(context, **options)
        back = context["form"].cleaned_data.get("post_logout_redirect_uri")
        if back:
            answer._csp_update = {"form-action": [_origin(back)]}
        return answer


authorization = doors.public(writes_on_get="a code is given, and traced")(_Entrance.as_view())
logout = doors.public(writes_on_get="what the application was given is taken back")(_Exit.as_view())


@doors.public()
@csrf_exempt
@require_POST
@_readable
def token(request: HttpRequest) -> HttpResponse:
    """Give tokens for a code, once: a second try takes back what the first gave (RFC 6749 §4.1.2).

    Two hands hold that code, and one of them stole it.
    """
    key = f"rights.code:{get_adapter().hash_token(request.POST.get('code', ''))}"
    for_code = request.POST.get("grant_type") == "authorization_code"
    if for_code and not cache.add(key, "", timeout=_CODE_SECONDS):
        operations.take_back_stolen(
            actor=ANONYMOUS_ACTOR, now=request.now, token_hash=cache.get(key) or ""
        )
        return JsonResponse({"error": "invalid_grant"}, status=400)
    answer: HttpResponse = library.token(request)
    if answer.status_code == 200:
        # Nobody may use one: an application asks again, and the right is looked at again.
        said = json.loads(answer.content)
        if refresh := said.pop("refresh_token", None):
            Token.objects.by_value(refresh).delete()
            answer.content = json.dumps(said).encode()
        if for_code:
            cache.set(key, get_adapter().hash_token(said["access_token"]), timeout=_CODE_SECONDS)
    return answer


@doors.public()
@csrf_exempt
@require_POST
@_readable
def revoke(request: HttpRequest) -> HttpResponse:
    """Take a token back from the application that holds it."""
    answer: HttpResponse = library.revoke(request)
    return answer


@doors.system()
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@_readable
def user_info(request: HttpRequest) -> HttpResponse:
    """Say who signed in, as long as some right of theirs is open."""
    try:
        answer: HttpResponse = library.user_info(request)
    except ImmediateHttpResponse as refused:
        return refused.response
    return answer


@doors.public()
@require_safe
def configuration(request: HttpRequest) -> JsonResponse:
    """Publish what applications need to sign people in (OpenID Connect Discovery 1.0)."""
    return JsonResponse(
        {
            "issuer": settings.PUBLIC_URL,
            "authorization_endpoint": _address("idp:oidc:authorization"),
            "token_endpoint": _address("idp:oidc:token"),
            "userinfo_endpoint": _address("idp:oidc:userinfo"),
            "jwks_uri": _address("idp:oidc:jwks"),
            "revocation_endpoint": _address("idp:oidc:revoke"),
            "end_session_endpoint": _address("idp:oidc:logout"),
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "client_credentials"],
            "code_challenge_methods_supported": ["S256"],
            "backchannel_logout_supported": True,
            "backchannel_logout_session_supported": False,
            "authorization_response_iss_parameter_supported": True,
            "claims_parameter_supported": False,
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": [
                "client_secret_basic",
                "client_secret_post",
            ],
            "claims_supported": [
                *("sub", "name", "given_name", "family_name", "SubjectNameID", "roles"),
                *("auth_time", "amr"),
            ],
            "ui_locales_supported": ["fr"],
        }
    )


def _address(name: str) -> str:
    return f"{settings.PUBLIC_URL}{reverse(name)}"


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def _sent_back(asked: Any, error: str, words: str) -> HttpResponse:
    """Send the application its refusal: the address was held against those registered."""
    said = {"error": error, "error_description": words, "state": asked.get("state", "")}
    query = urlencode({name: value for name, value in said.items() if value})
    back = asked["redirect_uri"]
    return HttpResponseRedirect(f"{back}{'&' if '?' in back else '?'}{query}")


def _sign(answer: HttpResponse, back: str) -> None:
    """Say who answers, so that no other provider is taken for this one (RFC 9207)."""
    location = answer.headers.get("Location", "")
    if back and "#" not in location and location.split("?")[0] == back.split("?")[0]:
        answer["Location"] = add_query_params(location, {"iss": settings.PUBLIC_URL})


def _methods(request: HttpRequest) -> dict[str, Any]:
    return authentication_methods(request.session.get("account_authentication_methods", []))


def _not_entered(request: HttpRequest, message: str, *, status: int) -> HttpResponse:
    return render(request, "rights/not_entered.html", {"message": message}, status=status)
