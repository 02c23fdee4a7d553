"""Who opens a mailbox: its owner, the delegates of its owner, the members of its structure."""

from dataclasses import replace
from typing import TypeVar

from carbet.coordination.care_teams import queries as circles
from carbet.coordination.care_teams.access import NoSuchRecord
from carbet.core.actor import Actor, Level, internal, organization_key, role_key
from carbet.core.operation import UnableToAct
from carbet.interop.secure_mail.models import IncomingMail, Mailbox, OutgoingMail
from carbet.registries.directory.models import PractitionerRole
from carbet.registries.directory.rules import FIND_PATIENT, MANAGE_RIGHTS, READ_ACTIVITY

__all__ = [
    "FIND_PATIENT",
    "HOUSE",
    "MANAGE_RIGHTS",
    "READ_ACTIVITY",
    "NoSuchMail",
    "NoSuchRecord",
    "get_incoming",
    "get_mailbox",
    "get_outgoing",
    "may_hold",
    "owners",
    "reaches",
    "receiver",
]

HOUSE = internal("Messagerie sécurisée")
Held = TypeVar("Held", Mailbox, IncomingMail, OutgoingMail)


class NoSuchMail(NoSuchRecord):
    """There is none, or not for this actor."""


def get_mailbox(*, actor: Actor, mailbox_id: int) -> Mailbox:
    """Return a mailbox that the actor holds.

    Raises:
        NoSuchMail: there is none, or not for this actor.
    """
    return _owned(Mailbox, actor, mailbox_id)


def get_incoming(*, actor: Actor, mail_id: int) -> IncomingMail:
    """Return a mail that came to a mailbox of the actor.

    Raises:
        NoSuchMail: there is none, or not for this actor.
    """
    return _owned(IncomingMail, actor, mail_id)


def get_outgoing(*, actor: Actor, mail_id: int) -> OutgoingMail:
    """Return a mail sent from a mailbox of the actor.

    Raises:
        NoSuchMail: there is none, or not for this actor.
    """
    return _owned(OutgoingMail, actor, mail_id)


def owners(actor: Actor) -> tuple[str, ...]:
    """Return the keys under which the actor holds mailboxes."""
    return actor.grantees if actor.is_professional and actor.can(FIND_PATIENT) else ()


def may_hold(actor: Actor, owner: str) -> bool:
    """Tell whether the actor may declare a mailbox: their own, or their structure's as manager."""
    if actor.role_id is not None and owner == role_key(actor.role_id):
        return actor.can(FIND_PATIENT)
    return (
        actor.organization_id is not None
        and owner == organization_key(actor.organization_id)
        and actor.can(MANAGE_RIGHTS)
    )


def require_hold(actor: Actor, owner: str) -> None:
    """Refuse whoever may not declare this mailbox.

    Raises:
        UnableToAct: neither their own nor that of a structure whose rights they manage.
    """
    if not may_hold(actor, owner):
        raise UnableToAct("Seul un responsable de la structure déclare sa boîte.")


def receiver(mailbox: Mailbox) -> Actor:
    """Return the house acting because a mail came to this mailbox: the trace names it."""
    return replace(
        HOUSE,
        display_name=f"Messagerie sécurisée, {mailbox.address}"[:200],
        organization_id=mailbox.organization_id,
    )


def reaches(mailbox: Mailbox, *, patient_id: int) -> bool:
    """Tell whether the owner of a mailbox writes in a record; else nothing is filed by itself."""
    writing = set(circles.keys_of_level(patient_id=patient_id, level=Level.WRITE))
    if mailbox.owner in writing:
        return True
    if mailbox.practitioner_role_id is not None:
        role = PractitionerRole.objects.get(pk=mailbox.practitioner_role_id)
        return organization_key(role.organization_id) in writing
    roles = PractitionerRole.objects.filter(organization_id=mailbox.organization_id)
    return any(role_key(pk) in writing for pk in roles.values_list("pk", flat=True))


def _owned(model: type[Held], actor: Actor, pk: int) -> Held:
    row = model.objects.filter(pk=pk, owner__in=owners(actor)).first()
    if row is None:
        raise NoSuchMail
    return row
