"""How a person lives, and what an emergency must know: one row of each for a person."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from carbet.coordination.situations.choices import (
    Aid,
    Directives,
    Household,
    Housing,
    Protection,
    Reach,
    Right,
    Utility,
)
from carbet.core import row_security
from carbet.core.actor import DataCategory
from carbet.core.history import tracked


class Kept(models.Model):
    """What each of the two says of who wrote it last, and in which version."""

    updated_at = models.DateTimeField()
    updated_by = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True, related_name="+"
    )
    updated_by_name = models.CharField(max_length=200)
    # Rises at each change, so that two screens never overwrite each other in silence.
    version = models.PositiveIntegerField(default=1)

    class Meta:
        abstract = True


def _several(choices: type[models.TextChoices]) -> ArrayField:
    return ArrayField(models.CharField(max_length=12, choices=choices), default=list, blank=True)


@tracked
class Situation(Kept):
    """One row is how one person lives: home, way there, helpers, rights, protection (local)."""

    ROW_SECURITY = row_security.Protected(category=DataCategory.SOCIAL)

    patient = models.OneToOneField("patients.Patient", on_delete=models.PROTECT)
    household = models.CharField(max_length=12, choices=Household, blank=True)
    housing = models.CharField(max_length=12, choices=Housing, blank=True)
    housing_note = models.CharField(max_length=500, blank=True)
    utilities = _several(Utility)
    reach = _several(Reach)
    # In words: the landing stage, the colour of the gate, whom to call on arrival.
    directions = models.CharField(max_length=500, blank=True)
    # From the nearest place of care, in minutes.
    minutes = models.PositiveSmallIntegerField(null=True)
    helpers = models.CharField(max_length=1000, blank=True)
    rights = _several(Right)
    rights_note = models.CharField(max_length=500, blank=True)
    aids = _several(Aid)
    aids_note = models.CharField(max_length=500, blank=True)
    protection = models.CharField(max_length=12, choices=Protection, blank=True)
    guardian_name = models.CharField(max_length=200, blank=True)
    guardian_phone = models.CharField(max_length=30, blank=True)
    interpreter_note = models.CharField(max_length=200, blank=True)


@tracked
class EmergencyInformation(Kept):
    """One row is what an emergency must know at once of one person (local)."""

    ROW_SECURITY = row_security.Protected(category=DataCategory.MEDICAL)

    patient = models.OneToOneField("patients.Patient", on_delete=models.PROTECT)
    allergies = models.CharField(max_length=500, blank=True)
    conditions = models.CharField(max_length=1000, blank=True)
    treatments = models.CharField(max_length=1000, blank=True)
    devices = models.CharField(max_length=500, blank=True)
    directives = models.CharField(max_length=8, choices=Directives, default=Directives.UNKNOWN)
    directives_note = models.CharField(max_length=500, blank=True)
    hospital = models.CharField(max_length=200, blank=True)
    instructions = models.CharField(max_length=1000, blank=True)
