"""Who may see the feed: whoever operates the house; a stay, whoever reads the record."""

from datetime import datetime

from carbet.coordination.care_teams import access as care_teams
from carbet.coordination.care_teams.access import NoSuchRecord
from carbet.core.actor import INTERNAL, SYSTEM, Actor, Level, internal, organization_key
from carbet.core.operation import UnableToAct
from carbet.interop.hospital_feed.models import FeedRoute
from carbet.registries.directory.rules import OPERATE
from carbet.registries.patients.models import Patient

__all__ = ["OPERATE", "NoSuchRecord", "asker", "get_patient", "keeper", "sender", "unknown"]

HOUSE = internal("Flux des hôpitaux")


def keeper(actor: Actor) -> Actor:
    """Return the house itself, on behalf of someone who may operate it.

    Raises:
        UnableToAct: the actor does not operate the house.
    """
    if not actor.can(OPERATE):
        raise UnableToAct("Votre rôle ne permet pas d’exploiter Carbet.")
    return internal(actor.display_name)


def sender(route: FeedRoute) -> Actor:
    """Return the house acting because this establishment sent a message: the trace names it.

    A hospital feeds the records of its patients without entering them.
    """
    return Actor(
        kind=INTERNAL,
        organization_id=route.organization_id,
        client_id=f"mllp:{route.facility}"[:100],
        display_name=route.organization.name,
        organization_name=route.organization.name,
        grantees=(organization_key(route.organization_id),),
    )


def asker(route: FeedRoute) -> Actor:
    """Return an establishment that asks: it sees what is open to it, as by the FHIR door."""
    return Actor(
        kind=SYSTEM,
        organization_id=route.organization_id,
        client_id=f"mllp:{route.facility}"[:100],
        display_name=route.organization.name,
        organization_name=route.organization.name,
        grantees=(organization_key(route.organization_id),),
    )


def unknown(facility: str) -> Actor:
    """Return a sender without a route, to whom nothing is open: named in the trace alone."""
    return Actor(kind=SYSTEM, client_id=f"mllp:{facility}"[:100], display_name="Émetteur inconnu")


def get_patient(*, actor: Actor, patient_id: int, now: datetime) -> Patient:
    """Return the person whose stays the actor opens, and trace the entry.

    Raises:
        NoSuchRecord: there is none, or not for this actor.
    """
    return care_teams.get_record(
        actor=actor, patient_id=patient_id, now=now, level=Level.READ, purpose="encounter.read"
    )
