"""What can be asked across records: which are mine, and what is new there since I last looked."""

from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Greatest

from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.notebook.models import Note
from carbet.core.actor import Actor
from carbet.registries.patients import queries as patients
from carbet.registries.patients.models import Patient

# What is new in a record is counted up to this.
MOST_NEW = 10


def mine(*, actor: Actor, now: datetime) -> QuerySet[Patient, dict[str, Any]]:
    """Return the actor's persons as their day shows them, what is new first.

    Those where others wrote since the actor's last visit (`new` lists the notes; of a month where
    there was none) and those whose record opened to them lately and was never opened, the latest
    news first; then those opened last; then those never opened, by name. What the actor wrote is
    not new to them.
    """
    lately = now - care_teams.LATELY
    since = Note.objects.filter(
        Q(author_role__isnull=True) | ~Q(author_role_id=actor.role_id or 0),
        patient_id=OuterRef("pk"),
        recorded_at__gt=OuterRef("seen_at"),
        # Said again for the index: what was written since changed since.
        updated_at__gt=OuterRef("seen_at"),
    ).order_by("-updated_at")
    arrived = Case(
        When(
            opened_at__isnull=True,
            entered_at__gt=lately,
            then=F("entered_at"),
        )
    )
    return (
        care_teams.my_persons(actor=actor, now=now)
        .annotate(seen_at=Coalesce("opened_at", Value(lately)))
        .annotate(
            new=ArraySubquery(since.values("pk")[:MOST_NEW]),
            arrived_at=arrived,
            news_at=Greatest(Subquery(since.values("recorded_at")[:1]), arrived),
        )
        .order_by(
            F("news_at").desc(nulls_last=True),
            F("opened_at").desc(nulls_last=True),
            "patientsearch__sort_key",
            "pk",
        )
        .values(
            *("pk", "city", "birth_date", "opened_at", "arrived_at", "news_at", "new"),
            *patients.name_columns(""),
        )
    )
