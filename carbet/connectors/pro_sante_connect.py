"""Pro Santé Connect: what we ask of the national identity provider, and what we accept from it.

The sign-in library carries the messages; the judgement is here, with neither database nor network.
Each answer is held against OpenID Connect Core 1.0 §3.1.3.7 and the requirements of Pro Santé
Connect: signature, issuer, audience, expiry, nonce, level (`acr_values=eidas1`), one subject.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from carbet.core.identifiers import rpps_from_idnps

SCOPES = ("openid", "scope_all")
ASKED_LEVEL = "eidas1"
# From the weakest accepted; an answer below what was asked is refused.
LEVELS = ("eidas1", "eidas2", "eidas3")
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384")
LEEWAY = timedelta(seconds=30)
OLDEST = timedelta(minutes=10)
_WEAK_METHODS = frozenset({"pwd", "sms", "mail", "kba", "none"})
_LONGEST_TOKEN = 32_768


@dataclass(frozen=True)
class Client:
    """How this house is known to Pro Santé Connect. A stand-in says that it is one."""

    issuer: str
    discovery: str
    client_id: str
    secret: str
    stand_in: bool = False


@dataclass(frozen=True)
class Identity:
    """The professional whom Pro Santé Connect proved, and how."""

    subject: str
    rpps: str
    family: str
    given: str
    level: str
    methods: tuple[str, ...]
    authenticated_at: datetime | None


class Refused(Exception):
    """The answer is not accepted. `code` is for the trace, the message for the professional."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


_ALTERED = (
    "La réponse reçue ne porte pas les preuves attendues. Rien n’a été ouvert. Recommencez depuis"
    " la page de connexion ; si cela se répète, prévenez l’exploitant de Carbet."
)
_WEAK = (
    "Votre connexion à Pro Santé Connect n’a pas le niveau demandé (carte CPS ou application"
    " e-CPS). Recommencez avec votre carte ou votre e-CPS."
)
_NO_RPPS = (
    "Votre identité Pro Santé Connect ne porte pas de numéro RPPS. Connectez-vous avec l’adresse et"
    " le mot de passe de votre compte Carbet."
)


def question(*, nonce: str) -> dict[str, str]:
    """Return what the authorization request says beyond the library's own parameters."""
    return {"acr_values": ASKED_LEVEL, "nonce": nonce}


def check_discovery(document: Any, *, client: Client) -> dict[str, Any]:
    """Return the provider's published configuration, once it is the expected one.

    Raises:
        Refused: another issuer, or an address is missing.
    """
    wanted = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
    if not isinstance(document, dict) or any(
        not isinstance(document.get(name), str) for name in wanted
    ):
        raise Refused("discovery", _ALTERED)
    if document.get("issuer") != client.issuer:
        raise Refused("issuer", _ALTERED)
    return document


def identify(
    *,
    id_token: Any,
    access_token: str,
    userinfo: Any,
    keys: Any,
    client: Client,
    nonce: str,
    now: datetime,
) -> Identity:
    """Return who signed in, once every proof holds.

    Args:
        keys: the JWKS document of the provider.
        nonce: what was sent with the question that this answers.

    Raises:
        Refused: something does not hold; the code says what.
    """
    claims = _signed(id_token, keys)
    _check_claims(claims, client=client, nonce=nonce, now=now)
    _check_access_token(claims, id_token, access_token)
    level, methods = _check_strength(claims)
    if not isinstance(userinfo, dict) or userinfo.get("sub") != claims["sub"]:
        raise Refused("subject", _ALTERED)
    return Identity(
        subject=claims["sub"],
        rpps=_rpps(userinfo, claims),
        family=_text(userinfo, "family_name"),
        given=_text(userinfo, "given_name"),
        level=level,
        methods=methods,
        authenticated_at=_moment(claims.get("auth_time")),
    )


def logout_address(*, end_session: str, id_token: str, client: Client, back: str) -> str:
    """Return where the browser goes so that the session at the provider ends too."""
    from urllib.parse import urlencode

    query = {
        "id_token_hint": id_token,
        "post_logout_redirect_uri": back,
        "client_id": client.client_id,
    }
    return f"{end_session}{'&' if '?' in end_session else '?'}{urlencode(query)}"


def knows_key(keys: Any, id_token: Any) -> bool:
    """Tell whether the JWKS document holds the key that signed the token: else fetch it again."""
    try:
        kid = jwt.get_unverified_header(id_token).get("kid")
    except (jwt.PyJWTError, TypeError):
        return True
    return _key(keys, kid) is not None


