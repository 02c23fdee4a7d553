"""The door of the record page: one query for the person, the last visit and the circle."""

from datetime import datetime

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.functions import JSONObject

from carbet.coordination.care_teams import access as care_teams
from carbet.coordination.care_teams import queries as circles
from carbet.coordination.care_teams.models import CareTeamParticipant
from carbet.core.actor import Actor
from carbet.registries.patients.models import Patient

_MEMBER = {
    "role": "role",
    "civility": "practitioner_role__practitioner__civility",
    "given": "practitioner_role__practitioner__given",
    "family": "practitioner_role__practitioner__family",
    "specialty": "practitioner_role__specialty_label",
    "profession": "practitioner_role__profession_label",
    "phone": "practitioner_role__phone",
    "workplace": "practitioner_role__organization__name",
    "structure": "organization__name",
    "structure_phone": "organization__phone",
    "relative_given": "related_person__given",
    "relative_family": "related_person__family",
    "relative_phone": "related_person__phone",
    "relationship": "related_person__relationship",
    "started_at": "started_at",
}


def get_chart(*, actor: Actor, patient_id: int, now: datetime) -> Patient:
    """Return the person whose record the actor opens, with `last_visit` and `members`, traced.

    `members` are those present in the circle, as plain mappings; `last_visit` is the moment of the
    actor's former visit, or None.

    Raises:
        NoSuchRecord: there is none, or not for this actor.
    """
    present = (
        CareTeamParticipant.objects.filter(
            Q(ended_at__isnull=True) | Q(ended_at__gt=now),
            patient_id=OuterRef("pk"),
            started_at__lte=now,
        )
        .order_by("started_at", "pk")
        .values(said=JSONObject(**{name: F(path) for name, path in _MEMBER.items()}))
    )
    visits = circles.visits(actor=actor, now=now).filter(patient_id=OuterRef("pk"))
    return care_teams.get_record(
        actor=actor,
        patient_id=patient_id,
        now=now,
        further={
            "last_visit": Subquery(visits.values("recorded_at")[:1]),
            "members": ArraySubquery(present),
        },
    )
