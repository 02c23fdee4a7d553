"""Declare a mailbox, change its password, close it; note how it answered."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction

from carbet.connectors import mssante
from carbet.core import row_security, sealing
from carbet.core.actor import Actor, for_house, organization_key, role_key
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation
from carbet.interop.secure_mail import access
from carbet.interop.secure_mail.models import Credential, Mailbox, MailboxState
from carbet.interop.secure_mail.operations.waking import collect_soon, watch_soon

_KIND = "secure mailbox"


class UnableToHold(UnableTo):
    """The mailbox cannot be declared as given."""


@operation("mailbox.declare", action="C")
def declare_mailbox(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    of_structure: bool,
    address: str,
    username: str,
    password: str,
    server: str,
    gesture: uuid.UUID,
) -> Mailbox:
    """Declare a mailbox of one's role or of one's structure; the same address again changes it.

    Args:
        server: the name of an operator of the settings; empty for the stand-in of a demonstration.

    Raises:
        UnableToAct: the structure's mailbox is not for this role to declare.
        UnableToHold: no key to seal the password, unknown operator, or somebody else's address.
    """
    owner = (
        organization_key(actor.organization_id or 0)
        if of_structure
        else role_key(actor.role_id or 0)
    )
    access.require_hold(actor, owner)
    address = address.strip().lower()
    if server not in mssante.servers() and not (server == "" and settings.DEMONSTRATION):
        raise UnableToHold("Choisissez un opérateur de la liste.", field="server")
    key = sealing.sealing_key()
    if server and not key:
        raise UnableToHold(
            "Le mot de passe ne peut pas être scellé : l’exploitant doit définir CARBET_FILE_KEYS.",
            field="password",
        )
    row = Mailbox.objects.select_for_update().filter(address=address, active=True).first()
    if row is not None and row.owner != owner:
        raise UnableToHold("Cette adresse est déjà déclarée.", field="address")
    if server and not password and row is None:
        raise UnableToHold("Indiquez le mot de passe de la boîte.", field="password")
    if row is None:
        row = Mailbox(
            owner=owner,
            organization_id=actor.organization_id if of_structure else None,
            practitioner_role_id=None if of_structure else actor.role_id,
            address=address,
            gesture=gesture,
        )
    row.username, row.server = username.strip() or address, server
    row.updated_at, row.updated_by_name = now, actor.display_name
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        known = Mailbox.objects.filter(gesture=gesture, owner=owner).first()
        if known is None:
            raise UnableToHold("Cette adresse est déjà déclarée.", field="address") from error
        trace.about(entity=known, reason="déjà déclarée")
        return known
    with row_security.acting_as(for_house(actor), now=now, operation="mailbox.declare"):
        if server and password:
            _seal(row, password, key=key, now=now)
        MailboxState.objects.update_or_create(mailbox=row, defaults={"owner": owner, "problem": ""})
        collect_soon(row.pk)
        watch_soon()
    trace.about(entity=row)
    return row


@operation("mailbox.close")
def close_mailbox(trace: Trace, *, actor: Actor, now: datetime, mailbox: Mailbox) -> None:
    """Stop looking into a mailbox; its mails stay, its password is forgotten.

    Raises:
        UnableToAct: it is not for this role to close.
    """
    access.require_hold(actor, mailbox.owner)
    row = Mailbox.objects.select_for_update().get(pk=mailbox.pk)
    row.active, row.updated_at, row.updated_by_name = False, now, actor.display_name
    row.save(update_fields=["active", "updated_at", "updated_by_name"])
    with row_security.acting_as(for_house(actor), now=now, operation="mailbox.close"):
        Credential.objects.filter(mailbox=row).update(data=b"", sealed_with=0)
        watch_soon()
    trace.about(entity=row)


@operation("mailbox.state")
def note_state(
    trace: Trace, *, actor: Actor, now: datetime, mailbox: Mailbox, problem: str = ""
) -> None:
    """Write down that a mailbox was looked into, or why it could not be."""
    state, _ = MailboxState.objects.get_or_create(
        mailbox=mailbox, defaults={"owner": mailbox.owner}
    )
    state.problem = problem[:300]
    if not problem:
        state.collected_at = now
    state.save()
    trace.about(entity=mailbox, reason=problem[:300])


def account_of(mailbox: Mailbox) -> mssante.Account:
    """Return how to open a mailbox; for the house only.

    Raises:
        mssante.NotConnected: the operator is no longer in the settings, or no password is kept.
    """
    server = mssante.servers().get(mailbox.server)
    held = Credential.objects.filter(mailbox=mailbox, sealed_with__gt=0).first()
    if server is None or held is None:
        raise mssante.NotConnected("opérateur ou mot de passe absent : déclarez à nouveau la boîte")
    opened = sealing.opened(
        bytes(held.data), key=held.sealed_with, file_id=mailbox.pk, rank=0, kind=_KIND
    )
    return mssante.Account(mailbox.address, mailbox.username, server, opened.decode())


def _seal(row: Mailbox, password: str, *, key: int, now: datetime) -> None:
    data = sealing.sealed(password.encode(), key=key, file_id=row.pk, rank=0, kind=_KIND)
    Credential.objects.update_or_create(
        mailbox=row, defaults={"data": data, "sealed_with": key, "recorded_at": now}
    )
