"""What follows from what the sign-in library announces: traces, and sessions that become strong."""

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.signals import password_changed, user_logged_in, user_logged_out
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
)
from django.dispatch import receiver
from django.http import HttpRequest

from carbet.core import clock
from carbet.registries.accounts import operations
from carbet.registries.accounts.access import actor_of
from carbet.registries.accounts.models import Account


@receiver(user_logged_in)
def trace_sign_in(request: HttpRequest, user: Account, **kwargs: Any) -> None:
    operations.record_sign_in(actor=actor_of(user), now=clock.now(), account=user)


@receiver(user_logged_out)
def trace_sign_out(request: HttpRequest, user: Account | None, **kwargs: Any) -> None:
    if user is not None:
        operations.record_sign_out(actor=actor_of(user), now=clock.now(), account=user)


@receiver(password_changed)
def trace_password_change(request: HttpRequest, user: Account, **kwargs: Any) -> None:
    operations.record_password_change(actor=actor_of(user), now=clock.now(), account=user)


@receiver(authentication_failed)
def trace_wrong_second_factor(request: HttpRequest, user: Account, **kwargs: Any) -> None:
    operations.refuse_second_factor(actor=actor_of(user), now=clock.now(), account=user)


@receiver(authenticator_added)
def trace_second_factor(
    request: HttpRequest, user: Account, authenticator: Authenticator, **kwargs: Any
) -> None:
    """Trace it, and count it as used: enrolling it has just proved that its owner holds it."""
    operations.record_second_factor(
        actor=actor_of(user), now=clock.now(), account=user, kind=authenticator.type
    )
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        record_authentication(
            request, user, "mfa", id=authenticator.pk, type=str(authenticator.type)
        )


@receiver([authenticator_removed, authenticator_reset])
def trace_second_factor_removal(
    request: HttpRequest, user: Account, authenticator: Authenticator, **kwargs: Any
) -> None:
    operations.record_second_factor_removal(
        actor=actor_of(user), now=clock.now(), account=user, kind=authenticator.type
    )
