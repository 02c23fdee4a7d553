"""Regional applications that professionals enter through Carbet: let in, closed, entered."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from allauth.idp.oidc.models import Client, Token
from django.conf import settings

from carbet.core import outbox
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.models import AuditEvent
from carbet.core.operation import UnableTo, operation
from carbet.registries.accounts.models import Account
from carbet.registries.rights import access, queries
from carbet.registries.rights.models import Application, Entry

SCOPES = ("openid", "profile", "professional")


class UnableToRegisterApplication(UnableTo):
    """The application cannot be let in so."""


@dataclass(frozen=True)
class NewApplication:
    """An application, with its secret, which is kept nowhere else."""

    application: Application
    secret: str


@operation("application.register", action="C")
def register_application(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    name: str,
    address: str,
    redirect_uri: str,
    confirms: bool = True,
    logout_uri: str = "",
) -> NewApplication:
    """Let a regional application sign professionals in: authorization code with PKCE, nothing else.

    Args:
        redirect_uri: where codes are sent, to the letter.
        confirms: a professional is asked at each entry; else they are led straight in.
        logout_uri: where the application is told that somebody left; it closes their session.

    Raises:
        UnableToRegisterApplication: not for this actor, or an address that is not secure.
    """
    if not access.manages_all(actor):
        raise UnableToRegisterApplication("La région seule déclare une application.")
    addresses = {"address": address, "redirect_uri": redirect_uri, "logout_uri": logout_uri}
    for field, said in addresses.items():
        if (said or field != "logout_uri") and not _is_safe(said):
            raise UnableToRegisterApplication(
                "L’adresse doit commencer par https:// et ne porter ni « * », ni « # ».",
                field=field,
            )
    secret = secrets.token_urlsafe(32)
    client = Client(
        name=name,
        type=Client.Type.CONFIDENTIAL,
        grant_types=Client.GrantType.AUTHORIZATION_CODE,
        response_types=Client.ResponseType.CODE,
        redirect_uris=redirect_uri,
        scopes="\n".join(SCOPES),
        default_scopes="openid",
        skip_consent=not confirms,
        created_at=now,
    )
    client.set_secret(secret)
    client.set_post_logout_redirect_uris([address])
    client.save(force_insert=True)
    application = Application.objects.create(
        client_id=client.pk,
        name=name,
        address=address,
        redirect_uri=redirect_uri,
        logout_uri=logout_uri,
        registered_at=now,
        registered_by_name=actor.display_name,
    )
    trace.about(entity=application, reason=name)
    return NewApplication(application, secret)


@operation("application.close", action="D")
def close_application(
    trace: Trace, *, actor: Actor, now: datetime, application_id: int
) -> Application:
    """Close an application: its key and all that it was given are worth nothing from now on.

    Raises:
        UnableToRegisterApplication: not for this actor, or closed already.
    """
    if not access.manages_all(actor):
        raise UnableToRegisterApplication("La région seule ferme une application.")
    held = (
        Application.objects.select_for_update()
        .filter(pk=application_id, closed_at__isnull=True)
        .first()
    )
    if held is None:
        raise UnableToRegisterApplication("Cette application est déjà fermée.")
    held.closed_at = now
    held.save(update_fields=["closed_at"])
    # Codes, tokens and sessions given to it go with its key.
    Client.objects.filter(pk=held.client_id).delete()
    trace.about(entity=held, reason=held.name)
    return held


@operation("application.enter", action="E")
def enter_application(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    client_id: str,
    refused: str = "",
    subject: str = "",
) -> None:
    """Trace that someone was led into an application, or was refused and why.

    Args:
        subject: under which name the application knows them.
    """
    application = queries.application_of(client_id=client_id)
    if application is not None and application.logout_uri and not refused:
        Entry.objects.update_or_create(
            application=application,
            account_id=actor.account_id,
            defaults={"entered_at": now, "subject": subject},
        )
    trace.about(
        entity=application or "Application",
        reason=refused,
        outcome=AuditEvent.Outcome.REFUSED if refused else AuditEvent.Outcome.SUCCESS,
    )


@operation("application.leave", action="E")
def leave_applications(trace: Trace, *, actor: Actor, now: datetime, account: Account) -> int:
    """Take back what applications hold of an account, and tell those that asked. Return how many.

    Whoever leaves Carbet, or is closed out of it, is out of them too.
    """
    Token.objects.filter(user=account).delete()
    entries = Entry.objects.select_for_update(of=("self",)).select_related("application")
    told = 0
    for entry in entries.filter(account=account).order_by("pk"):
        if entry.application.closed_at is None:
            outbox.send(
                "rights.logout",
                {
                    "application": entry.application_id,
                    "account": account.pk,
                    "subject": entry.subject,
                },
                idempotency_key=f"rights.logout:{entry.pk}:{entry.entered_at.isoformat()}",
                now=now,
            )
            told += 1
        entry.delete()
    trace.about(entity=account, reason=f"{told} applications")
    return told


@operation("application.code.steal", action="E")
def take_back_stolen(trace: Trace, *, actor: Actor, now: datetime, token_hash: str) -> None:
    """Take back the token that a code gave, since somebody brought that code a second time."""
    token = Token.objects.filter(type=Token.Type.ACCESS_TOKEN, hash=token_hash).first()
    application = queries.application_of(client_id=token.client_id) if token else None
    if token is not None:
        token.delete()
    trace.about(entity=application or "Application", outcome=AuditEvent.Outcome.REFUSED)


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    if "*" in address or parts.fragment or not parts.hostname or parts.username:
        return False
    # A demonstration, and tests, run on one machine.
    local = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1")
    return parts.scheme == "https" or (local and settings.DEMONSTRATION)
