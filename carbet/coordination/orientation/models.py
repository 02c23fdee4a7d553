"""What the search looks in: a line a service, place or professional; where persons were sent."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from carbet.coordination.care_teams.choices import DATA_CATEGORY_CHOICES
from carbet.coordination.orientation.choices import Kind, ReferralStatus
from carbet.core import row_security
from carbet.core.actor import DataCategory
from carbet.core.history import tracked

DERIVED = row_security.Open("derived from the public facts of the directory; the owner writes it")


class Entry(models.Model):
    """One row is what the search knows of one service, place or role of the directory.

    Triggers on the tables of the directory write it in the transaction that changes them
    (`migrations/_sql.py`); the application cannot.
    """

    ROW_SECURITY = DERIVED

    kind = models.CharField(max_length=1, choices=Kind)
    # The row of the directory: HealthcareService, Organization or PractitionerRole, by kind.
    target = models.BigIntegerField()
    organization = models.BigIntegerField()
    commune = models.CharField(max_length=5, blank=True)
    profession = models.CharField(max_length=12, blank=True)
    # Words weighted by where they stand (A the thing itself … D a comment), and facets.
    doc = SearchVectorField()
    # Minutes of the week, pairs of start and end excluded; NULL: not said.
    hours = ArrayField(models.IntegerField(), null=True)
    # Days, pairs of start and end excluded.
    closures = ArrayField(models.DateField(), null=True)
    # INSEE codes where it comes to the person's home.
    zones = ArrayField(models.CharField(max_length=40), null=True)
    available = models.IntegerField(null=True)
    available_at = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "target"], name="entry_target")]
        indexes = [
            GinIndex(fields=["doc"], name="entry_doc"),
            models.Index(fields=["profession", "commune", "target"], name="entry_profession"),
            models.Index(fields=["commune", "kind", "target"], name="entry_commune"),
            models.Index(fields=["organization"], name="entry_organization"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.target}"


class Word(models.Model):
    """One row is a word or a facet of the index, and in how many entries it stood at last count."""

    ROW_SECURITY = DERIVED

    word = models.TextField(primary_key=True)
    count = models.IntegerField(default=1)
    # A facet in French; empty for a word.
    label = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [
            GinIndex(fields=["word"], name="word_trgm", opclasses=["gin_trgm_ops"]),
        ]

    def __str__(self) -> str:
        return self.label or self.word


@tracked
class Referral(models.Model):
    """One row is a person sent to a service, a structure or a professional (ServiceRequest).

    What it says of the destination is what was read that day: the directory changes after. The
    address to write to is not copied: a red list may hide it later.
    """

    ROW_SECURITY = row_security.Protected(category="category")

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    # What its reason says, which decides who reads it, as the note that tells it.
    category = models.SmallIntegerField(
        choices=DATA_CATEGORY_CHOICES,
        default=int(DataCategory.MEDICAL),
        db_default=int(DataCategory.MEDICAL),
    )
    kind = models.CharField(max_length=1, choices=Kind)
    # The row of the directory, by kind.
    target = models.BigIntegerField()
    organization = models.ForeignKey(
        "directory.Organization", on_delete=models.PROTECT, related_name="+"
    )
    name = models.CharField(max_length=220)
    organization_name = models.CharField(max_length=200)
    commune_name = models.CharField(max_length=80, blank=True)
    # In words: « 2 h 55 (route) ».
    journey = models.CharField(max_length=120, blank=True)
    phone = models.CharField(max_length=20, blank=True)
    reason = models.TextField(max_length=2000)
    urgent = models.BooleanField(default=False)
    status = models.CharField(max_length=16, choices=ReferralStatus, default=ReferralStatus.ACTIVE)
    comment = models.CharField(max_length=500, blank=True)
    answered_by = models.CharField(max_length=200, blank=True)
    answered_at = models.DateTimeField(null=True)
    author_role = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, related_name="+"
    )
    author_name = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    # The key of the gesture that wrote it: the same key twice is one orientation.
    gesture = models.UUIDField(default=uuid.uuid4, unique=True)

    class Meta:
        indexes = [
            models.Index(fields=["patient", "-created_at", "-id"], name="referral_by_patient")
        ]

    def __str__(self) -> str:
        return self.name
