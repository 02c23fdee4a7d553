"""The session and the account of a request, in one query; a form that comes too late is kept."""

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import SimpleLazyObject

from carbet.registries.accounts import sessions
from carbet.registries.accounts.models import Account


class AccountSessionMiddleware(SessionMiddleware):
    """Django's sessions, kept in our own table."""


class AccountAuthenticationMiddleware(MiddlewareMixin):
    """Set `request.user` from the account that came with the session, and its clock."""

    def process_request(self, request: HttpRequest) -> None:
        timezone.deactivate()
        request.user = SimpleLazyObject(lambda: account_of(request))

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Keep the form of whoever is led to the sign-in page; forget it once it is sent."""
        if request.method != "POST":
            return response
        kept = request.COOKIES.get(sessions.LEFT_COOKIE, "")
        if kept and response.status_code < 400 and "reprise" in request.POST:
            sessions.forget_left(kept)
            response.delete_cookie(sessions.LEFT_COOKIE)
        elif _leads_to_sign_in(request, response):
            kept = sessions.keep_left(request, cookie_name=settings.SESSION_COOKIE_NAME)
            if kept:
                response["Location"] = f"{reverse('account_login')}?next={reverse('accounts:left')}"
                response.set_cookie(
                    sessions.LEFT_COOKIE,
                    kept,
                    max_age=sessions.LEFT_SECONDS,
                    secure=settings.SESSION_COOKIE_SECURE,
                    httponly=True,
                    samesite="Lax",
                )
            if request.headers.get("HX-Request"):
                # The whole page goes to the sign-in, not the fragment that was asked.
                response["HX-Redirect"] = response["Location"]
                response.status_code = 204
        return response


def _leads_to_sign_in(request: HttpRequest, response: HttpResponse) -> bool:
    if response.status_code != 302 or request.user.is_authenticated:
        return False
    sign_in = reverse("account_login")
    return urlsplit(response["Location"]).path == sign_in and request.path != sign_in


def account_of(request: HttpRequest) -> Account | AnonymousUser:
    """Return the account of the session, or an anonymous user.

    A changed password or a closed account ends every session at once.
    """
    session = request.session
    if SESSION_KEY not in session or BACKEND_SESSION_KEY not in session:
        return AnonymousUser()
    account = session.account
    if account is None or str(account.pk) != str(session[SESSION_KEY]):
        account = Account.objects.filter(pk=session[SESSION_KEY]).first()
    if account is None or not account.may_sign_in:
        return AnonymousUser()
    stored = session.get(HASH_SESSION_KEY, "")
    if not constant_time_compare(stored, account.get_session_auth_hash()):
        session.flush()
        return AnonymousUser()
    if account.time_zone != timezone.get_default_timezone_name():
        timezone.activate(account.time_zone)
    return account
