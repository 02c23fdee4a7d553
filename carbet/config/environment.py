"""Read the environment: where state lives, which database answers, which secrets are held."""

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

APPLICATION_ROLE = "carbet_app"
OWNER_ROLE = "carbet_owner"


def flag(name: str) -> bool:
    """Tell whether the variable is set to something other than 0, no or false."""
    return os.environ.get(name, "").lower() not in ("", "0", "no", "false")


def words(name: str, default: str) -> list[str]:
    """Return the words of the variable, separated by spaces or commas."""
    return os.environ.get(name, default).replace(",", " ").split()


def state_dir() -> Path:
    """Return the folder that holds the embedded database, the secrets and the collected files."""
    default = Path(__file__).resolve().parent.parent.parent / "var"
    return Path(os.environ.get("CARBET_STATE_DIR", default))


def secret(variable: str, name: str) -> str:
    """Return the secret from the environment, else from the state folder, made on first use."""
    if value := os.environ.get(variable):
        return value
    return _kept(name, lambda: secrets.token_urlsafe(48))


def private_key() -> str:
    """Return the PEM of the key that signs OpenID Connect tokens, made on first use (RSA 2048)."""
    if value := os.environ.get("CARBET_OIDC_PRIVATE_KEY"):
        return value
    return _kept("oidc_private_key.pem", _new_private_key)


def push_key() -> str:
    """Return the PEM of the key that signs web push (VAPID, P-256), made on first use."""
    if value := os.environ.get("CARBET_PUSH_PRIVATE_KEY"):
        return value
    return _kept("push_private_key.pem", _new_push_key)


def _new_push_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


def minutes(name: str, default: str) -> tuple[float, ...]:
    """Return the durations, in minutes, that the variable holds."""
    return tuple(float(word) for word in words(name, default))


def secure_mailbox() -> dict[str, str]:
    """Return the secure mailbox of the house itself, or nothing while it has none."""
    address = os.environ.get("CARBET_MSS_ADDRESS", "")
    if not address:
        return {}
    return {
        "address": address,
        "username": os.environ.get("CARBET_MSS_USER", address),
        "password": os.environ.get("CARBET_MSS_PASSWORD", ""),
        "server": os.environ.get("CARBET_MSS_SERVER", ""),
    }


def pro_sante_connect() -> dict[str, Any] | None:
    """Return how this house is known to Pro Santé Connect, or None while it is not registered."""
    issuer = os.environ.get("CARBET_PSC_ISSUER", "").rstrip("/")
    client_id = os.environ.get("CARBET_PSC_CLIENT_ID", "")
    if not issuer or not client_id:
        return None
    well_known = f"{issuer}/.well-known/wallet-openid-configuration"
    return {
        "issuer": issuer,
        "discovery": os.environ.get("CARBET_PSC_DISCOVERY", well_known),
        "client_id": client_id,
        "secret": os.environ.get("CARBET_PSC_CLIENT_SECRET", ""),
        "stand_in": flag("CARBET_PSC_STAND_IN"),
    }


def pro_sante_connect_origins() -> list[str]:
    """Return the origins at which a session of Pro Santé Connect ends."""
    client = pro_sante_connect()
    issuer = urlsplit(client["issuer"] if client else "")
    origin = [f"{issuer.scheme}://{issuer.netloc}"] if client else []
    return origin + words("CARBET_PSC_ORIGINS", "")


def _new_private_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _kept(name: str, make: Any) -> str:
    folder = state_dir() / "secrets"
    path = folder / name
    if path.exists():
        return path.read_text()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    value = str(make())
    # Exclusive creation: two processes that start together must agree on one secret.
    try:
        with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(value)
    except FileExistsError:
        return path.read_text()
    return value


def database(role: str) -> dict[str, Any]:
    """Return Django's database settings for "application" or "owner".

    `DATABASE_URL` is the owner's address (it migrates); the application connects to the same
    database as `carbet_app`, or at `DATABASE_APP_URL` when it is set. Without either, both point to
    the embedded server's socket in the state folder.
    """
    owner_url = os.environ.get("DATABASE_URL")
    url = os.environ.get("DATABASE_APP_URL") if role == "application" else owner_url
    if url:
        settings = _from_url(url)
    elif owner_url:
        settings = _from_url(owner_url) | {
            "USER": APPLICATION_ROLE,
            "PASSWORD": secret("CARBET_APP_PASSWORD", "database_app_password"),
        }
    else:
        settings = {
            "NAME": "carbet",
            "USER": APPLICATION_ROLE if role == "application" else OWNER_ROLE,
            "PASSWORD": "",
            "HOST": str(socket_dir()),
            "PORT": "5432",
        }
    settings["OPTIONS"] = settings.get("OPTIONS", {}) | {
        "application_name": f"carbet-{role}",
        "options": "-c statement_timeout=30s -c idle_in_transaction_session_timeout=60s"
        if role == "application"
        else "",
    }
    if role == "application":
        # Row security makes a statement longer to plan than to run: a session plans it once.
        settings["OPTIONS"] |= {"server_side_binding": True, "prepare_threshold": 3}
    return settings | {
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 600 if role == "application" else 0,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
        "TEST": {},
        "TIME_ZONE": None,
        "AUTOCOMMIT": True,
    }


def socket_dir() -> Path:
    """Return the folder of the embedded server's socket: short, a path is cut at 107 bytes."""
    default = state_dir() / "run"
    if len(str(default)) > 80:
        import hashlib

        digest = hashlib.sha256(str(state_dir()).encode()).hexdigest()[:12]
        default = Path("/tmp") / f"carbet-{digest}"  # noqa: S108 - made 0700, refused if not ours
    return Path(os.environ.get("CARBET_SOCKET_DIR", default))


def _from_url(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    return {
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", None) or unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": query,
    }
