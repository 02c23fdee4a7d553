"""Who keeps what a structure says of itself."""

from datetime import datetime

from django.db.models import Q
from django.http import Http404

from carbet.core.actor import Actor
from carbet.registries.directory.choices import PracticeMode, Purpose
from carbet.registries.directory.models import HealthcareService, Organization, PractitionerRole
from carbet.registries.directory.rules import MANAGE_RIGHTS, OPERATE
from carbet.registries.offer.models import Keeper


class NoSuchOffer(Http404):
    """There is none, or the actor does not keep it."""


def keeps(actor: Actor, organization: Organization, *, now: datetime) -> bool:
    """Tell whether the actor keeps the page of this structure.

    Whoever was named for it or for the entity it is part of, manages its rights, practises on
    their own account in that surgery, or runs the platform.
    """
    if actor.role_id is None:
        return False
    if actor.can(OPERATE):
        return True
    if actor.can(MANAGE_RIGHTS) and actor.organization_id == organization.pk:
        return True
    if (
        organization.purpose == Purpose.OFFICE
        and PractitionerRole.objects.filter(
            pk=actor.role_id, organization=organization, mode=PracticeMode.LIBERAL
        ).exists()
    ):
        return True
    return (
        Keeper.objects.filter(
            Q(ended_at__isnull=True) | Q(ended_at__gt=now),
            practitioner_role_id=actor.role_id,
            started_at__lte=now,
        )
        .filter(organization_id__in=[organization.pk, organization.part_of_id or 0])
        .exists()
    )


def get_organization(*, actor: Actor, organization_id: int, now: datetime) -> Organization:
    """Return a structure whose page the actor keeps.

    Raises:
        NoSuchOffer: there is none, or not for this actor.
    """
    found = (
        Organization.objects.select_related("commune", "part_of")
        .filter(pk=organization_id, active=True)
        .first()
    )
    if found is None or not keeps(actor, found, now=now):
        raise NoSuchOffer
    return found


def get_service(
    *, organization: Organization, service_id: int, closed: bool = False
) -> HealthcareService:
    """Return a service of a structure already entered, not one closed for good unless asked.

    Raises:
        NoSuchOffer: it is not there.
    """
    found = (
        HealthcareService.objects.select_related("location")
        .filter(pk=service_id, organization=organization, active=not closed)
        .first()
    )
    if found is None:
        raise NoSuchOffer
    return found


def get_role(*, organization: Organization, role_id: int) -> PractitionerRole:
    """Return somebody of the staff of a structure already entered.

    Raises:
        NoSuchOffer: nobody there.
    """
    found = (
        PractitionerRole.objects.select_related("practitioner")
        .filter(pk=role_id, organization=organization)
        .first()
    )
    if found is None:
        raise NoSuchOffer
    return found
