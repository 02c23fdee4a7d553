"""The liaison notebook: notes and measures, in the order in which care went."""

import uuid

from django.db import models
from django.db.models.functions import Now

from carbet.coordination.care_teams.choices import DATA_CATEGORY_CHOICES
from carbet.coordination.notebook.choices import MeasureKind, MeasureStatus, NoteKind
from carbet.core import row_security, sharing
from carbet.core.actor import DataCategory
from carbet.core.history import tracked


class Authored(models.Model):
    """What every entry says of who wrote it and when."""

    # The indexes of each table begin with the person: no key needs one of its own.
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, db_index=False)
    author_role = models.ForeignKey(
        "directory.PractitionerRole",
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
    )
    # The structure whose software sent it, when no role of ours wrote it.
    author_organization = models.ForeignKey(
        "directory.Organization",
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
    )
    author_name = models.CharField(max_length=200)
    # Whom the author wrote for, as a secretary for a doctor (FHIR Provenance.agent.onBehalfOf).
    on_behalf_of = models.ForeignKey(
        "directory.PractitionerRole",
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
    )
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    # The key of the gesture that wrote it: the same key twice is one entry.
    gesture = models.UUIDField(default=uuid.uuid4, unique=True)
    # The identifier that another system gave it (DocumentReference.masterIdentifier).
    identifier_system = models.CharField(max_length=200, blank=True, db_default="")
    identifier_value = models.CharField(max_length=200, blank=True, db_default="")
    updated_at = models.DateTimeField(db_default=Now())
    version = models.PositiveIntegerField(default=1, db_default=1)

    class Meta:
        abstract = True


@tracked
class Note(Authored, sharing.Shared):
    """One row is a note in the notebook; a correction keeps the former text in its history."""

    ROW_SECURITY = row_security.Shared(category="category")

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
    # Whom it calls by name: the name by grantee key.
    mentions = models.JSONField(null=True)

    class Meta:
        # Each filter of the timeline walks an index of its own: a page costs the same whatever
        # the number of notes of the person. The words of the text have theirs (migration 6).
        indexes = [
            models.Index(fields=["patient", "-occurred_at"], name="note_by_patient"),
            models.Index(fields=["patient", "author_role", "-occurred_at"], name="note_by_author"),
            models.Index(fields=["patient", "kind", "-occurred_at"], name="note_by_kind"),
            models.Index(
                fields=["patient", "-occurred_at"],
                name="note_urgent",
                condition=models.Q(urgent=True),
            ),
            models.Index(fields=["patient", "-updated_at"], name="note_changed"),
            models.Index(
                fields=["identifier_value"],
                name="note_identified",
                condition=~models.Q(identifier_value=""),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(category__in=[int(each) for each in DataCategory]),
                name="note_category",
            )
        ]


class NoteFile(models.Model):
    """One row ties a photo or a file to the note that carries it."""

    ROW_SECURITY = row_security.Custom("seen with its note, added, never changed")

    note = models.ForeignKey(Note, on_delete=models.PROTECT, related_name="files")
    # The note under which the timeline shows it, itself or the one it answers, and its moment.
    thread = models.ForeignKey(Note, on_delete=models.PROTECT, related_name="+", db_index=False)
    document = models.OneToOneField("documents.Document", on_delete=models.PROTECT)
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, db_index=False)
    occurred_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["patient", "-occurred_at"], name="notefile_by_patient"),
        ]


class NoteReceipt(models.Model):
    """One row says that a role has seen a note, and when first."""

    ROW_SECURITY = row_security.Custom("seen with its note, added by its reader, never changed")

    note = models.ForeignKey(Note, on_delete=models.PROTECT, related_name="receipts")
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, db_index=False)
    role = models.ForeignKey("directory.PractitionerRole", on_delete=models.PROTECT, db_index=False)
    reader_name = models.CharField(max_length=200)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["note", "role"], name="note_seen_once_by_a_role")
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
            models.Index(
                fields=["patient", "author_role", "-occurred_at"], name="measure_by_author"
            ),
            models.Index(fields=["patient", "kind", "-occurred_at"], name="measure_by_kind"),
            models.Index(fields=["patient", "-updated_at"], name="measure_changed"),
            models.Index(
                fields=["identifier_value"],
                name="measure_identified",
                condition=~models.Q(identifier_value=""),
            ),
        ]
