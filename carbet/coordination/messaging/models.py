"""Threads of messages: who takes part, what was said in which order, who has read up to where."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from carbet.coordination.messaging.choices import MessageKind
from carbet.core import row_security

OF_PARTICIPANTS = row_security.Custom(
    "seen by those who take part and, when about a person, may read that record: both at once"
)

# What seals the pieces of an attached file: they open as nothing else.
SEALED_AS = "attachment"


class Thread(models.Model):
    """One row is a conversation, about one person or about nobody (local).

    `last_seq` numbers its lines under a lock; `told_seq` is the last one that readers must see.
    """

    ROW_SECURITY = OF_PARTICIPANTS

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, null=True)
    subject = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=40)
    created_by_name = models.CharField(max_length=200)
    last_seq = models.PositiveIntegerField(default=0)
    told_seq = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()
    # The line that closed it, while it is closed; how often it was.
    closed_seq = models.PositiveIntegerField(null=True)
    closings = models.PositiveSmallIntegerField(default=0)
    # The key of the gesture that opened it: the same key twice is one thread.
    gesture = models.UUIDField(default=uuid.uuid4, unique=True)

    class Meta:
        indexes = [models.Index(fields=["patient", "-last_at"], name="thread_by_patient")]


class Participant(models.Model):
    """One row is one stay in a thread: of a role, a structure (all its members), or an account."""

    ROW_SECURITY = OF_PARTICIPANTS

    thread = models.ForeignKey(Thread, on_delete=models.PROTECT, related_name="participants")
    grantee = models.CharField(max_length=40)
    name = models.CharField(max_length=200)
    label = models.CharField(max_length=200, blank=True)
    joined_at = models.DateTimeField()
    added_by_name = models.CharField(max_length=200, blank=True)
    left_at = models.DateTimeField(null=True)
    # A copy of the thread's last moment, so that one's list is read from one index.
    active_at = models.DateTimeField()
    # The last line of which this participant was alerted.
    alerted_seq = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["thread", "grantee"],
                condition=models.Q(left_at__isnull=True),
                name="participant_once_at_a_time",
            )
        ]
        indexes = [
            models.Index(
                fields=["grantee", "-active_at", "-thread"],
                condition=models.Q(left_at__isnull=True),
                name="participant_threads",
            )
        ]


class Message(models.Model):
    """One row is one line of a thread, in the server's order, for good (FHIR Communication)."""

    ROW_SECURITY = OF_PARTICIPANTS

    thread = models.ForeignKey(Thread, on_delete=models.PROTECT, related_name="messages")
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=8, choices=MessageKind, default=MessageKind.TEXT)
    text = models.TextField(max_length=20_000, blank=True)
    # The names of the files it carries, one a line: shown in lists and searched.
    attached = models.TextField(blank=True, default="")
    urgent = models.BooleanField(default=False)
    mentions = ArrayField(models.CharField(max_length=40), default=list)
    author = models.CharField(max_length=40)
    author_name = models.CharField(max_length=200)
    author_label = models.CharField(max_length=200, blank=True)
    on_behalf_of = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()
    # The decision that closed the thread, as filed in the notebook.
    note = models.ForeignKey("notebook.Note", on_delete=models.PROTECT, null=True)
    gesture = models.UUIDField(default=uuid.uuid4, unique=True)
    # Written by a trigger: the words without accents nor endings, with the thread's subject.
    words = SearchVectorField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["thread", "seq"], name="message_order"),
        ]
        indexes = [GinIndex(fields=["thread", "words"], name="message_words")]


class Attachment(models.Model):
    """One row is a file that a message carries, behind the door of its thread (FHIR Attachment)."""

    ROW_SECURITY = OF_PARTICIPANTS

    thread = models.ForeignKey(Thread, on_delete=models.PROTECT, related_name="attachments")
    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="attachments")
    number = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=150)
    media_type = models.CharField(max_length=100)
    # In bytes; `digest` is the SHA-256 of the content as kept, before it is sealed.
    size = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    # The key that sealed the pieces, 0 when they are kept as they came.
    sealed_with = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "number"], name="attachment_order")
        ]


class AttachmentPiece(models.Model):
    """One row is a piece of an attached file, in order from 1; rank 0 is the small view."""

    ROW_SECURITY = OF_PARTICIPANTS

    thread = models.ForeignKey(Thread, on_delete=models.PROTECT, related_name="+")
    attachment = models.ForeignKey(Attachment, on_delete=models.PROTECT, related_name="pieces")
    rank = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["attachment", "rank"], name="attachment_piece_once")
        ]


class Reader(models.Model):
    """One row is one reader of a thread: read up to which line, muted, archived (local)."""

    ROW_SECURITY = OF_PARTICIPANTS

    thread = models.ForeignKey(Thread, on_delete=models.PROTECT, related_name="readers")
    reader = models.CharField(max_length=40)
    name = models.CharField(max_length=200)
    # The participant through which one reads: oneself, one's structure, the doctor one helps.
    through = models.CharField(max_length=40)
    read_seq = models.PositiveIntegerField(default=0)
    read_at = models.DateTimeField(null=True)
    muted = models.BooleanField(default=False)
    # Put away while nothing is told after this line.
    archived_seq = models.PositiveIntegerField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["thread", "reader"], name="reader_once")]


class Receipt(models.Model):
    """One row says that a reader had read up to a line at a moment (local). Never changed."""

    ROW_SECURITY = OF_PARTICIPANTS

    thread = models.ForeignKey(Thread, on_delete=models.PROTECT, related_name="receipts")
    reader = models.CharField(max_length=40)
    name = models.CharField(max_length=200)
    seq = models.PositiveIntegerField()
    read_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["thread", "reader", "seq"], name="message_receipt_once")
        ]
