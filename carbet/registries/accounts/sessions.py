"""Sessions in the database, read together with their account in one query."""

from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
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
