"""Who may come to the quality cell's desk, and who speaks for a domain."""

from datetime import datetime

from django.db.models import Q, QuerySet
from django.http import Http404

from carbet.core import audit
from carbet.core.actor import INTERNAL, SYSTEM, Actor
from carbet.core.operation import UnableToAct
from carbet.registries.directory.rules import MANAGE_IDENTITIES
from carbet.registries.identity.models import (
    DomainNotice,
    IdentityDomain,
    LocalIdentity,
    Pair,
    Reconciliation,
)

# Those merged into a person, for whoever reads the record that stayed: its own trace and theirs.
# One more column of a record entered (`patients.access.get_patient`): those merged into it, of
# which some rows stay where they were. Empty for whoever does not read this one.
ABSORBED = {"absorbed": "ARRAY(SELECT identity_absorbed(p.id))"}


class NoSuchIdentity(Http404):
    """There is none, or not for this actor."""


def is_cell(actor: Actor) -> bool:
    """Tell whether the actor works in the identity cell."""
    return actor.can(MANAGE_IDENTITIES)


def check_cell(actor: Actor) -> None:
    """Let only the identity cell decide.

    Raises:
        UnableToAct: it is somebody else.
    """
    if not is_cell(actor):
        raise UnableToAct("La cellule d’identitovigilance seule décide d’une identité.")


def check_domain(actor: Actor, domain: IdentityDomain) -> None:
    """Let the domain's own systems, the cell and the house speak of its numbers.

    Raises:
        UnableToAct: it is somebody else.
    """
    own = actor.kind == SYSTEM and actor.organization_id == domain.organization_id is not None
    if not (own or actor.kind == INTERNAL or is_cell(actor)):
        raise UnableToAct("Ce domaine d’identité n’est pas le vôtre.")


def get_pair(*, actor: Actor, pair_id: int, now: datetime) -> Pair:
    """Return what waits, or was decided, with both identities; the reading is traced.

    Raises:
        NoSuchIdentity: there is none for this actor.
    """
    found = (
        Pair.objects.select_related("first__domain", "second__domain", "reconciliation")
        .filter(pk=pair_id)
        .first()
    )
    if found is None or not is_cell(actor):
        audit.read(actor, "identity.compare", now=now, patient_id=None, refused=True)
        raise NoSuchIdentity
    for identity in filter(None, (found.first, found.second)):
        audit.read(
            actor, "identity.compare", now=now, patient_id=identity.patient_id, entity=identity
        )
    return found


def get_identity(*, actor: Actor, identity_id: int, now: datetime) -> LocalIdentity:
    """Return an identity that the actor may see: the cell, or its domain; traced.

    Raises:
        NoSuchIdentity: there is none for this actor.
    """
    found = LocalIdentity.objects.select_related("domain").filter(pk=identity_id).first()
    if found is None:
        audit.read(actor, "identity.read", now=now, patient_id=None, refused=True)
        raise NoSuchIdentity
    audit.read(actor, "identity.read", now=now, patient_id=found.patient_id, entity=found)
    return found


def get_group(*, actor: Actor, identity_id: int, now: datetime) -> list[LocalIdentity]:
    """Return an identity that the actor may see, then those of the same person, in use first.

    In one statement, 50 others at most; the reading is traced.

    Raises:
        NoSuchIdentity: there is none for this actor.
    """
    asked = LocalIdentity.objects.filter(pk=identity_id).values("regional_id")
    found = list(
        LocalIdentity.objects.filter(regional_id__in=asked)
        .select_related("domain")
        .annotate(other=~Q(pk=identity_id))
        .order_by("other", "state", "domain__name", "pk")[:51]
    )
    if not found or found[0].pk != identity_id:
        audit.read(actor, "identity.read", now=now, patient_id=None, refused=True)
        raise NoSuchIdentity
    audit.read(actor, "identity.read", now=now, patient_id=found[0].patient_id, entity=found[0])
    return found


def get_reconciliation(*, actor: Actor, reconciliation_id: int, now: datetime) -> Reconciliation:
    """Return a decision; reading the identities that it moved is traced.

    Raises:
        NoSuchIdentity: there is none for this actor.
    """
    found = (
        Reconciliation.objects.select_related("first__domain", "second__domain")
        .filter(pk=reconciliation_id)
        .first()
    )
    if found is None or not is_cell(actor):
        audit.read(actor, "identity.decision", now=now, patient_id=None, refused=True)
        raise NoSuchIdentity
    for identity in filter(None, (found.first, found.second)):
        audit.read(
            actor, "identity.decision", now=now, patient_id=identity.patient_id, entity=identity
        )
    return found


def notices_of(actor: Actor) -> QuerySet[DomainNotice]:
    """Return what the actor's domains were told: of their organization only."""
    return DomainNotice.objects.filter(
        domain__organization_id=actor.organization_id or 0
    ).select_related("domain", "identity", "other")


def open_domains() -> QuerySet[IdentityDomain]:
    """Return every identity domain."""
    return IdentityDomain.objects.order_by("name", "pk")
