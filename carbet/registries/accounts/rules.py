"""What is true of accounts, without asking anything: keys, names, the demonstration's password."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

# Public by design: it opens accounts that a demonstration shows, and nothing outside of one.
DEMONSTRATION_PASSWORD = "bienvenue-au-carbet"  # noqa: S105

# The one outside provider of identities: a card or an e-CPS is two factors.
PRO_SANTE_CONNECT = "psc"
# Where a session keeps what ends the provider's session with it.
PROVIDER_SESSION = "pro_sante_connect"


def is_strong(methods: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether a session was opened with two factors: a code, a passkey, a card or an e-CPS."""
    return any(method.get("method") == "mfa" or _is_card(method) for method in methods)


def is_by_card(methods: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether a session was opened by Pro Santé Connect."""
    return any(_is_card(method) for method in methods)


def _is_card(method: Mapping[str, Any]) -> bool:
    return method.get("method") == "socialaccount" and method.get("provider") == PRO_SANTE_CONNECT


# How each way of proving oneself is called in RFC 8176.
_METHOD_NAMES = {
    "password": "pwd",
    "totp": "otp",
    "recovery_codes": "otp",
    "webauthn": "hwk",
    PRO_SANTE_CONNECT: "sc",
}


def authentication_methods(records: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return when and how a session was opened, as OpenID Connect says it: auth_time and amr."""
    methods: dict[str, None] = {}
    opened = [int(record["at"]) for record in records if record.get("at")]
    for record in records:
        said = record.get("provider") or record.get("type") or record.get("method")
        if name := _METHOD_NAMES.get(str(said)):
            methods[name] = None
    found: dict[str, Any] = {"amr": list(methods)} if methods else {}
    return found | ({"auth_time": max(opened)} if opened else {})


def used_code_key(account_id: int, code: str) -> str:
    """Return the cache key under which a one-time code is remembered as used."""
    return f"accounts.used_code:{account_id}:{code}"


def demonstration_seed(email: str, *, secret_key: str) -> str:
    """Return the base 32 seed of a demonstration account's codes: the same at every load."""
    digest = hmac.new(secret_key.encode(), f"demonstration:{email}".encode(), hashlib.sha256)
    return base64.b32encode(digest.digest()[:20]).decode()


def address_digest(address: str, *, secret_key: str) -> str:
    """Return what a trace keeps of an address that no account has: enough to count, not to read."""
    message = f"address:{address.strip().lower()}".encode()
    return hmac.new(secret_key.encode(), message, hashlib.sha256).hexdigest()[:16]
