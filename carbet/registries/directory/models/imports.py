"""Imports of outside directories: what each source said, what waits, what was done, or not."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from carbet.core import row_security
from carbet.registries.directory.choices import LineOutcome, RunStatus, Source
from carbet.registries.directory.models.territory import PUBLIC_FACTS


class SourceRecord(models.Model):
    """One row is a resource as a source knows it, and which row of ours it is: its provenance."""

    ROW_SECURITY = PUBLIC_FACTS

    source = models.CharField(max_length=12, choices=Source)
    # The FHIR type, "PractitionerRole".
    kind = models.CharField(max_length=20)
    source_id = models.CharField(max_length=64)
    target_id = models.BigIntegerField()
    # Of all that was said: the same again changes nothing.
    digest = models.CharField(max_length=32)
    # When the source says that it changed; when we last wrote it, by which run.
    said_at = models.DateTimeField(null=True)
    written_at = models.DateTimeField()
    run_id = models.BigIntegerField()
    closed = models.BooleanField(default=False)
    # The columns that this source said last time: what it says no more is emptied.
    said = ArrayField(models.CharField(max_length=40), default=list, db_default=[])

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "kind", "source_id"], name="source_record_once"
            ),
        ]
        indexes = [models.Index(fields=["kind", "target_id"], name="source_record_target")]


class ImportRun(models.Model):
    """One row is one import of one source: where it is, what it did."""

    ROW_SECURITY = PUBLIC_FACTS

    source = models.CharField(max_length=12, choices=Source)
    status = models.CharField(max_length=12, choices=RunStatus, default=RunStatus.READING)
    dry_run = models.BooleanField(default=False)
    # A whole copy closes what it no longer says; an incremental one does not.
    whole = models.BooleanField(default=False)
    # What was asked, in words: an address without its key, the name of a file.
    origin = models.CharField(max_length=200)
    # What it asks for since, and what the next one will ask for.
    since = models.DateTimeField(null=True)
    # Where to go on from: the next page of each type, or the line of a file.
    cursor = models.JSONField(default=dict)
    pages = models.PositiveIntegerField(default=0)
    read = models.PositiveIntegerField(default=0)
    expected = models.PositiveIntegerField(null=True)
    created = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    closed = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    # Why it stopped, in French, for the operator.
    problem = models.CharField(max_length=500, blank=True)
    started_by = models.CharField(max_length=200, blank=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # Two imports of one source at once would undo each other.
            models.UniqueConstraint(
                fields=["source"],
                name="import_run_one_under_way",
                condition=models.Q(status__in=["reading", "merging"]),
            ),
        ]

    @property
    def is_under_way(self) -> bool:
        return self.status in (RunStatus.READING, RunStatus.MERGING)


class ImportLine(models.Model):
    """One row is what became of one line or resource of an import, worth telling."""

    ROW_SECURITY = PUBLIC_FACTS

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="lines")
    outcome = models.CharField(max_length=10, choices=LineOutcome)
    kind = models.CharField(max_length=20, blank=True)
    source_id = models.CharField(max_length=64, blank=True)
    # Of the file, or of the answer; the page for an API.
    line = models.PositiveIntegerField(null=True)
    page = models.PositiveIntegerField(null=True)
    label = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    target_id = models.BigIntegerField(null=True)

    class Meta:
        indexes = [models.Index(fields=["run", "outcome", "id"], name="import_line_report")]


class StagedRow(models.Model):
    """One row is a resource read and checked, that waits until all have come to be merged."""

    ROW_SECURITY = row_security.Open("public facts of the directory, not shown before the merge")

    run_id = models.BigIntegerField()
    kind = models.CharField(max_length=20)
    source_id = models.CharField(max_length=64)
    page = models.PositiveIntegerField(null=True)
    line = models.PositiveIntegerField(null=True)
    label = models.CharField(max_length=200)
    digest = models.CharField(max_length=32)
    said_at = models.DateTimeField(null=True)
    # Our columns as read; identifiers of other rows, by the source's numbers; what hangs on it.
    fields = models.JSONField()
    references = models.JSONField(default=dict)
    kept = models.JSONField(default=dict)
    attached = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["run_id", "kind", "source_id"], name="staged_row")]
