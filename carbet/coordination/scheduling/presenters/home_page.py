"""What is left of the reader's day, on the front page."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, QuerySet
from django.urls import reverse
from django.utils import timezone

from carbet.coordination.scheduling import access
from carbet.coordination.scheduling.choices import FIRM, VisitKind
from carbet.coordination.scheduling.models import AppointmentParticipant
from carbet.coordination.scheduling.presenters import ICONS
from carbet.coordination.scheduling.presenters.days import midnight
from carbet.core import home
from carbet.core.actor import Actor
from carbet.registries.patients import queries as patients


def today_rows(
    *, actor: Actor, now: datetime
) -> QuerySet[AppointmentParticipant, dict[str, Any]] | None:
    """Return what is left of the reader's day."""
    roles = access.own_roles(actor)
    if not roles:
        return None
    end = midnight(timezone.localdate(now) + timedelta(days=1))
    return (
        AppointmentParticipant.objects.filter(
            practitioner_role_id__in=roles,
            shown=True,
            start__lt=end,
            end__gt=now,
            start__gt=now - timedelta(days=1),
        )
        .order_by("start", "pk")
        .values(
            "patient_id",
            *patients.name_columns(),
            "start",
            "status",
            number=F("appointment_id"),
            kind=F("appointment__kind"),
            agreed=F("appointment__status"),
            city=F("patient__city"),
        )
    )


def today_line(row: dict[str, Any], *, now: datetime) -> home.Line:
    """Say one visit of the day."""
    firm = row["agreed"] in FIRM
    return home.Line(
        title=patients.name_in(row) or "Rendez-vous",
        href=reverse("scheduling:detail", args=[row["patient_id"], row["number"]])
        if row["patient_id"]
        else reverse("scheduling:mine"),
        meta=tuple(filter(None, (str(VisitKind(row["kind"]).label), row["city"]))),
        at=home.moment(row["start"]),
        badge="" if firm else "À confirmer",
        tone="warning",
        icon=ICONS[VisitKind(row["kind"])],
    )


HOME = home.Block(
    key="agenda",
    title="Mes rendez-vous du jour",
    icon="calendar",
    rows=today_rows,
    line=today_line,
    empty="Aucun rendez-vous pour le reste de la journée.",
    more=("scheduling:mine", "Mon agenda"),
    order=18,
    live="appointment",
)
