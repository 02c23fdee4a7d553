"""What can be done to the directory: declare a structure that no national directory holds yet."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation
from carbet.registries.directory import queries
from carbet.registries.directory.models import Organization, PractitionerRole


class UnableToDeclareOrganization(UnableTo):
    """The structure cannot be declared."""


class UnableToChooseRole(UnableTo):
    """The role is not the account's, or no longer."""


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
