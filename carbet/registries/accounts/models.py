"""Accounts that sign in, and their sessions."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.functions import RandomUUID
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Upper
from django.utils.module_loading import import_string

from carbet.core import row_security
from carbet.registries.accounts.choices import TIME_ZONES, AccountKind


class AccountQuerySet(BaseUserManager["Account"]):
    """Accounts, found by their address whatever its case."""

    def get_by_natural_key(self, username: str | None) -> "Account":
        return self.get(email__iexact=username)

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "Account":
        """Create an account; without a password it can only sign in by other means."""
        account = self.model(email=email.lower(), **fields)
        account.set_password(password)
        account.save(using=self._db)
        return account


class Account(AbstractBaseUser):
    """One row is someone who can sign in: a professional, a person cared for, a relative."""

    ROW_SECURITY = row_security.Open("read before any actor is known, by address or session only")

    email = models.EmailField(unique=True)
    # By what name regional applications know the account: says nothing, and never changes.
    subject = models.UUIDField(
        default=uuid.uuid4, db_default=RandomUUID(), unique=True, editable=False
    )
    kind = models.CharField(max_length=12, choices=AccountKind, default=AccountKind.PROFESSIONAL)
    family = models.CharField(max_length=100, blank=True)
    given = models.CharField(max_length=100, blank=True)
    is_operator = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # On which clock its owner reads and types hours.
    time_zone = models.CharField(
        max_length=40,
        choices=TIME_ZONES,
        default=TIME_ZONES[0][0],
        db_default=TIME_ZONES[0][0],
    )
    # Since when Pro Santé Connect no longer opens it, at its owner's wish, until tied again.
    provider_unlinked_at = models.DateTimeField(null=True)
    # What a demonstration shows of the account, password included; real accounts have none.
    demonstration_label = models.CharField(max_length=120, blank=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: list[str] = []
    objects = AccountQuerySet()

    class Meta:
        # Sign-in asks for the address whatever its case.
        indexes = [models.Index(Upper("email"), name="account_by_address")]

    def __str__(self) -> str:
        return f"{self.given} {self.family}".strip() or self.email

    @property
    def may_sign_in(self) -> bool:
        """Tell whether the account is open: a demonstration's opens in a demonstration only."""
        return self.is_active and (settings.DEMONSTRATION or not self.demonstration_label)


class AccountSession(AbstractBaseSession):
    """One row is one signed-in browser; knowing its account lets one sign out everywhere."""

    ROW_SECURITY = row_security.Open("found by an unguessable key before any actor is known")

    account = models.ForeignKey(Account, on_delete=models.CASCADE, null=True)

    @classmethod
    def get_session_store_class(cls) -> Any:
        return import_string("carbet.registries.accounts.sessions.SessionStore")
