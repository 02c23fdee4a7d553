"""Who may enter the identity of a person: the same grants as row security, asked once."""

from datetime import datetime
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Case, Max, OuterRef, Q, QuerySet, Subquery, When
from django.http import Http404

from carbet.core import audit
from carbet.core.actor import Actor, Level
from carbet.core.models import AccessGrant
from carbet.registries.patients.models import Patient

# The source of a grant made by breaking the glass.
GLASS = "glass"


class NoSuchRecord(Http404):
    """There is no such record for this actor, whether or not it exists."""

    def __init__(self) -> None:
        super().__init__("Ce dossier n’existe pas, ou ne vous est pas ouvert.")


def grants_of(actor: Actor, *, now: datetime) -> QuerySet[AccessGrant]:
    """Return the grants that the actor holds now."""
    return AccessGrant.objects.filter(
        Q(valid_until__isnull=True) | Q(valid_until__gt=now),
        grantee__in=actor.grantees,
        valid_from__lte=now,
    )


def patients_open_to(actor: Actor, *, now: datetime) -> QuerySet[Patient]:
    """Return the persons whose identity the actor may see, with `level` and `sources` of entry."""
    held = grants_of(actor, now=now).filter(patient_id=OuterRef("pk")).order_by()
    by_patient: Any = held.values("patient_id")
    return Patient.objects.annotate(
        level=Subquery(by_patient.annotate(top=Max("level")).values("top")),
        sources=Subquery(by_patient.annotate(why=ArrayAgg("source", distinct=True)).values("why")),
    ).filter(level__gte=Level.IDENTITY)


def entered(actor: Actor, *, now: datetime) -> QuerySet[Patient]:
    """Return the same persons, with `glass_until` where the actor is in by exception only."""
    glass = (
        grants_of(actor, now=now)
        .filter(patient_id=OuterRef("pk"), source=GLASS)
        .order_by()
        .values("patient_id")
        .annotate(until=Max("valid_until"))
    )
    return patients_open_to(actor, now=now).annotate(
        glass_until=Case(When(sources=[GLASS], then=Subquery(glass.values("until"))), default=None)
    )


def get_patient(
    *,
    actor: Actor,
    patient_id: int,
    now: datetime,
    level: Level = Level.IDENTITY,
    purpose: str = "patient.read",
    among: QuerySet[Patient] | None = None,
) -> Patient:
    """Return the person, with the actor's `level`, `sources` and `glass_until`; trace the entry.

    Args:
        among: the persons to look among, when the caller needs more columns in the same query.

    Raises:
        NoSuchRecord: there is none, or the actor's level is too low; the attempt is traced.
    """
    persons = entered(actor, now=now) if among is None else among
    patient = persons.filter(pk=patient_id).first()
    if patient is None or patient.level < level:
        audit.read(actor, purpose, now=now, patient_id=patient_id, refused=True)
        raise NoSuchRecord
    audit.read(actor, purpose, now=now, patient_id=patient_id, entity=patient)
    return patient
