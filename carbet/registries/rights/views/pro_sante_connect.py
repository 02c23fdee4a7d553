"""Sign in with Pro Santé Connect: go there with a question, come back with an answer to judge."""

import secrets
from typing import Any

from allauth.account.utils import get_next_redirect_url
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal import ratelimit
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.providers.base import ProviderException
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST
from requests import RequestException

from carbet.connectors.pro_sante_connect import SCOPES, question
from carbet.core import doors
from carbet.core.operation import UnableTo
from carbet.registries.accounts import queries as accounts
from carbet.registries.accounts.rules import PRO_SANTE_CONNECT
from carbet.registries.rights import operations
from carbet.registries.rights.adapter import ProSanteConnectAdapter


class _Answer(OAuth2CallbackView):
    """What comes back: the nonce of the question goes with the answer."""

    def _get_state(self, request: HttpRequest, provider: Any) -> Any:
        state, response = super()._get_state(request, provider)
        if state is not None:
            self.adapter.nonce = state.get("nonce") or ""
        return state, response


@doors.public(writes_on_get="the question is remembered until its answer comes")
@require_GET
@ratelimit.decorator(app="allauth.account", action="login", limit_get=True)
def pro_sante_connect(request: HttpRequest) -> HttpResponse:
    """Send the browser to Pro Santé Connect with PKCE, a nonce and the level that we demand.

    Nothing of the address is taken over but `next`: the level is not the visitor's to choose.
    """
    adapter = _adapter(request)
    nonce = secrets.token_urlsafe(24)
    provider = adapter.get_provider()
    try:
        return provider.redirect(
            request,
            process=AuthProcess.LOGIN,
            next_url=get_next_redirect_url(request),
            auth_params=question(nonce=nonce),
            scope=list(SCOPES),
            nonce=nonce,
        )
    except (RequestException, ProviderException) as error:
        return render_authentication_error(request, provider, exception=error)
    except ImmediateHttpResponse as answer:
        return answer.response


@doors.public(writes_on_get="the answer opens a session")
@require_GET
def pro_sante_connect_answer(request: HttpRequest) -> HttpResponse:
    """Judge what Pro Santé Connect answers, and open the session of whom it names."""
    return _Answer.adapter_view(_adapter(request))(request)


@doors.professional()
@require_POST
def unlink(request: HttpRequest) -> HttpResponse:
    """Let Pro Santé Connect open one's account no more."""
    try:
        operations.unlink_provider(
            actor=request.actor,
            now=request.now,
            account=request.user,
            except_key=request.session.session_key,
        )
    except UnableTo as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(
            request, "Ce compte est délié de Pro Santé Connect ; vos autres sessions sont fermées."
        )
    return redirect("accounts:profile")


def _adapter(request: HttpRequest) -> ProSanteConnectAdapter:
    if accounts.pro_sante_connect_client() is None:
        raise Http404
    return ProSanteConnectAdapter(request, PRO_SANTE_CONNECT)
