"""What follows from signing in and out: the provider's session, what applications were given."""

from typing import Any

from allauth.account.signals import password_changed, user_logged_in, user_logged_out
from allauth.idp.oidc.models import Token
from django.dispatch import receiver
from django.http import HttpRequest

from carbet.registries.accounts.models import Account
from carbet.registries.accounts.rules import PROVIDER_SESSION


@receiver(user_logged_in)
def remember_provider_session(request: HttpRequest, user: Account, **kwargs: Any) -> None:
    sociallogin = kwargs.get("sociallogin")
    if sociallogin is not None:
        request.session[PROVIDER_SESSION] = sociallogin.provider_session


@receiver([user_logged_out, password_changed])
def take_back_tokens(request: HttpRequest, user: Account | None, **kwargs: Any) -> None:
    """Whoever leaves Carbet, or closes their other sessions, takes back what applications hold."""
    if user is not None:
        Token.objects.filter(user=user).delete()
