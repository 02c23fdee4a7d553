"""A stand-in for Pro Santé Connect: an OpenID provider for demonstrations and tests only.

It follows the published behaviour (wallet-openid-configuration, `scope_all`, `eidas1`, PKCE,
`SubjectNameID`), lists invented professionals where the real one asks for a card or an e-CPS, and
says on its page that it is a stand-in. It keeps nothing: a restart forgets everything.
"""

import base64
import hashlib
import html
import json
import os
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

# The variable that holds what `main` serves.
DESCRIPTION = "CARBET_PSC_STAND_IN_DESCRIPTION"
CODE_SECONDS = 60
TOKEN_SECONDS = 120
MOST_KEPT = 1000
_LARGEST_BODY = 65_536


@dataclass(frozen=True)
class Holder:
    """An invented professional who holds an e-CPS here."""

    subject_name_id: str
    family: str
    given: str
    title: str


@dataclass
class StandIn:
    """The provider: whom it knows, which client it serves, and what a test asks it to get wrong.

    `faults` replaces claims of the token ("acr"), or names a way of cheating: "alg:none",
    "other_key", "unknown_kid", "userinfo_sub", "token_500", "shared_secret".
    """

    issuer: str
    client_id: str
    secret: str
    redirect_uris: tuple[str, ...]
    logout_uris: tuple[str, ...]
    holders: tuple[Holder, ...]
    faults: dict[str, Any] = field(default_factory=dict)
    logged_out: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = secrets.token_hex(4)
        self.codes: dict[str, tuple[float, dict[str, str], Holder]] = {}
        self.tokens: dict[str, tuple[float, Holder]] = {}
        self.lock = threading.Lock()

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/logout",
            "jwks_uri": f"{self.issuer}/certs",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["public"],
            "scopes_supported": ["openid", "scope_all"],
            "acr_values_supported": ["eidas1"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
        }

    def jwks(self) -> dict[str, Any]:
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [public | {"kid": self.kid, "use": "sig", "alg": "RS256"}]}

    def wrong(self, asked: dict[str, str]) -> str:
        """Say what is wrong with an authorization request, or nothing."""
        if asked.get("client_id") != self.client_id:
            return "client inconnu"
        if asked.get("redirect_uri") not in self.redirect_uris:
            return "adresse de retour inconnue"
        if asked.get("response_type") != "code":
            return "response_type doit valoir code"
        if not {"openid", "scope_all"} <= set(asked.get("scope", "").split()):
            return "les portées openid et scope_all sont attendues"
        if asked.get("acr_values") != "eidas1":
            return "acr_values doit valoir eidas1"
        if (
            asked.get("code_challenge_method") != "S256"
            or len(asked.get("code_challenge", "")) < 43
        ):
            return "PKCE S256 est attendu"
        if not asked.get("state") or not asked.get("nonce"):
            return "state et nonce sont attendus"
        return ""

    def choose(self, asked: dict[str, str], subject_name_id: str) -> str | None:
        """Return where the browser goes once someone is chosen, or None when nobody is."""
        holder = next((h for h in self.holders if h.subject_name_id == subject_name_id), None)
        if holder is None:
            return None
        code = secrets.token_urlsafe(24)
        with self.lock:
            _trim(self.codes)
            self.codes[code] = (time.time() + CODE_SECONDS, asked, holder)
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def exchange(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Return the answer of the token endpoint: a code serves once."""
        if "token_500" in self.faults:
            return 500, {"error": "server_error"}
        if not self._is_client(form, authorization):
            return 401, {"error": "invalid_client"}
        with self.lock:
            expires, asked, holder = self.codes.pop(form.get("code", ""), (0.0, {}, None))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            holder is None
            or expires < time.time()
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != asked["redirect_uri"]
            or challenge != asked["code_challenge"]
        ):
            return 400, {"error": "invalid_grant"}
        access_token = secrets.token_urlsafe(32)
        with self.lock:
            _trim(self.tokens)
            self.tokens[access_token] = (time.time() + TOKEN_SECONDS, holder)
        return 200, {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": "openid scope_all",
            "id_token": self._id_token(holder, asked["nonce"], access_token),
        }

    def userinfo(self, authorization: str) -> dict[str, Any] | None:
        """Return who holds the token, or None."""
        with self.lock:
            expires, holder = self.tokens.get(authorization.removeprefix("Bearer "), (0.0, None))
        if holder is None or expires < time.time():
            return None
        rpps = holder.subject_name_id[1:]
        said = {
            "sub": self._subject(holder),
            "SubjectNameID": holder.subject_name_id,
            "preferred_username": holder.subject_name_id,
            "family_name": holder.family.upper(),
            "given_name": holder.given,
            "Secteur_Activite": "SA07^1.2.250.1.71.4.2.4",
            "otherIds": [{"identifiant": rpps, "origine": "RPPS", "qualite": 1}],
            "UITVersion": "1.0",
        }
        if "userinfo_sub" in self.faults:
            said["sub"] = "someone-else"
        if "SubjectNameID" in self.faults:
            said["SubjectNameID"] = self.faults["SubjectNameID"]
        return {name: value for name, value in said.items() if value is not None}

    def log_out(self, asked: dict[str, str]) -> str | None:
        """End the session that the hint names; return where the browser goes, if anywhere."""
        try:
            claims = jwt.decode(
                asked.get("id_token_hint", ""),
                self.key.public_key(),
                algorithms=["RS256"],
                audience=self.client_id,
                options={"verify_exp": False},
            )
        except jwt.PyJWTError:
            return None
        self.logged_out.append(claims["sub"])
        back = asked.get("post_logout_redirect_uri", "")
        return back if back in self.logout_uris else None

    def _id_token(self, holder: Holder, nonce: str, access_token: str) -> str:
        now = int(time.time())
        digest = hashlib.sha256(access_token.encode()).digest()[:16]
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.client_id,
            "azp": self.client_id,
            "typ": "ID",
            "sub": self._subject(holder),
            "iat": now,
            "auth_time": now,
            "exp": now + TOKEN_SECONDS,
            "jti": secrets.token_hex(8),
            "nonce": nonce,
            "acr": "eidas1",
            "at_hash": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        }
        for name, value in self.faults.items():
            if name in {*claims, "amr"}:
                claims[name] = value
        claims = {name: value for name, value in claims.items() if value is not None}
        headers = {"kid": "unknown" if "unknown_kid" in self.faults else self.kid}
        if "alg:none" in self.faults:
            return jwt.encode(claims, None, algorithm="none", headers=headers)
        if "shared_secret" in self.faults:
            return jwt.encode(claims, self.secret * 2, algorithm="HS256", headers=headers)
        key = self.key
        if "other_key" in self.faults:
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return jwt.encode(claims, key, algorithm="RS256", headers=headers)

    def _subject(self, holder: Holder) -> str:
        return f"f:bouchon:{holder.subject_name_id}"

    def _is_client(self, form: dict[str, str], authorization: str) -> bool:
        said = form.get("client_id", ""), form.get("client_secret", "")
        if authorization.startswith("Basic "):
            try:
                text = base64.b64decode(authorization[6:]).decode()
            except ValueError:
                return False
            name, _, secret = text.partition(":")
            said = name, secret
        return said == (self.client_id, self.secret)


def _trim(kept: dict[str, Any]) -> None:
    """Forget the oldest: a stand-in holds little."""
    while len(kept) >= MOST_KEPT:
        kept.pop(next(iter(kept)))


_STYLE = """
:root { color-scheme: light dark; font: 100%/1.5 system-ui, sans-serif; }
body { margin: 0; display: grid; justify-items: center; padding: 2rem 1rem;
  background: light-dark(#f3f4f8, #14161d); color: light-dark(#1c2030, #e8eaf2); }
main { inline-size: min(34rem, 100%); }
.banner { padding: .75rem 1rem; border: 2px dashed light-dark(#8a3c00, #f0b070);
  border-radius: .5rem; background: light-dark(#fff4e8, #2b1e10);
  color: light-dark(#6e3000, #f5c490); }
ul { list-style: none; padding: 0; display: grid; gap: .5rem; }
button { inline-size: 100%; text-align: start; padding: .7rem 1rem; border-radius: .5rem;
  border: 1px solid light-dark(#767d94, #7f879f); background: light-dark(#fff, #1e2230);
  color: inherit; font: inherit; cursor: pointer; }
button:hover { background: light-dark(#eef1fb, #2a3044); }
button:focus-visible { outline: 3px solid light-dark(#1d3fbb, #9db4ff); outline-offset: 2px; }
small { display: block; color: light-dark(#4d556b, #b3bacd); }
"""


def _page(title: str, body: str) -> bytes:
    return (
        f'<!doctype html><html lang="fr"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main><h1>{title}</h1>"
        '<p class="banner"><strong>Ceci est un bouchon</strong>, pas le vrai Pro Santé Connect.'
        " Il sert aux démonstrations et aux essais : aucune carte n’est demandée, toutes les"
        f" personnes sont inventées.</p>{body}</main></body></html>"
    ).encode()


def _choice(holders: tuple[Holder, ...], query: str) -> bytes:
    rows = "".join(
        f'<li><button name="qui" value="{html.escape(holder.subject_name_id)}">'
        f"{html.escape(f'{holder.given} {holder.family}')}"
        f"<small>{html.escape(holder.title)}</small></button></li>"
        for holder in holders
    )
    return _page(
        "Pro Santé Connect (bouchon)",
        "<p>Qui êtes-vous ? Le vrai service vous demanderait votre carte CPS ou votre e-CPS.</p>"
        f'<form method="post" action="/auth?{html.escape(query)}"><ul>{rows}</ul>'
        '<button name="qui" value="">Annuler</button></form>',
    )


class _Handler(BaseHTTPRequestHandler):
    provider: StandIn
    protocol_version = "HTTP/1.1"
    server_version = "carbet-stand-in"
    sys_version = ""
    timeout = 20

    def do_GET(self) -> None:
        where = urlsplit(self.path)
        asked = dict(parse_qsl(where.query))
        if where.path in (
            "/.well-known/openid-configuration",
            "/.well-known/wallet-openid-configuration",
        ):
            self._json(200, self.provider.discovery())
        elif where.path == "/certs":
            self._json(200, self.provider.jwks())
        elif where.path == "/auth":
            wrong = self.provider.wrong(asked)
            if wrong:
                self._html(400, _page("Demande refusée", f"<p>Ce qui ne va pas : {wrong}.</p>"))
            else:
                self._html(200, _choice(self.provider.holders, where.query))
        elif where.path == "/userinfo":
            said = self.provider.userinfo(self.headers.get("Authorization", ""))
            self._json(200 if said else 401, said or {"error": "invalid_token"})
        elif where.path == "/logout":
            back = self.provider.log_out(asked)
            if back:
                self._go(back)
            else:
                self._html(200, _page("Session fermée", "<p>Vous pouvez fermer cet onglet.</p>"))
        else:
            self._html(404, _page("Page inconnue", ""))

    def do_POST(self) -> None:
        where = urlsplit(self.path)
        form = {name: values[-1] for name, values in parse_qs(self._body()).items()}
        if where.path == "/token":
            status, said = self.provider.exchange(form, self.headers.get("Authorization", ""))
            self._json(status, said)
        elif where.path == "/auth":
            asked = dict(parse_qsl(where.query))
            if self.provider.wrong(asked):
                self._html(400, _page("Demande refusée", ""))
                return
            cancelled = urlencode({"error": "access_denied", "state": asked["state"]})
            going = self.provider.choose(asked, form.get("qui", ""))
            self._go(going or f"{asked['redirect_uri']}?{cancelled}")
        else:
            self._html(404, _page("Page inconnue", ""))

    def log_message(self, *args: Any) -> None:
        """Write nothing: addresses carry codes."""

    def _body(self) -> str:
        length = self.headers.get("Content-Length", "0")
        size = int(length) if length.isdecimal() else 0
        if size > _LARGEST_BODY:
            self.close_connection = True
            return ""
        return self.rfile.read(size).decode("utf-8", "replace")

    def _go(self, address: str) -> None:
        self.send_response(303)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _html(self, status: int, page: bytes) -> None:
        self._send(status, "text/html; charset=utf-8", page)

    def _json(self, status: int, content: dict[str, Any]) -> None:
        self._send(status, "application/json", json.dumps(content).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)


def server(provider: StandIn, host: str, port: int) -> ThreadingHTTPServer:
    """Return a server for the provider, not yet serving; port 0 takes a free one."""
    handler = type("Handler", (_Handler,), {"provider": provider})
    made = ThreadingHTTPServer((host, port), handler)
    made.daemon_threads = True
    return made


def main() -> None:
    """Serve the provider that the environment describes in JSON, until stopped."""
    said = json.loads(os.environ[DESCRIPTION])
    provider = StandIn(
        issuer=said["issuer"],
        client_id=said["client_id"],
        secret=said["secret"],
        redirect_uris=tuple(said["redirect_uris"]),
        logout_uris=tuple(said["logout_uris"]),
        holders=tuple(Holder(**holder) for holder in said["holders"]),
    )
    server(provider, said["host"], said["port"]).serve_forever()


if __name__ == "__main__":
    main()
