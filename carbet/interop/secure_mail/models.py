"""Mailboxes and how to open them, mails that came, whole, and mails that left."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from carbet.core import row_security
from carbet.core.history import tracked
from carbet.interop.secure_mail.choices import ErrorCode, MailStatus, SendingStatus

OWNER = row_security.Custom("whoever holds the mailbox: the role, its delegates, the structure")
# Topic of the outbox: a document that leaves.
SEND = "secure_mail.send"
# What a raw mail is sealed as.
RAW_KIND = "secure mail"
HOUSE_ONLY = row_security.Custom("the house itself")


@tracked
class Mailbox(models.Model):
    """One row is a secure mailbox of a professional or of a structure, one of the two."""

    ROW_SECURITY = OWNER

    organization = models.ForeignKey(
        "directory.Organization", on_delete=models.PROTECT, null=True, related_name="+"
    )
    practitioner_role = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True, related_name="+"
    )
    # The key of whoever holds it: "role:12", "org:4".
    owner = models.CharField(max_length=40)
    address = models.EmailField(max_length=254)
    username = models.CharField(max_length=254)
    # The name of an operator of the settings; empty for the stand-in of a demonstration.
    server = models.CharField(max_length=60, blank=True)
    active = models.BooleanField(default=True)
    updated_at = models.DateTimeField()
    updated_by_name = models.CharField(max_length=200)
    gesture = models.UUIDField(unique=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["address"], name="mailbox_address_once", condition=models.Q(active=True)
            ),
            models.CheckConstraint(
                condition=models.Q(organization__isnull=True)
                ^ models.Q(practitioner_role__isnull=True),
                name="mailbox_has_one_owner",
            ),
        ]

    def __str__(self) -> str:
        return self.address


class Credential(models.Model):
    """One row is the password of a mailbox, sealed."""

    ROW_SECURITY = HOUSE_ONLY

    mailbox = models.OneToOneField(Mailbox, on_delete=models.PROTECT, primary_key=True)
    data = models.BinaryField()
    sealed_with = models.PositiveSmallIntegerField()
    recorded_at = models.DateTimeField()


class MailboxState(models.Model):
    """One row is how a mailbox answered when it was last looked into."""

    ROW_SECURITY = OWNER

    mailbox = models.OneToOneField(
        Mailbox, on_delete=models.PROTECT, primary_key=True, related_name="state"
    )
    owner = models.CharField(max_length=40)
    collected_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=300, blank=True)


@tracked
class IncomingMail(models.Model):
    """One row is a mail that came: who sent it, and what became of it."""

    ROW_SECURITY = OWNER

    mailbox = models.ForeignKey(Mailbox, on_delete=models.PROTECT, related_name="+")
    owner = models.CharField(max_length=40)
    received_at = models.DateTimeField()
    uid = models.BigIntegerField()
    uid_validity = models.BigIntegerField()
    message_id = models.CharField(max_length=500, blank=True)
    # SHA-256 of what follows the header: the same mail handed over twice bears another header.
    digest = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    sender = models.CharField(max_length=254, blank=True)
    subject = models.CharField(max_length=300, blank=True)
    status = models.CharField(max_length=11, choices=MailStatus, default=MailStatus.WAITING)
    code = models.CharField(max_length=3, choices=ErrorCode, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, null=True)
    # The documents of the record that came with it.
    document_ids = ArrayField(models.BigIntegerField(), default=list)
    settled_at = models.DateTimeField(null=True)
    # Who decided; empty when the rules did.
    settled_by_name = models.CharField(max_length=200, blank=True)
    # A receipt is written once, if the mail asks for one.
    answered = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["mailbox", "message_id", "digest"], name="incoming_mail_once"
            )
        ]
        indexes = [
            models.Index(fields=["owner", "status", "-id"], name="incoming_by_status"),
            models.Index(
                fields=["id"], name="incoming_waiting", condition=models.Q(status="waiting")
            ),
        ]


class RawMail(models.Model):
    """One row is a mail as it came, or its header alone when it is too long; it never changes."""

    ROW_SECURITY = HOUSE_ONLY

    mail = models.OneToOneField(IncomingMail, on_delete=models.PROTECT, related_name="+")
    data = models.BinaryField()
    sealed_with = models.PositiveSmallIntegerField(default=0)
    whole = models.BooleanField(default=True)
    recorded_at = models.DateTimeField()


@tracked
class OutgoingMail(models.Model):
    """One row is a document sent by secure mail; the mail itself is written when it leaves."""

    ROW_SECURITY = OWNER

    mailbox = models.ForeignKey(Mailbox, on_delete=models.PROTECT, related_name="+")
    owner = models.CharField(max_length=40)
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    document = models.ForeignKey("documents.Document", on_delete=models.PROTECT)
    # The version of the file that was on screen: a later one is not what was sent.
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    recipients = ArrayField(models.EmailField(max_length=254))
    to_patient = models.BooleanField(default=False)
    message_id = models.CharField(max_length=500, unique=True)
    status = models.CharField(max_length=9, choices=SendingStatus, default=SendingStatus.PENDING)
    # What came back: [{"from", "code", "label", "at"}], code empty when it was integrated.
    receipts = models.JSONField(default=list)
    requested_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    author_name = models.CharField(max_length=200)
    gesture = models.UUIDField(unique=True)

    class Meta:
        indexes = [
            models.Index(fields=["owner", "-id"], name="outgoing_by_owner"),
            models.Index(fields=["document"], name="outgoing_by_document"),
        ]

    @property
    def outbox_key(self) -> str:
        """The key of the outbox row that carries it."""
        return f"{SEND}:{self.gesture}"
