"""What follows from a sign-in by Pro Santé Connect: the session knows how to end it there too."""

from typing import Any

from allauth.account.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from carbet.registries.accounts.models import Account
from carbet.registries.accounts.rules import PROVIDER_SESSION


@receiver(user_logged_in)
def remember_provider_session(request: HttpRequest, user: Account, **kwargs: Any) -> None:
    sociallogin = kwargs.get("sociallogin")
    if sociallogin is not None:
        request.session[PROVIDER_SESSION] = sociallogin.provider_session
