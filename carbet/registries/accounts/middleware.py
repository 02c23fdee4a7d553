"""The session and the account of a request, in one query."""

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import SimpleLazyObject

from carbet.registries.accounts.models import Account


class AccountSessionMiddleware(SessionMiddleware):
    """Django's sessions, kept in our own table."""


class AccountAuthenticationMiddleware(MiddlewareMixin):
    """Set `request.user` from the account that came with the session, and its clock."""

    def process_request(self, request: HttpRequest) -> None:
        timezone.deactivate()
        request.user = SimpleLazyObject(lambda: account_of(request))


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
