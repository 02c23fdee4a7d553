"""Who keeps what a structure says of itself, and how complete it was, quarter after quarter."""

from django.db import models

from carbet.core import row_security
from carbet.registries.offer.choices import Domain, Filling

PUBLIC_FACTS = row_security.Open("speaks of structures and who keeps their page, of no person")


class Keeper(models.Model):
    """One row lets a role keep what a structure says of itself, until it ends."""

    ROW_SECURITY = PUBLIC_FACTS

    practitioner_role = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, related_name="+"
    )
    organization = models.ForeignKey(
        "directory.Organization", on_delete=models.PROTECT, related_name="keepers"
    )
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    named_by = models.CharField(max_length=200, blank=True)
    # When they were last told that something waits.
    reminded_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["practitioner_role", "organization"],
                name="keeper_once",
                condition=models.Q(ended_at__isnull=True),
            ),
        ]
        indexes = [models.Index(fields=["organization"], name="keeper_of")]

    def __str__(self) -> str:
        return f"{self.practitioner_role_id} → {self.organization_id}"


class Completeness(models.Model):
    """One row is how complete a structure was at the end of a quarter, or is in this one."""

    ROW_SECURITY = PUBLIC_FACTS

    organization = models.ForeignKey(
        "directory.Organization", on_delete=models.PROTECT, related_name="+"
    )
    # The first day of the quarter.
    quarter = models.DateField()
    domain = models.CharField(max_length=12, choices=Domain)
    commune = models.CharField(max_length=5, blank=True)
    offers = models.PositiveIntegerField()
    finalised = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=Filling)
    fresh = models.BooleanField()
    measured_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["quarter", "organization"], name="completeness_of_quarter"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.quarter}: {self.state}"
