"""What steering counts: one episode by request or case, and the sums kept up to date from them.

All of it is derived: `activity_refresh()` writes it, from the tables of the rooms below.
"""

from typing import Any

from django.db import models

from carbet.core import row_security
from carbet.steering.activity.choices import Dimension, Figure

_DERIVED: dict[str, Any] = {
    "on_delete": models.DO_NOTHING,
    "db_constraint": False,
    "related_name": "+",
}


class Episode(models.Model):
    """One row is a request for support and the case it opened, as steering counts them (local)."""

    ROW_SECURITY = row_security.Custom(
        "read by the team it belongs to, where the person's identity is open to the reader;"
        " written by the refresh alone"
    )

    # Derived rows never hold back what they are derived from: no constraint in the database.
    patient = models.ForeignKey("patients.Patient", **_DERIVED)
    organization = models.ForeignKey("directory.Organization", **_DERIVED, db_index=False)
    request = models.OneToOneField("support.SupportRequest", **_DERIVED, null=True)
    case = models.OneToOneField("support.Case", **_DERIVED, null=True)
    reason = models.CharField(max_length=12, blank=True)
    requested_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    decision = models.CharField(max_length=12, blank=True)
    decided_at = models.DateTimeField(null=True)
    coordinator = models.ForeignKey(
        "directory.PractitionerRole", **_DERIVED, null=True, db_index=False
    )
    opened_at = models.DateTimeField(null=True)
    contact_at = models.DateTimeField(null=True)
    plan_at = models.DateTimeField(null=True)
    review_due_on = models.DateField(null=True)
    closed_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=12, blank=True)
    complexity = models.CharField(max_length=8, blank=True)
    # The score of the last assessment of complexity.
    points = models.PositiveSmallIntegerField(null=True)
    commune = models.CharField(max_length=5, blank=True)
    birth_year = models.PositiveSmallIntegerField()

    class Meta:
        indexes = [
            models.Index(fields=["organization", "requested_at"], name="episode_by_request"),
            models.Index(fields=["organization", "opened_at"], name="episode_by_opening"),
            models.Index(fields=["organization", "closed_at"], name="episode_by_closing"),
        ]


class Tally(models.Model):
    """One row is how many episodes of a team a figure counts on a day, cut one way (local).

    `on_day` is the first of a month, or the very day of what falls due.
    """

    ROW_SECURITY = row_security.Custom("read by its team; written by the refresh alone")

    organization = models.ForeignKey("directory.Organization", **_DERIVED, db_index=False)
    figure = models.CharField(max_length=12, choices=Figure)
    dimension = models.CharField(max_length=12, choices=Dimension, blank=True)
    on_day = models.DateField()
    value = models.CharField(max_length=20, blank=True)
    count = models.BigIntegerField()
    points = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "figure", "dimension", "on_day", "value"],
                name="tally_once",
            )
        ]


class Change(models.Model):
    """One row says that something of a person moved, and waits for the sums to follow (local)."""

    ROW_SECURITY = row_security.Custom("added by triggers, taken by the refresh, read by the house")

    patient_id = models.BigIntegerField()