def _signed(id_token: Any, keys: Any) -> dict[str, Any]:
    """Return the claims of the token once its signature holds, under an asymmetric algorithm."""
    if not isinstance(id_token, str) or len(id_token) > _LONGEST_TOKEN:
        raise Refused("id_token", _ALTERED)
    try:
        header = jwt.get_unverified_header(id_token)
        algorithm = header.get("alg")
        key = _key(keys, header.get("kid"))
        if algorithm not in ALGORITHMS or key is None:
            raise Refused("key", _ALTERED)
        # A key that names its algorithm serves that one only.
        if key.get("alg", algorithm) != algorithm:
            raise Refused("key", _ALTERED)
        claims: dict[str, Any] = jwt.decode(
            id_token,
            key=jwt.PyJWK(key, algorithm=algorithm),
            algorithms=[algorithm],
            # Claims are judged below, against our own clock.
            options={
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "verify_aud": False,
                "verify_iss": False,
                "verify_sub": False,
                "verify_jti": False,
            },
        )
    except (jwt.PyJWTError, TypeError, ValueError) as error:
        raise Refused("signature", _ALTERED) from error
    return claims


def _key(keys: Any, kid: Any) -> dict[str, Any] | None:
    listed = keys.get("keys") if isinstance(keys, dict) else None
    if not isinstance(listed, list) or not isinstance(kid, str):
        return None
    for key in listed:
        if isinstance(key, dict) and key.get("kid") == kid and key.get("use", "sig") == "sig":
            # A shared secret published as a key would let anyone sign.
            return key if key.get("kty") in ("RSA", "EC") else None
    return None


def _check_claims(claims: Mapping[str, Any], *, client: Client, nonce: str, now: datetime) -> None:
    if claims.get("iss") != client.issuer:
        raise Refused("issuer", _ALTERED)
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    party = claims.get("azp")
    if client.client_id not in audiences or (len(audiences) > 1 and party is None):
        raise Refused("audience", _ALTERED)
    if party is not None and party != client.client_id:
        raise Refused("audience", _ALTERED)
    expires, issued = _moment(claims.get("exp")), _moment(claims.get("iat"))
    if expires is None or issued is None:
        raise Refused("moments", _ALTERED)
    if expires <= now - LEEWAY:
        raise Refused("expired", _ALTERED)
    if issued > now + LEEWAY or issued < now - OLDEST:
        raise Refused("moments", _ALTERED)
    not_before = _moment(claims.get("nbf"))
    if not_before is not None and not_before > now + LEEWAY:
        raise Refused("moments", _ALTERED)
    said = claims.get("nonce")
    if (
        not nonce
        or not isinstance(said, str)
        or not hmac.compare_digest(said.encode(), nonce.encode())
    ):
        raise Refused("nonce", _ALTERED)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 191:
        raise Refused("subject", _ALTERED)


def _check_access_token(claims: Mapping[str, Any], id_token: str, access_token: str) -> None:
    """Hold the access token against its digest, where the provider gives one (§3.1.3.6)."""
    said = claims.get("at_hash")
    if said is None:
        return
    size = jwt.get_unverified_header(id_token)["alg"][-3:]
    digest = hashlib.new(f"sha{size}", access_token.encode()).digest()
    expected = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(), expected.encode()):
        raise Refused("access_token", _ALTERED)


def _check_strength(claims: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    level = claims.get("acr")
    if level not in LEVELS:
        raise Refused("level", _WEAK)
    methods = claims.get("amr")
    if methods is None:
        return level, ()
    if not isinstance(methods, list) or not all(isinstance(each, str) for each in methods):
        raise Refused("methods", _ALTERED)
    # A list that names only what one knows or receives is no second factor.
    if not set(methods) - _WEAK_METHODS:
        raise Refused("methods", _WEAK)
    return level, tuple(methods[:8])


def _rpps(userinfo: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """Return the RPPS of `SubjectNameID` (IDNPS), said once or said the same."""
    said = [source["SubjectNameID"] for source in (userinfo, claims) if "SubjectNameID" in source]
    identifier = said[0] if said else None
    if not isinstance(identifier, str):
        raise Refused("subject_name_id", _NO_RPPS)
    if any(other != identifier for other in said):
        raise Refused("subject", _ALTERED)
    try:
        return rpps_from_idnps(identifier)
    except ValueError as error:
        raise Refused("subject_name_id", _NO_RPPS) from error


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value[:100] if isinstance(value, str) else ""


def _moment(value: Any) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        return None
