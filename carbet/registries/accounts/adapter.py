"""How the sign-in library behaves here."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest

from carbet.registries.accounts.models import Account


class AccountAdapter(DefaultAccountAdapter):
    """Accounts are opened by the region, never by whoever comes by."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class MFAAdapter(DefaultMFAAdapter):
    """Second factors: one-time codes and passkeys."""


def display_name(account: Account) -> str:
    """Return how an account is named on screen."""
    return str(account)
