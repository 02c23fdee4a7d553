"""The person's own door: records opened to an account; and who says how the services fare."""

from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404

from carbet.coordination.care_teams import access as care_teams
from carbet.coordination.care_teams.access import NoSuchRecord
from carbet.coordination.care_teams.models import RelatedPerson
from carbet.coordination.support import access as support
from carbet.coordination.support.models import SupportRequest
from carbet.core.actor import Actor, Level
from carbet.portal.models import Disruption
from carbet.registries.directory.rules import OPERATE
from carbet.registries.patients.access import patients_open_to
from carbet.registries.patients.models import Patient


class NoSuchDisruption(Http404):
    """There is none."""


def runs_services(actor: Actor) -> bool:
    """Tell whether the actor declares what disturbs the regional services."""
    return actor.can(OPERATE)


def get_disruption(*, disruption_id: int) -> Disruption:
    """Return a disruption, which every professional may read.

    Raises:
        NoSuchDisruption: there is none.
    """
    found = Disruption.objects.filter(pk=disruption_id).first()
    if found is None:
        raise NoSuchDisruption
    return found


def records(*, actor: Actor, now: datetime) -> QuerySet[Patient]:
    """Return the persons whose record the account may read, each with `as_relative`."""
    return (
        patients_open_to(actor, now=now)
        .filter(level__gte=Level.READ)
        .annotate(as_relative=_is_relative(actor))
        .order_by("as_relative", "pk")
    )


def get_own_record(
    *, actor: Actor, patient_id: int, now: datetime, purpose: str = "portal.read"
) -> Patient:
    """Return the person whose record the account reads, with `as_relative`, and trace it.

    Raises:
        NoSuchRecord: there is none, or not for this account.
    """
    return care_teams.get_record(
        actor=actor,
        patient_id=patient_id,
        now=now,
        level=Level.READ,
        purpose=purpose,
        further={
            **care_teams.ABSORBED,
            "as_relative": (
                "EXISTS (SELECT 1 FROM care_teams_relatedperson r WHERE r.patient_id = p.id"
                " AND r.account_id = %(account)s AND r.active)"
            ),
        },
    )


def _is_relative(actor: Actor) -> Exists:
    return Exists(
        RelatedPerson.objects.filter(
            patient_id=OuterRef("pk"), account_id=actor.account_id, active=True
        )
    )


def get_own_request(
    *, actor: Actor, request_id: int, now: datetime
) -> tuple[SupportRequest, Patient]:
    """Return a request of support that the account made, and the person it concerns; trace it.

    Raises:
        NoSuchRecord: there is none, or somebody else made it.
    """
    asked = support.find_request(request_id=request_id)
    if asked.requester_account_id is None or asked.requester_account_id != actor.account_id:
        raise NoSuchRecord
    patient = get_own_record(
        actor=actor, patient_id=asked.patient_id, now=now, purpose="support.read"
    )
    return asked, patient
