"""How the sign-in library speaks with Pro Santé Connect, and with the applications we let in."""

import hashlib
import logging
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Literal

import jwt
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal import jwkkit
from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from allauth.idp.oidc.internal.oauthlib.utils import get_validator_context
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.base import AuthError, ProviderException
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from oauthlib.oauth2.rfc6749.errors import InvalidTokenError

from carbet.connectors import pro_sante_connect
from carbet.core import clock
from carbet.core.actor import ANONYMOUS_ACTOR
from carbet.core.identifiers import idnps_from_rpps
from carbet.registries.accounts import queries as accounts
from carbet.registries.accounts.access import actor_of
from carbet.registries.accounts.choices import AccountKind
from carbet.registries.accounts.models import Account
from carbet.registries.accounts.rules import PRO_SANTE_CONNECT, PROVIDER_SESSION
from carbet.registries.directory.models import Practitioner
from carbet.registries.rights import operations, queries, rules

logger = logging.getLogger(__name__)

_KEPT_SECONDS = int(timedelta(minutes=10).total_seconds())
_UNREACHABLE = (
    "Pro Santé Connect ne répond pas. Réessayez dans quelques minutes, ou connectez-vous avec"
    " l’adresse et le mot de passe de votre compte Carbet."
)
_LOST = (
    "Cette connexion a expiré, ou a commencé dans un autre navigateur. Recommencez depuis la page"
    " de connexion."
)
_UNKNOWN = (
    "Votre identité est bien prouvée, mais aucun compte Carbet ne lui correspond. Demandez"
    " l’accès à votre structure depuis la page de connexion."
)
_OTHER = (
    "Vous êtes connecté à un autre compte que celui de cette identité. Déconnectez-vous d’abord,"
    " puis recommencez."
)
_UNLINKED = (
    "Ce compte a été délié de Pro Santé Connect. Connectez-vous avec l’adresse et le mot de passe"
    " du compte ; « Mon compte » permet de le lier de nouveau."
)
_ELSEWHERE = (
    "Cette identité Pro Santé Connect est déjà liée à un autre compte. Prévenez l’exploitant de"
    " Carbet."
)


class RefusedAnswer(ProviderException):
    """The provider's answer was judged, and not accepted."""

    def __init__(self, refusal: pro_sante_connect.Refused) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


class ProSanteConnectAdapter(OpenIDConnectOAuth2Adapter):
    """The library's OpenID client, held to what Pro Santé Connect demands.

    The library checks no signature and no level and sends no nonce: `nonce` comes back from the
    state of the session, and the whole answer is judged by the connector.
    """

    nonce = ""

    @property
    def openid_config(self) -> dict[str, Any]:
        client = _client()

        def fetch() -> dict[str, Any]:
            document = self._fetch(client.discovery)
            try:
                return pro_sante_connect.check_discovery(document, client=client)
            except pro_sante_connect.Refused as error:
                raise RefusedAnswer(error) from error

        found: dict[str, Any] = cache.get(_key("discovery", client)) or fetch()
        cache.set(_key("discovery", client), found, _KEPT_SECONDS)
        return found

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        """Return the address declared at the provider, whatever name the visitor came by."""
        return f"{settings.PUBLIC_URL}{reverse('rights:pro_sante_connect_answer')}"

    def parse_token(self, data: dict[str, Any]) -> SocialToken:
        """Take the access token for the one call that it serves: it is not kept."""
        return SocialToken(token=str(data["access_token"]))

    def complete_login(
        self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any
    ) -> SocialLogin:
        client = _client()
        id_token = kwargs["response"].get("id_token")
        userinfo = self._fetch_user_info(token.token)
        try:
            identity = pro_sante_connect.identify(
                id_token=id_token,
                access_token=token.token,
                userinfo=userinfo,
                keys=self._keys(id_token),
                client=client,
                nonce=self.nonce,
                now=clock.now(),
            )
        except pro_sante_connect.Refused as error:
            raise RefusedAnswer(error) from error
        # Nothing of the answer is kept but whom it names.
        kept = {"userinfo": {"sub": identity.subject, "SubjectNameID": f"8{identity.rpps}"}}
        login: SocialLogin = self.get_provider().sociallogin_from_response(request, kept)
        login.identity = identity
        login.provider_session = {
            "id_token": id_token,
            "end_session": self.openid_config.get("end_session_endpoint", ""),
        }
        return login

    def _keys(self, id_token: Any) -> Any:
        """Return the provider's keys; one that we do not know yet is asked for again."""
        key = _key("keys", _client())
        keys = cache.get(key)
        if keys is None or not pro_sante_connect.knows_key(keys, id_token):
            keys = self._fetch(self.openid_config["jwks_uri"])
            cache.set(key, keys, _KEPT_SECONDS)
        return keys

    def _fetch(self, address: str) -> Any:
        with _adapter(self.request).get_requests_session() as session:
            answer = session.get(address)
            answer.raise_for_status()
            return answer.json()


