"""What the FHIR door keeps: the answers already given, so that a retry changes nothing."""

from django.db import models

from carbet.core import row_security


class TransactionReceipt(models.Model):
    """One row is a transaction that was carried out, known by the identifier its sender gave it.

    The same one sent again, after a lost answer, is answered the same and not carried out again.
    `answer` holds statuses and locations, no health content.
    """

    ROW_SECURITY = row_security.Custom("seen by the organization whose system sent it")

    client_id = models.CharField(max_length=100)
    organization_id = models.BigIntegerField()
    identifier_system = models.CharField(max_length=200)
    identifier_value = models.CharField(max_length=100)
    digest = models.CharField(max_length=64)
    answer = models.JSONField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["client_id", "identifier_system", "identifier_value"],
                name="receipt_once",
            ),
        ]
