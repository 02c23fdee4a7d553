"""The liaison notebook: notes and measures, in the order in which care went."""

import uuid

from django.db import models

from carbet.coordination.care_teams.choices import DATA_CATEGORY_CHOICES
from carbet.coordination.notebook.choices import MeasureKind, MeasureStatus, NoteKind
from carbet.core import row_security
from carbet.core.actor import DataCategory
from carbet.core.history import tracked


class Authored(models.Model):
    """What every entry says of who wrote it and when."""

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    author_role = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True, related_name="+"
    )
    author_name = models.CharField(max_length=200)
    # Whom the author wrote for, as a secretary for a doctor (FHIR Provenance.agent.onBehalfOf).
    on_behalf_of = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True, related_name="+"
    )
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    # The key of the gesture that wrote it: the same key twice is one entry.
    gesture = models.UUIDField(default=uuid.uuid4, unique=True)

    class Meta:
        abstract = True


@tracked
class Note(Authored):
    """One row is a note in the notebook; a correction keeps the former text in its history."""

    ROW_SECURITY = row_security.Protected(category="category")

    kind = models.CharField(max_length=8, choices=NoteKind, default=NoteKind.OBSERVATION)
    text = models.TextField(max_length=20_000)
    urgent = models.BooleanField(default=False)
    # Who may read it: a reply follows the note it answers.
    category = models.SmallIntegerField(
        choices=DATA_CATEGORY_CHOICES,
        default=int(DataCategory.MEDICAL),
        db_default=int(DataCategory.MEDICAL),
    )
    replies_to = models.ForeignKey("self", on_delete=models.PROTECT, null=True)
    corrected_at = models.DateTimeField(null=True)
    correction_reason = models.CharField(max_length=200, blank=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawal_reason = models.CharField(max_length=200, blank=True, db_default="")

    class Meta:
        indexes = [models.Index(fields=["patient", "-occurred_at"], name="note_by_patient")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(category__in=[int(each) for each in DataCategory]),
                name="note_category",
            )
        ]


@tracked
class Measure(Authored):
    """One row is a measure: a value, or two for blood pressure (systolic, diastolic, mmHg)."""

    ROW_SECURITY = row_security.Protected(category=DataCategory.MEDICAL)

    kind = models.CharField(max_length=12, choices=MeasureKind)
    value = models.DecimalField(max_digits=7, decimal_places=2)
    second_value = models.DecimalField(max_digits=7, decimal_places=2, null=True)
    status = models.CharField(max_length=16, choices=MeasureStatus, default=MeasureStatus.FINAL)
    status_changed_at = models.DateTimeField(null=True)
    comment = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["patient", "-occurred_at"], name="measure_by_patient"),
        ]
