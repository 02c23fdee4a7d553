"""Alerts: what must be seen in time, one row a recipient."""

from django.db import models

from carbet.coordination.alerts.choices import AlertKind
from carbet.core import row_security


class Alert(models.Model):
    """One row asks one recipient (a role, an organization, an account) to look at something.

    It names a kind and a place, never health content.
    """

    ROW_SECURITY = row_security.Custom("seen and marked as read by its recipient only")

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, null=True)
    recipient = models.CharField(max_length=40)
    kind = models.CharField(max_length=20, choices=AlertKind)
    urgent = models.BooleanField(default=False)
    # The fragment of the record to open: "cahier", "plan", …
    target = models.CharField(max_length=80, blank=True)
    raised_by = models.CharField(max_length=200, blank=True)
    raised_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)
    read_by = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["recipient", "-raised_at"], name="alert_by_recipient"),
            models.Index(
                fields=["recipient"], name="alert_unread", condition=models.Q(read_at__isnull=True)
            ),
        ]
