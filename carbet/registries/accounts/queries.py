"""What can be asked of accounts: their sessions, their second factors, those of a demonstration."""

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit
from uuid import UUID

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.idp.oidc.models import Client
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.mfa.utils import decrypt
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core.cache import cache

from carbet.connectors import pro_sante_connect
from carbet.registries.accounts.models import Account, AccountSession
from carbet.registries.accounts.rules import (
    DEMONSTRATION_PASSWORD,
    PRO_SANTE_CONNECT,
    used_code_key,
)
from carbet.registries.accounts.sessions import SessionStore

SESSIONS_SHOWN = 20
METHOD_LABELS = {
    "totp": "mot de passe et code",
    "recovery_codes": "mot de passe et code de secours",
    "webauthn": "mot de passe et clé d’accès",
    "passwordless": "clé d’accès",
    "password": "mot de passe",
    PRO_SANTE_CONNECT: "Pro Santé Connect",
}


@dataclass(frozen=True)
class OpenSession:
    """A signed-in browser, as its owner sees it."""

    opened_at: datetime | None
    expires_at: datetime
    method: str
    is_current: bool


@dataclass(frozen=True)
class SecondFactors:
    """What an account proves itself with beside its password."""

    has_application: bool = False
    passkeys: int = 0
    recovery_codes_left: int = 0

    @property
    def is_enough(self) -> bool:
        return self.has_application or self.passkeys > 0


@dataclass(frozen=True)
class ProviderLink:
    """The Pro Santé Connect identity that an account is tied to."""

    since: datetime
    last_used: datetime
    rpps: str


@dataclass(frozen=True)
class DemonstrationAccount:
    """An invented account, with its password in clear: in a demonstration only."""

    email: str
    password: str
    label: str
    account: Account

    @property
    def name(self) -> str:
        return self.label.partition(" — ")[0]

    @property
    def role(self) -> str:
        return self.label.partition(" — ")[2]


def sessions_of(*, account: Account, now: datetime, current_key: str | None) -> list[OpenSession]:
    """Return the account's open sessions (20 at most), this one first, then the latest."""
    rows = AccountSession.objects.filter(account=account, expire_date__gt=now).order_by(
        "-expire_date"
    )[:SESSIONS_SHOWN]
    found = []
    for row in rows:
        records = (
            SessionStore().decode(row.session_data).get(AUTHENTICATION_METHODS_SESSION_KEY, [])
        )
        opened_at = datetime.fromtimestamp(records[0]["at"], UTC) if records else None
        found.append(
            OpenSession(
                opened_at=opened_at,
                expires_at=row.expire_date,
                method=_method(records),
                is_current=row.session_key == current_key,
            )
        )
    return sorted(found, key=lambda session: not session.is_current)


def _method(records: list[dict[str, object]]) -> str:
    if any(record.get("provider") == PRO_SANTE_CONNECT for record in records):
        return METHOD_LABELS[PRO_SANTE_CONNECT]
    strong = next((record for record in records if record["method"] == "mfa"), None)
    if strong is None:
        return METHOD_LABELS["password"]
    if strong.get("passwordless"):
        return METHOD_LABELS["passwordless"]
    return METHOD_LABELS.get(str(strong.get("type")), "mot de passe et second facteur")


def second_factors(*, account: Account) -> SecondFactors:
    """Return what the account proves itself with, in one query."""
    application, passkeys, codes = False, 0, 0
    for authenticator in Authenticator.objects.filter(user_id=account.pk):
        if authenticator.type == Authenticator.Type.TOTP:
            application = True
        elif authenticator.type == Authenticator.Type.WEBAUTHN:
            passkeys += 1
        else:
            codes = len(authenticator.wrap().get_unused_codes())
    return SecondFactors(application, passkeys, codes)


def account_of_subject(subject: str) -> Account | None:
    """Return the open account that applications know by this name, or None."""
    try:
        named = UUID(subject)
    except ValueError:
        return None
    return Account.objects.filter(subject=named, is_active=True).first()


def provider_link(*, account: Account) -> ProviderLink | None:
    """Return the Pro Santé Connect identity that the account is tied to, if any."""
    row = SocialAccount.objects.filter(user_id=account.pk, provider=PRO_SANTE_CONNECT).first()
    if row is None:
        return None
    said = row.extra_data.get("userinfo", {}).get("SubjectNameID", "")
    return ProviderLink(since=row.date_joined, last_used=row.last_login, rpps=said[1:])


def pro_sante_connect_client() -> pro_sante_connect.Client | None:
    """Return how this house is known to Pro Santé Connect, or None when it is not."""
    said = settings.PRO_SANTE_CONNECT
    return pro_sante_connect.Client(**said) if said else None


def application_origins() -> list[str]:
    """Return the origins of the applications that one enters through this house's sign-in."""
    wanted = Client.objects.filter(grant_types__contains=Client.GrantType.AUTHORIZATION_CODE)
    found: dict[str, None] = {}
    for address in wanted.values_list("redirect_uris", flat=True)[:200]:
        parts = urlsplit(address.partition("\n")[0].strip())
        if parts.scheme and parts.netloc:
            found[f"{parts.scheme}://{parts.netloc}"] = None
    return list(found)


def demonstration_accounts() -> list[DemonstrationAccount]:
    """Return the accounts that a demonstration shows, in the order they were made; else none."""
    if not settings.DEMONSTRATION:
        return []
    return [
        DemonstrationAccount(
            email=account.email,
            password=DEMONSTRATION_PASSWORD,
            label=account.demonstration_label,
            account=account,
        )
        for account in Account.objects.exclude(demonstration_label="").order_by("pk")[:30]
    ]


def current_code(account: Account | None) -> str:
    """Return a code that a demonstration account can sign in with now, or an empty string."""
    if not settings.DEMONSTRATION or account is None or not account.demonstration_label:
        return ""
    authenticator = Authenticator.objects.filter(
        user_id=account.pk, type=Authenticator.Type.TOTP
    ).first()
    if authenticator is None:
        return ""
    key = decrypt(authenticator.data["secret"])
    earlier, *others = [
        format_hotp_value(hotp_value(key, counter)) for counter in yield_hotp_counters_from_time()
    ]
    # Two visitors may share the account in the same half-minute: each gets a code of their own.
    for code in (*others, earlier):
        if cache.get(used_code_key(account.pk, code)) is None:
            return code
    return others[0]
