"""The shape of what is asked at sign-in."""

from allauth.mfa import app_settings
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from django.core.cache import cache

from carbet.registries.accounts.rules import used_code_key


class _OnceForm:
    """A one-time code that serves once, for as long as a late or early clock may accept it."""

    def clean_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc]
        authenticator = self.authenticator  # type: ignore[attr-defined]
        if authenticator.type == Authenticator.Type.TOTP:
            seconds = app_settings.TOTP_PERIOD * (2 * app_settings.TOTP_TOLERANCE + 1)
            digits = "".join(filter(str.isdigit, code))
            if not cache.add(used_code_key(authenticator.user_id, digits), 1, timeout=seconds):
                raise get_adapter().validation_error("incorrect_code")
        return code


class CodeForm(_OnceForm, AuthenticateForm):
    """The code asked after the password."""


class ConfirmationCodeForm(_OnceForm, ReauthenticateForm):
    """The code asked before a sensitive change."""
