"""Documents: what is said of them, their files in versions, and the bytes in pieces."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from carbet.coordination.care_teams.choices import DATA_CATEGORY_CHOICES
from carbet.coordination.documents.choices import (
    OTHER,
    Confidentiality,
    DocumentStatus,
    DocumentType,
    Origin,
)
from carbet.core import row_security, sharing
from carbet.core.actor import DataCategory
from carbet.core.history import tracked


@tracked
class Document(sharing.Shared):
    """One row is a document of a person (FHIR DocumentReference); it is never erased."""

    ROW_SECURITY = row_security.Shared(category="category")

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    type = models.CharField(max_length=16, choices=DocumentType, default=OTHER)
    title = models.CharField(max_length=200)
    status = models.CharField(max_length=16, choices=DocumentStatus, default=DocumentStatus.CURRENT)
    status_reason = models.CharField(max_length=200, blank=True)
    # Who may read it: what is open to whoever wrote it (ADR 14), medical first.
    category = models.SmallIntegerField(
        choices=DATA_CATEGORY_CHOICES,
        default=int(DataCategory.MEDICAL),
        db_default=int(DataCategory.MEDICAL),
    )
    confidentiality = models.CharField(
        max_length=1, choices=Confidentiality, default=Confidentiality.NORMAL
    )
    # The day that the document itself bears, when it is not the day it was filed.
    made_on = models.DateField(null=True)
    author_role = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True, related_name="+"
    )
    author_organization = models.ForeignKey(
        "directory.Organization", on_delete=models.PROTECT, null=True, related_name="+"
    )
    author_name = models.CharField(max_length=200)
    on_behalf_of = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True, related_name="+"
    )
    # What it is attached to in a higher room ("note"), nothing when it stands alone.
    attached_to = models.CharField(max_length=12, blank=True)
    identifier_system = models.CharField(max_length=200, blank=True)
    identifier_value = models.CharField(max_length=200, blank=True)
    # CDA setId: what every version of one document has in common, and the number of this one.
    set_identifier = models.CharField(max_length=260, blank=True, db_default="")
    set_version = models.PositiveIntegerField(null=True)
    # The identifiers of the versions that this one replaced, or that it says it replaces.
    former_identifiers = ArrayField(models.CharField(max_length=200), default=list, db_default=[])
    origin = models.CharField(
        max_length=8, choices=Origin, default=Origin.HERE, db_default=Origin.HERE
    )
    recorded_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)
    # The key of the gesture that filed it: the same key twice is one document.
    gesture = models.UUIDField(default=uuid.uuid4, unique=True)

    class Meta:
        indexes = [
            models.Index(fields=["patient", "-recorded_at", "-id"], name="document_by_patient"),
            models.Index(
                fields=["patient", "set_identifier"],
                name="document_by_set",
                condition=~models.Q(set_identifier=""),
            ),
            # The timeline shows those that stand alone: the photos of notes stand with their note.
            models.Index(
                fields=["patient", "-recorded_at", "-id"],
                name="document_alone",
                condition=models.Q(attached_to=""),
            ),
            models.Index(
                fields=["patient", "author_role", "-recorded_at"],
                name="document_by_author",
                condition=models.Q(attached_to=""),
            ),
            models.Index(fields=["patient", "-updated_at"], name="document_changed"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "identifier_system", "identifier_value"],
                name="document_identifier_once",
                condition=~models.Q(identifier_system=""),
            ),
        ]

    def __str__(self) -> str:
        return self.title


class File(models.Model):
    """One row is one version of the file of a document (FHIR Binary); it never changes."""

    ROW_SECURITY = row_security.Custom("seen with its document, added, never changed")

    document = models.ForeignKey(Document, on_delete=models.PROTECT, related_name="files")
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=150)
    media_type = models.CharField(max_length=100)
    # In bytes; `digest` is the SHA-256 of the content as kept, before it is sealed.
    size = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    # The key that sealed the pieces, 0 when they are kept as they came.
    sealed_with = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=200, blank=True)
    author_name = models.CharField(max_length=200)
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["document", "number"], name="file_version_once")
        ]


class Piece(models.Model):
    """One row is a piece of a file, in order from 1; rank 0 is the small view of an image."""

    ROW_SECURITY = row_security.Custom("seen with its file, added, never changed")

    file = models.ForeignKey(File, on_delete=models.PROTECT, related_name="pieces")
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    rank = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["file", "rank"], name="piece_once")]


class FileWords(models.Model):
    """One row holds the words of one version of a file, for the search; never the text itself."""

    ROW_SECURITY = row_security.Custom("seen with its file, added, never changed")

    file = models.OneToOneField(
        File, on_delete=models.PROTECT, primary_key=True, related_name="words"
    )
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    document = models.ForeignKey(Document, on_delete=models.PROTECT, related_name="words")
    words = SearchVectorField()
