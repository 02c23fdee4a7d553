"""What can be asked across a record: which ones I opened last, and what is new there since."""

from datetime import datetime
from typing import Any

from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.notebook.models import Note
from carbet.core.actor import Actor
from carbet.registries.patients import queries as patients
from carbet.registries.patients.models import Patient


def recent(*, actor: Actor, now: datetime, most: int) -> QuerySet[Patient, dict[str, Any]]:
    """Return the persons whose record the actor opened last, with `new`, the notes since then.

    What the actor wrote is not new to them.
    """
    since = (
        Note.objects.filter(
            Q(author_role__isnull=True) | ~Q(author_role_id=actor.role_id or 0),
            patient_id=OuterRef("pk"),
            recorded_at__gt=OuterRef("opened_at"),
        )
        .order_by()
        .values("patient_id")
        .annotate(number=Count("pk"))
        .values("number")
    )
    return (
        care_teams.last_opened(actor=actor, now=now, most=most)
        .annotate(new=Coalesce(Subquery(since), 0, output_field=IntegerField()))
        .values("pk", "city", "birth_date", "new", *patients.name_columns(""), at=F("opened_at"))
    )
