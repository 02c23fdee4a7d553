"""Two disruptions of regional services: one to come, one that is over."""

import uuid
from datetime import datetime, timedelta

from carbet.core.actor import internal
from carbet.portal import operations
from carbet.portal.models import Disruption

HOUSE = internal("Région (démonstration)")
_GESTURES = uuid.UUID("3b1f6d9e-5a0c-4f0e-9f43-0c2d8a0b7e15")


def load(*, now: datetime) -> None:
    """Declare them once."""
    coming, over = (uuid.uuid5(_GESTURES, name) for name in ("coming", "over"))
    if not Disruption.objects.filter(gesture=coming).exists():
        operations.declare_disruption(
            actor=HOUSE,
            now=now,
            service="secure_mail",
            kind="maintenance",
            title="Renouvellement des certificats",
            message="Les courriers écrits pendant ce temps partiront ensuite, d’eux-mêmes.",
            starts_at=now + timedelta(days=3),
            ends_at=now + timedelta(days=3, hours=2),
            gesture=coming,
        )
    if not Disruption.objects.filter(gesture=over).exists():
        row = operations.declare_disruption(
            actor=HOUSE,
            now=now - timedelta(days=9),
            service="ror",
            kind="incident",
            title="Répertoire inaccessible",
            message="Les recherches dans Carbet restent possibles.",
            starts_at=now - timedelta(days=9, hours=1),
            ends_at=None,
            gesture=over,
        )
        operations.end_disruption(
            actor=HOUSE,
            now=now - timedelta(days=9) + timedelta(hours=3),
            disruption_id=row.pk,
            outcome="L’éditeur a rétabli le service.",
        )
