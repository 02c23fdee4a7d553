"""What pages show of an offer, and what waits on the front page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Min, Q, QuerySet
from django.urls import reverse

from carbet.core import home
from carbet.core.actor import Actor
from carbet.registries.directory import queries as directory
from carbet.registries.directory.choices import CapacityStatus, Source
from carbet.registries.directory.models import HealthcareService, Organization
from carbet.registries.offer.choices import Filling
from carbet.registries.offer.queries import DAILY, Bed, Said

TONES = {Filling.FINALISED: "success", Filling.UNDER_WAY: "warning", Filling.TO_DO: "danger"}


@dataclass(frozen=True)
class Line:
    """One offer as its owner sees it."""

    pk: int
    name: str
    state: str
    tone: str
    missing: str


def lines(offers: list[Said]) -> list[Line]:
    """Return what is shown of each offer."""
    return [
        Line(
            pk=offer.service.pk,
            name=offer.service.name,
            state=str(offer.state.label),
            tone=TONES[offer.state],
            missing=", ".join(str(flag.label).lower() for flag in offer.missing),
        )
        for offer in offers
    ]


def origin(service: HealthcareService) -> str:
    """Say which import a service came by; empty for one written here."""
    return str(Source(service.source).label) if service.source else ""


def tone(state: str) -> str:
    """Return the tone of a state of filling."""
    return TONES[Filling(state)]


def waits(beds: list[Bed], *, now: datetime) -> bool:
    """Tell whether the beds were not all counted in the last day."""
    return any(bed.counted_at is None or now - bed.counted_at > DAILY for bed in beds)


def home_rows(*, actor: Actor, now: datetime) -> QuerySet[Organization, dict[str, Any]] | None:
    """Return the structures that the actor keeps and whose beds were not counted today."""
    if actor.role_id is None:
        return None
    return (
        Organization.objects.filter(
            Q(keepers__ended_at__isnull=True) | Q(keepers__ended_at__gt=now),
            directory.standing("capacity__"),
            keepers__practitioner_role_id=actor.role_id,
            keepers__started_at__lte=now,
            active=True,
            capacity__status__in=(CapacityStatus.AVAILABLE, CapacityStatus.INSTALLED),
        )
        .annotate(
            counted=Min("capacity__updated_at", filter=Q(capacity__status=CapacityStatus.AVAILABLE))
        )
        .filter(Q(counted__isnull=True) | Q(counted__lt=now - DAILY))
        .order_by("counted", "pk")
        .values("pk", "name", "counted")
    )


def home_line(row: dict[str, Any], *, now: datetime) -> home.Line:
    """Say that the beds of a structure wait to be counted."""
    return home.Line(
        title=row["name"],
        href=reverse("offer:beds", args=[row["pk"]]),
        text="Lits et places à compter",
        at=home.moment(row["counted"]),
        icon="hospital",
    )


HOME = home.Block(
    key="lits",
    title="Lits et places à compter",
    icon="hospital",
    rows=home_rows,
    line=home_line,
    more=("offer:mine", "Mes structures"),
    order=35,
)
