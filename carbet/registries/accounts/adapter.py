"""How the sign-in library behaves here."""

import base64
import logging
import time
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.stagekit import clear_login
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.crypto import salted_hmac

from carbet.connectors import pro_sante_connect
from carbet.core import clock
from carbet.core.actor import ANONYMOUS_ACTOR
from carbet.registries.accounts import operations, queries
from carbet.registries.accounts.choices import AccountKind
from carbet.registries.accounts.models import Account
from carbet.registries.accounts.rules import PROVIDER_SESSION

logger = logging.getLogger(__name__)

JUST_SIGNED_IN_SECONDS = 300


class AccountAdapter(DefaultAccountAdapter):
    """Accounts are opened by the region, never by whoever comes by."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "Adresse ou mot de passe incorrect.",
        "too_many_login_attempts": (
            "Trop d’essais en peu de temps. Attendez cinq minutes, puis réessayez."
        ),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_login(self, request: HttpRequest, user: Account, **kwargs: Any) -> HttpResponse | None:
        if not user.may_sign_in:
            clear_login(request)
            return self.respond_user_inactive(request, user)
        return super().pre_login(request, user, **kwargs)

    def get_logout_redirect_url(self, request: HttpRequest) -> str:
        """Lead to the end of the provider's session, when one opened this one (single logout)."""
        client = queries.pro_sante_connect_client()
        opened = request.session.get(PROVIDER_SESSION) or {}
        if client is None or not opened.get("end_session"):
            return super().get_logout_redirect_url(request)
        return pro_sante_connect.logout_address(
            end_session=opened["end_session"],
            id_token=opened["id_token"],
            client=client,
            back=f"{settings.PUBLIC_URL}{reverse('account_login')}",
        )

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        address = credentials.get("email") or credentials.get("username") or ""
        operations.refuse_sign_in(actor=ANONYMOUS_ACTOR, now=clock.now(), address=str(address))

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Whoever signed in a moment ago is not asked for their password again."""
        request = context.request
        records = get_authentication_records(request, request.user)
        limit = time.time() - JUST_SIGNED_IN_SECONDS
        if any(record["at"] > limit for record in records):
            return False
        return super().is_reauthentication_required(app=app, **kwargs)


class MFAAdapter(DefaultMFAAdapter):
    """Second factors: one-time codes and passkeys, their secrets encrypted where they are kept."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "Code incorrect, ou déjà utilisé. Attendez le suivant et réessayez.",
        "cannot_delete_authenticator": (
            "Un professionnel garde au moins un second facteur : ajoutez-en un autre avant"
            " de retirer celui-ci."
        ),
    }

    def is_mfa_enabled(self, user: Account, types: Any = None) -> bool:
        """Whoever has just proved themselves with a card or an e-CPS is asked for no code."""
        if getattr(context.request, "proved_by_card", None) == user.pk:
            return False
        return super().is_mfa_enabled(user, types)

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        try:
            return _cipher().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            logger.error("a second factor was encrypted with another secret key")
            raise self.validation_error("incorrect_code") from None

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """A professional never goes back to a password alone (RIE, arrêté of 28 March 2022)."""
        if authenticator.user.kind != AccountKind.PROFESSIONAL:
            return True
        others = Authenticator.objects.filter(
            user_id=authenticator.user_id,
            type__in=(Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN),
        ).exclude(pk=authenticator.pk)
        return others.exists()


def _cipher() -> MultiFernet:
    """Return the cipher of the second factors; older secret keys still read what they wrote."""
    return MultiFernet(
        [
            Fernet(
                base64.urlsafe_b64encode(
                    salted_hmac("carbet.second_factor", "", secret=key, algorithm="sha256").digest()
                )
            )
            for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
        ]
    )


def display_name(account: Account) -> str:
    """Return how an account is named on screen."""
    return str(account)
