"""Sessions in the database, read together with their account in one query; what an ended one left.

A form sent after one's session has ended is not lost: it is sealed, and the key is kept by the
browser that sent it only. Whoever signs in again there, with the same account, finds it.
"""

import json
import secrets
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.core.cache import cache
from django.http import HttpRequest
from django.utils import timezone

from carbet.registries.accounts.models import Account, AccountSession


class SessionStore(DatabaseSessionStore):
    """A session that knows whose it is."""

    account: Account | None = None

    @classmethod
    def get_model_class(cls) -> type[AccountSession]:
        return AccountSession

    def load(self) -> dict[str, Any]:
        row = (
            AccountSession.objects.select_related("account")
            .filter(session_key=self.session_key, expire_date__gt=timezone.now())
            .first()
        )
        if row is None:
            self._session_key = None
            return {}
        self.account = row.account
        return self.decode(row.session_data)

    def create_model_instance(self, data: dict[str, Any]) -> AccountSession:
        row = super().create_model_instance(data)
        account_id = data.get("_auth_user_id")
        row.account_id = int(account_id) if account_id else None
        return row


LEFT_COOKIE = "carbet_reprise"
LEFT_SECONDS = 3600
_LARGEST = 64 * 1024


@dataclass(frozen=True)
class Left:
    """A form that was sent once its session had ended: where to, and what it said."""

    path: str
    fields: tuple[tuple[str, str], ...]
    had_files: bool


def keep_left(request: HttpRequest, *, cookie_name: str) -> str:
    """Seal the form of a request whose session has ended; return what its browser must keep.

    An empty string: no session ended here, or the form is too long, or asks for a secret.
    """
    row = AccountSession.objects.filter(session_key=request.COOKIES.get(cookie_name, "")).first()
    if row is None or row.account_id is None:
        return ""
    fields = [
        (name, value)
        for name, values in request.POST.lists()
        for value in values
        if name != "csrfmiddlewaretoken"
    ]
    if not fields or any("password" in name for name, _ in fields):
        return ""
    said = {
        "account": row.account_id,
        "path": request.path,
        "fields": fields,
        "files": bool(request.FILES),
    }
    text = json.dumps(said).encode()
    if len(text) > _LARGEST:
        return ""
    key, number = Fernet.generate_key(), secrets.token_urlsafe(16)
    cache.set(_place(number), Fernet(key).encrypt(text).decode(), LEFT_SECONDS)
    return f"{number}.{key.decode()}"


def find_left(kept: str, *, account_id: int) -> Left | None:
    """Return the form that a browser kept, when it is of this account; else None."""
    number, _, key = kept.partition(".")
    sealed = cache.get(_place(number)) if number and key else None
    if sealed is None:
        return None
    try:
        said = json.loads(Fernet(key.encode()).decrypt(sealed.encode(), ttl=LEFT_SECONDS))
    except (InvalidToken, ValueError):
        return None
    if said["account"] != account_id:
        return None
    fields = tuple((name, value) for name, value in said["fields"])
    return Left(path=said["path"], fields=fields, had_files=said["files"])


def forget_left(kept: str) -> None:
    """Forget a form that was sent again, or given up."""
    cache.delete(_place(kept.partition(".")[0]))


def _place(number: str) -> str:
    return f"accounts.left:{number[:40]}"
