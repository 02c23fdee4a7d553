"""Who may enter the identity of a person: the same grants as row security, asked once."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.core import signing
from django.db.models import Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.query import RawQuerySet
from django.http import Http404

from carbet.core import audit
from carbet.core.actor import Actor, Level
from carbet.core.models import AccessGrant
from carbet.registries.patients.models import Patient

# The source of a grant made by breaking the glass.
GLASS = "glass"

_TRAITS_GIVEN = "patients.traits"


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


# One look at the grants says all of the entry. Written by hand: the ORM spends more time composing
# this statement than PostgreSQL running it, on every page of a record and every list.
_ENTRIES = """
SELECT {columns}, held.level, held.sources, held.categories,
       CASE WHEN held.sources = ARRAY['{glass}'] THEN held.glass_until END AS glass_until{further}
FROM patients_patient p
CROSS JOIN LATERAL (
  SELECT max(g.level) AS level,
         COALESCE(bit_or(g.categories) FILTER (WHERE g.level >= {reading}), 0) AS categories,
         array_agg(DISTINCT g.source::text) AS sources,
         max(g.valid_until) FILTER (WHERE g.source = '{glass}') AS glass_until
  FROM core_accessgrant g
  WHERE g.patient_id = p.id AND g.grantee = ANY (%(grantees)s) AND g.valid_from <= %(now)s
    AND (g.valid_until IS NULL OR g.valid_until > %(now)s)
) held
WHERE {whom} AND held.level >= %(level)s
"""


# What a list shows of a person: a third of the row.
LISTED = (
    *("id", "birth_family", "birth_given", "used_family", "used_given", "gender", "birth_date"),
    *("city", "deceased_on"),
)


def find_entered(
    *, actor: Actor, patient_ids: list[int], now: datetime, columns: Sequence[str] = ()
) -> dict[int, Patient]:
    """Return those of these persons whose identity the actor may see, by row number, in one query.

    Each has the `level`, `sources` and `glass_until` of the actor's entry; nothing is traced.

    Args:
        columns: those that are read, `id` among them; another one asked later costs a query.
    """
    found = _entries(
        actor,
        "p.id = ANY (%(patients)s)",
        {"patients": patient_ids},
        now=now,
        level=Level.IDENTITY,
        columns=columns,
    )
    return {patient.pk: patient for patient in found}


def _entries(
    actor: Actor,
    whom: str,
    named: dict[str, Any],
    *,
    now: datetime,
    level: Level,
    further: Mapping[str, str] | None = None,
    columns: Sequence[str] = (),
) -> RawQuerySet:
    more = "".join(f",\n       {said} AS {name}" for name, said in (further or {}).items())
    return Patient.objects.raw(
        _ENTRIES.format(
            columns=", ".join(f"p.{name}" for name in columns or "*"),
            glass=GLASS,
            reading=int(Level.READ),
            further=more,
            whom=whom,
        ),
        {
            **named,
            "grantees": list(actor.grantees),
            "now": now,
            "level": int(level),
            "account": actor.account_id,
            "role": actor.role_id,
        },
    )


def get_patient(
    *,
    actor: Actor,
    patient_id: int,
    now: datetime,
    level: Level = Level.IDENTITY,
    purpose: str = "patient.read",
    further: Mapping[str, str] | None = None,
) -> Patient:
    """Return the person, with the actor's `level`, `sources` and `glass_until`; trace the entry.

    `categories` are those of the data that are open to the actor (`core.actor.DataCategory`).

    Args:
        further: more columns for the same query: by name, an SQL expression on the person `p`. It
            may use %(now)s, and %(account)s and %(role)s of the actor.

    Raises:
        NoSuchRecord: there is none, or the actor's level is too low; the attempt is traced.
    """
    # With "= ANY" PostgreSQL would expect ten persons, and plan anew each time for the one.
    found = _entries(
        actor,
        "p.id = %(patient)s",
        {"patient": patient_id},
        now=now,
        level=level,
        further=further,
    )
    patient = next(iter(found), None)
    if patient is None:
        audit.read(actor, purpose, now=now, patient_id=patient_id, refused=True)
        raise NoSuchRecord
    audit.read(actor, purpose, now=now, patient_id=patient_id, entity=patient)
    return patient


def proof_of_traits(*, actor: Actor, patient_id: int) -> str:
    """Return a signed proof that the actor gave this person's exact traits, good for an hour.

    Without it, the address of an exceptional entry would tell which row numbers are persons.
    """
    return signing.dumps([patient_id, actor.role_id], salt=_TRAITS_GIVEN)


def gave_traits(*, actor: Actor, patient_id: int, proof: str) -> bool:
    """Tell whether the proof is the actor's, about this person, and recent."""
    try:
        return signing.loads(proof, salt=_TRAITS_GIVEN, max_age=3600) == [
            patient_id,
            actor.role_id,
        ]
    except signing.BadSignature:
        return False
