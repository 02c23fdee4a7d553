"""What was given to be deposited in the shared record."""

import uuid

from django.db import models

from carbet.core import row_security


class Deposit(models.Model):
    """One row is one version of a document, to deposit in the shared record (IHE ITI-41).

    The outbox carries it, and says how far it is.
    """

    ROW_SECURITY = row_security.Custom("seen with its document; added by who writes in the record")

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    document = models.ForeignKey("documents.Document", on_delete=models.PROTECT, related_name="+")
    # The version of its file.
    number = models.PositiveIntegerField()
    role = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, related_name="+"
    )
    asked_by_name = models.CharField(max_length=200)
    asked_at = models.DateTimeField()
    # The key of the gesture that asked: the same key twice is one deposit.
    gesture = models.UUIDField(default=uuid.uuid4, unique=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["document", "number"], name="deposit_once_a_version")
        ]
        indexes = [models.Index(fields=["patient"], name="deposit_by_patient")]
