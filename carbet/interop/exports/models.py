"""Exports asked for, how far they are, and what they made, kept for a while."""

import uuid

from django.db import models

from carbet.core import row_security
from carbet.interop.exports.choices import ExportStatus


class Built(models.Model):
    """What every export says of its making; `done` and `total` count rows."""

    status = models.CharField(max_length=8, choices=ExportStatus, default=ExportStatus.WAITING)
    reason = models.CharField(max_length=200)
    account = models.ForeignKey(
        "accounts.Account", on_delete=models.PROTECT, related_name="+", null=True
    )
    role = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, related_name="+"
    )
    asked_by_name = models.CharField(max_length=200)
    asked_at = models.DateTimeField()
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    # Why it stopped, a French sentence.
    error = models.CharField(max_length=300, blank=True)
    # The key of the gesture that asked: the same key twice is one export.
    gesture = models.UUIDField(default=uuid.uuid4, unique=True)

    class Meta:
        abstract = True


class RecordExport(Built):
    """One row is one taking out of the record of a person, by one actor (local)."""

    ROW_SECURITY = row_security.Custom(
        "seen by the role that asked while it may read the record; moved on by the worker"
    )

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    # The archive: in bytes; `digest` is the SHA-256 before it is sealed.
    size = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)
    sealed_with = models.PositiveSmallIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(fields=["patient", "-asked_at"], name="record_export_by_patient"),
            models.Index(
                fields=["expires_at"],
                name="record_export_to_clear",
                condition=models.Q(status=ExportStatus.READY),
            ),
        ]


class RecordPiece(models.Model):
    """One row is a piece of an archive, in order from 1; removed when its time is over."""

    ROW_SECURITY = row_security.Custom("seen with its export; added and removed by the worker")

    export = models.ForeignKey(RecordExport, on_delete=models.PROTECT, related_name="pieces")
    rank = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["export", "rank"], name="record_piece_once")]


class TerritoryExport(Built):
    """One row is one taking out of the whole territory, asked by one operator, let by another."""

    ROW_SECURITY = row_security.Custom("the house's own: shown to those who operate it")

    let_by = models.ForeignKey(
        "accounts.Account", on_delete=models.PROTECT, related_name="+", null=True
    )
    let_by_name = models.CharField(max_length=200, blank=True)
    let_at = models.DateTimeField(null=True)
    # The SHA-256 of each file once it is whole, by section.
    digests = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["-asked_at"], name="territory_export_latest")]


class TerritoryPart(models.Model):
    """One row is a part of a territory: lines of NDJSON, compressed, sealed.

    The parts of one section, put end to end, are one gzip file; `last` is the key of the last row
    read, after which the next part begins.
    """

    ROW_SECURITY = row_security.Custom("the house's own: given by an export that two operators let")

    export = models.ForeignKey(TerritoryExport, on_delete=models.PROTECT, related_name="parts")
    section = models.CharField(max_length=40)
    number = models.PositiveIntegerField()
    last = models.BigIntegerField()
    rows = models.PositiveIntegerField()
    lines = models.PositiveIntegerField()
    size = models.PositiveIntegerField()
    sealed_with = models.PositiveSmallIntegerField(default=0)
    data = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["export", "section", "number"], name="part_once")
        ]
