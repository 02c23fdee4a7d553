"""What disturbs the regional services: incidents and planned maintenances."""

from django.db import models

from carbet.core import row_security
from carbet.core.history import tracked
from carbet.portal.choices import DisruptionKind


@tracked
class Disruption(models.Model):
    """One row says that a regional service is, was or will be disturbed, until it ends."""

    ROW_SECURITY = row_security.Open("speaks of services, of no person; every professional reads")

    # A key of the catalogue (data/services.json).
    service = models.CharField(max_length=40)
    kind = models.CharField(max_length=12, choices=DisruptionKind)
    title = models.CharField(max_length=120)
    message = models.CharField(max_length=1000, blank=True)
    starts_at = models.DateTimeField()
    # When it should end: known for a maintenance, hoped for when an incident.
    ends_at = models.DateTimeField(null=True)
    # When somebody said that it ended; before its start, it was cancelled.
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=500, blank=True)
    declared_at = models.DateTimeField()
    declared_by_name = models.CharField(max_length=200)
    updated_at = models.DateTimeField()
    updated_by_name = models.CharField(max_length=200)
    version = models.PositiveIntegerField(default=1)
    # The key of the gesture that wrote it: the same key twice is one row.
    gesture = models.UUIDField(unique=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["starts_at"],
                name="disruption_open",
                condition=models.Q(ended_at__isnull=True),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__isnull=True)
                | models.Q(ends_at__gt=models.F("starts_at")),
                name="disruption_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind=DisruptionKind.MAINTENANCE)
                | models.Q(ends_at__isnull=False),
                name="maintenance_has_an_end",
            ),
        ]

    def __str__(self) -> str:
        return self.title