class ProSanteConnectProvider(OpenIDConnectProvider):
    """The provider, as the library calls it."""

    oauth2_adapter_class = ProSanteConnectAdapter


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """Pro Santé Connect is the only provider, and opens no account: it proves whose it is."""

    def list_apps(
        self,
        request: HttpRequest | None,
        provider: str | None = None,
        client_id: str | None = None,
    ) -> list[SocialApp]:
        client = accounts.pro_sante_connect_client()
        if client is None or provider not in (None, PRO_SANTE_CONNECT, "openid_connect"):
            return []
        return [
            SocialApp(
                provider="openid_connect",
                provider_id=PRO_SANTE_CONNECT,
                name="Pro Santé Connect",
                client_id=client.client_id,
                secret=client.secret,
                settings={
                    "server_url": client.discovery,
                    "oauth_pkce_enabled": True,
                    "token_auth_method": "client_secret_basic",
                },
            )
        ]

    def get_provider(
        self, request: HttpRequest, provider: str, client_id: str | None = None
    ) -> ProSanteConnectProvider:
        app = self.get_app(request, provider=provider, client_id=client_id)
        return ProSanteConnectProvider(request, app=app)

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Find the account by RPPS, tie it the first time, and count the card as two factors.

        Whoever is in the directory without an account is led to ask for their rights, proven.
        """
        now = clock.now()
        practitioner = queries.practitioner_of(rpps=sociallogin.identity.rpps)
        account: Account | None = practitioner.account if practitioner else None
        here = request.user if request.user.is_authenticated else None
        if here is not None and here != account:
            raise ImmediateHttpResponse(refusal(request, "other_account", _OTHER, account=account))
        if practitioner is not None and account is None and not sociallogin.is_existing:
            raise ImmediateHttpResponse(_proven(request, sociallogin, practitioner, now=now))
        if account is None or account.kind != AccountKind.PROFESSIONAL:
            raise ImmediateHttpResponse(refusal(request, "no_account", _UNKNOWN))
        if sociallogin.is_existing and sociallogin.user != account:
            raise ImmediateHttpResponse(
                refusal(request, "linked_elsewhere", _ELSEWHERE, account=account)
            )
        strong = here is not None and not getattr(request, "second_factor_missing", False)
        if account.provider_unlinked_at is not None and not strong:
            raise ImmediateHttpResponse(refusal(request, "unlinked", _UNLINKED, account=account))
        if not sociallogin.is_existing:
            sociallogin.connect(request, account)
            operations.record_provider_link(actor=actor_of(account), now=now, account=account)
        request.proved_by_card = account.pk

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: str | None = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        """Say in French what went wrong, and trace it; a change of mind is not an error."""
        if error == AuthError.CANCELLED:
            messages.info(request, "Connexion par Pro Santé Connect abandonnée.")
            raise ImmediateHttpResponse(redirect("account_login"))
        if isinstance(exception, RefusedAnswer):
            said = exception.refusal
            raise ImmediateHttpResponse(refusal(request, said.code, said.message))
        if exception is None:
            raise ImmediateHttpResponse(refusal(request, "state", _LOST))
        logger.warning("Pro Santé Connect: %s", type(exception).__name__)
        raise ImmediateHttpResponse(refusal(request, "unreachable", _UNREACHABLE, status=502))


def refusal(
    request: HttpRequest,
    code: str,
    message: str,
    *,
    status: int = 403,
    account: Account | None = None,
) -> HttpResponse:
    """Return the page that says why the sign-in was refused, once it is traced."""
    operations.refuse_provider_answer(
        actor=ANONYMOUS_ACTOR, now=clock.now(), code=code, account=account
    )
    return render(request, "rights/refused.html", {"message": message, "code": code}, status=status)


def _proven(
    request: HttpRequest, sociallogin: SocialLogin, practitioner: Practitioner, *, now: datetime
) -> HttpResponse:
    """Keep for a moment who was proven, and lead them to ask for their rights."""
    operations.record_provider_proof(actor=ANONYMOUS_ACTOR, now=now, practitioner=practitioner)
    request.session.cycle_key()
    request.session[rules.PROVEN] = {"rpps": practitioner.rpps, "at": now.timestamp()}
    request.session[PROVIDER_SESSION] = sociallogin.provider_session
    return redirect("rights:register")


def _client() -> pro_sante_connect.Client:
    client = accounts.pro_sante_connect_client()
    if client is None:
        raise SocialApp.DoesNotExist
    return client


def _adapter(request: HttpRequest) -> SocialAccountAdapter:
    return SocialAccountAdapter(request)


def _key(what: str, client: pro_sante_connect.Client) -> str:
    return f"rights.psc:{what}:{client.discovery}"


# What an application learns, by scope, in the words of the confirmation page.
SHARED = {
    "profile": "votre nom",
    "professional": "votre numéro RPPS, vos professions et vos structures",
}
NO_RIGHT = (
    "Aucune habilitation ne vous est ouverte en ce moment. Demandez à qui gère les comptes de votre"
    " structure."
)
UNKNOWN_APPLICATION = (
    "Cette application n’est pas, ou n’est plus, de celles où l’on entre avec Carbet. Prévenez"
    " l’exploitant de l’application."
)
_ENTRY_SECONDS = 180
_LONGEST_NUMBER = 18
_LOGOUT_SECONDS = 120


class ApplicationAdapter(DefaultOIDCAdapter):
    """Who Carbet says to applications that someone is: a professional, while a right is open."""

    def get_issuer(self) -> str:
        return settings.PUBLIC_URL

    def get_user_sub(self, client: Any, user: Account) -> str:
        """Return the name by which every application knows an account: it says nothing."""
        return str(user.subject)

    def get_user_by_sub(self, client: Any, sub: str) -> Account | None:
        """Return whose code is being exchanged, unless their last right ended meanwhile.

        What was signed before accounts had a subject bears the account's number.
        """
        if sub.isdecimal() and len(sub) <= _LONGEST_NUMBER:
            account: Account | None = super().get_user_by_sub(client, sub)
        else:
            account = accounts.account_of_subject(sub)
        if account is None or not queries.may_enter_applications(account=account, now=clock.now()):
            return None
        return account

    def get_claims(
        self,
        purpose: Literal["id_token", "userinfo"],
        user: Account,
        client: Any,
        scopes: Iterable[str],
        email: str | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Return what the application may know.

        Raises:
            InvalidTokenError: no right is open any more.
        """
        now = clock.now()
        roles = list(queries.open_roles(account_id=user.pk, now=now)[:50])
        if not roles or not user.may_sign_in:
            raise InvalidTokenError(description="no right is open")
        claims: dict[str, Any] = {"sub": self.get_user_sub(client, user)}
        if purpose == "userinfo":
            # A token says whom its first answer named, where that was another name.
            said = get_validator_context().access_token
            data = said.data if said is not None and isinstance(said.data, dict) else {}
            claims["sub"] = data.get("sub") or claims["sub"]
        practitioner = roles[0].practitioner
        if "profile" in scopes:
            claims |= {
                "name": str(practitioner),
                "given_name": practitioner.given,
                "family_name": practitioner.family,
            }
        if "professional" in scopes:
            if practitioner.rpps:
                claims["SubjectNameID"] = idnps_from_rpps(practitioner.rpps)
            claims["roles"] = [
                {
                    "profession": role.profession,
                    "label": role.label,
                    "organization": role.organization.name,
                    "finess": role.organization.finess,
                }
                for role in roles
            ]
        return claims

    def populate_id_token(
        self, id_token: dict[str, Any], client: Any, scopes: Iterable[str], **kwargs: Any
    ) -> None:
        """Add when and how the person signed in here, as it was when the code was given."""
        key = _entry_key(client.pk, id_token["sub"], str(id_token.get("nonce") or ""))
        id_token |= cache.get(key) or {}


def logout_token(*, client_id: str, subject: str, now: datetime) -> str:
    """Return what tells an application that somebody left (Back-Channel Logout 1.0 §2.4)."""
    library = ApplicationAdapter()
    jwk, private_key = jwkkit.load_jwk_from_pem(library.get_signing_key().pem)
    issued = int(now.timestamp())
    said = {
        "iss": library.get_issuer(),
        "sub": subject,
        "aud": client_id,
        "iat": issued,
        "exp": issued + _LOGOUT_SECONDS,
        "jti": uuid.uuid4().hex,
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    }
    headers = {"kid": jwk["kid"], "typ": "logout+jwt"}
    return jwt.encode(said, private_key, algorithm="RS256", headers=headers)


def remember_entry(*, client_id: str, sub: str, nonce: str, methods: dict[str, Any]) -> None:
    """Keep when and how somebody signed in until their code is exchanged."""
    cache.set(_entry_key(client_id, sub, nonce), methods, _ENTRY_SECONDS)


def _entry_key(client_id: str, sub: str, nonce: str) -> str:
    digest = hashlib.sha256(f"{client_id} {sub} {nonce}".encode()).hexdigest()
    return f"rights.entry:{digest}"
