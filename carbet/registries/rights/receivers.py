"""What follows from signing in and out: the provider's session, what applications were given."""

from datetime import datetime
from typing import Any

from allauth.account.signals import password_changed, user_logged_in, user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest

from carbet.core import clock
from carbet.core.actor import Actor
from carbet.registries.accounts.access import actor_of
from carbet.registries.accounts.models import Account
from carbet.registries.accounts.operations import sessions_closed
from carbet.registries.accounts.rules import PROVIDER_SESSION
from carbet.registries.rights import operations, queries


@receiver(user_logged_in)
def remember_provider_session(request: HttpRequest, user: Account, **kwargs: Any) -> None:
    sociallogin = kwargs.get("sociallogin")
    if sociallogin is not None:
        request.session[PROVIDER_SESSION] = sociallogin.provider_session


@receiver([user_logged_out, password_changed])
def take_back_tokens(request: HttpRequest, user: Account | None, **kwargs: Any) -> None:
    """Whoever leaves Carbet, or closes their other sessions, takes back what applications hold."""
    if user is not None:
        _leave(user, actor=actor_of(user), now=clock.now())


@receiver(sessions_closed)
def leave_with_sessions(account: Account, actor: Actor, now: datetime, **kwargs: Any) -> None:
    _leave(account, actor=actor, now=now)


def _leave(account: Account, *, actor: Actor, now: datetime) -> None:
    if queries.has_entered(account=account):
        operations.leave_applications(actor=actor, now=now, account=account)
