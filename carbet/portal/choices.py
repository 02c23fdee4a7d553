"""What may be said of a disruption of a regional service."""

from django.db import models


class DisruptionKind(models.TextChoices):
    """Whether it was wanted."""

    INCIDENT = "incident", "Incident"
    MAINTENANCE = "maintenance", "Maintenance prévue"


class DisruptionState(models.TextChoices):
    """Where it is at a moment; it follows from its dates."""

    PLANNED = "planned", "Prévue"
    UNDER_WAY = "under_way", "En cours"
    ENDED = "ended", "Terminé"
    CANCELLED = "cancelled", "Annulée"
