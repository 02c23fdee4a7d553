"""What can be done to the directory: declare a structure, let a system act for one."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.idp.oidc.models import Client
from django.db import IntegrityError, transaction
from django.db.models import Q

from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation
from carbet.registries.directory import queries
from carbet.registries.directory.models import (
    Organization,
    PractitionerRole,
    SystemClient,
)


class UnableToDeclareOrganization(UnableTo):
    """The structure cannot be declared."""


class UnableToChooseRole(UnableTo):
    """The role is not the account's, or no longer."""


class UnableToCreateSystemClient(UnableTo):
    """The system cannot be let in."""


@dataclass(frozen=True)
class NewSystemClient:
    """The identity of a system, with its secret, which is kept nowhere else."""

    client_id: str
    secret: str
    organization: Organization


@operation("organization.declare", action="C")
def declare_organization(
    trace: Trace, *, actor: Actor, now: datetime, fields: dict[str, Any]
) -> Organization:
    """Add a structure as another system describes it, marked as declared by that system.

    Raises:
        UnableToDeclareOrganization: another structure bears its identifier.
    """
    try:
        with transaction.atomic():
            organization = Organization.objects.create(declared_by=actor.client_id, **fields)
    except IntegrityError as error:
        raise UnableToDeclareOrganization(
            "Une autre structure porte déjà cet identifiant."
        ) from error
    trace.about(entity=organization)
    return organization


@operation("role.choose", action="E")
def choose_role(
    trace: Trace, *, actor: Actor, now: datetime, account_id: int, role_id: int
) -> PractitionerRole:
    """Let an account act under one of its roles; the session keeps which.

    Raises:
        UnableToChooseRole: the role is another's, or has ended.
    """
    role = queries.roles_of(account_id=account_id, now=now).filter(pk=role_id).first()
    if role is None:
        raise UnableToChooseRole("Ce rôle n’est plus le vôtre : choisissez-en un autre.")
    trace.about(entity=role)
    return role


@operation("system_client.create", action="C")
def create_system_client(
    trace: Trace, *, actor: Actor, now: datetime, organization: str, name: str, scopes: list[str]
) -> NewSystemClient:
    """Let the software of a structure act for it: OAuth2 client credentials.

    Args:
        organization: its FINESS number, or its row number here.
        scopes: what its tokens may ask for, and do ask for by default.

    Raises:
        UnableToCreateSystemClient: the structure is unknown, closed or not the only one.
    """
    wanted = Q(finess=organization)
    if organization.isdigit() and len(organization) < 9:
        wanted |= Q(pk=int(organization))
    found = list(Organization.objects.filter(wanted, active=True)[:2])
    if len(found) != 1:
        raise UnableToCreateSystemClient(
            "Structure inconnue ou fermée."
            if not found
            else "Plusieurs structures portent ce numéro : donnez le numéro interne."
        )
    secret = secrets.token_urlsafe(32)
    client = Client(
        name=name[:100],
        grant_types=Client.GrantType.CLIENT_CREDENTIALS,
        response_types="",
        scopes="\n".join(scopes),
        default_scopes="\n".join(scopes),
        created_at=now,
    )
    client.set_secret(secret)
    client.save(force_insert=True)
    held = SystemClient.objects.create(client_id=client.pk, organization=found[0], name=name[:100])
    trace.about(entity=held)
    return NewSystemClient(client_id=client.pk, secret=secret, organization=found[0])
