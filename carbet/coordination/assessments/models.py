"""Questionnaires, version by version, and what was answered with each person."""

import uuid
from datetime import datetime

from django.db import models

from carbet.coordination.assessments.choices import QuestionnaireStatus, ResponseStatus
from carbet.coordination.care_teams.choices import DATA_CATEGORY_CHOICES
from carbet.core import row_security
from carbet.core.actor import DataCategory
from carbet.core.history import tracked


@tracked
class Questionnaire(models.Model):
    """One row is one version of a questionnaire; once published its questions never change.

    Answers keep the version that they were given to; history keeps each state of a draft.
    """

    ROW_SECURITY = row_security.Open("a form to fill, which speaks of nobody")

    url = models.CharField(max_length=300)
    version = models.CharField(max_length=40)
    title = models.CharField(max_length=200)
    status = models.CharField(max_length=8, choices=QuestionnaireStatus)
    # The FHIR Questionnaire as it was written or received.
    definition = models.JSONField()
    author_name = models.CharField(max_length=200, blank=True)
    # Rises at each change, so that two screens never overwrite each other in silence.
    revision = models.PositiveIntegerField(default=1, db_default=1)
    organization = models.ForeignKey("directory.Organization", on_delete=models.PROTECT, null=True)
    updated_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["url", "version"], name="questionnaire_version"),
        ]

    def __str__(self) -> str:
        return self.title


@tracked
class QuestionnaireResponse(models.Model):
    """One row is what was answered to a questionnaire about one person, and what it came to."""

    ROW_SECURITY = row_security.Protected(category="category")

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    questionnaire = models.ForeignKey(Questionnaire, on_delete=models.PROTECT)
    status = models.CharField(
        max_length=16, choices=ResponseStatus, default=ResponseStatus.IN_PROGRESS
    )
    # Who may read it: what is open to whoever wrote it (ADR 14), medical first.
    category = models.SmallIntegerField(
        choices=DATA_CATEGORY_CHOICES,
        default=int(DataCategory.MEDICAL),
        db_default=int(DataCategory.MEDICAL),
    )
    # By linkId, a list of values (`rules.answers`).
    answers = models.JSONField(default=dict)
    # By linkId, each calculated result as text.
    scores = models.JSONField(default=dict)
    author_role = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True, related_name="+"
    )
    author_name = models.CharField(max_length=200)
    # The structure whose software sent it, if one did, and the name that it has there.
    author_organization = models.ForeignKey(
        "directory.Organization", on_delete=models.PROTECT, null=True, related_name="+"
    )
    identifier_system = models.CharField(max_length=200, blank=True, db_default="")
    identifier_value = models.CharField(max_length=200, blank=True, db_default="")
    # When the person was assessed (QuestionnaireResponse.authored).
    authored_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    saved_at = models.DateTimeField()
    # Rises at each saving, so that two screens never overwrite each other in silence.
    version = models.PositiveIntegerField(default=1)
    status_reason = models.CharField(max_length=200, blank=True)
    gesture = models.UUIDField(default=uuid.uuid4, unique=True)

    class Meta:
        indexes = [
            models.Index(fields=["patient", "-authored_at"], name="response_by_patient"),
            models.Index(
                fields=["patient", "author_role", "-authored_at"], name="response_by_author"
            ),
            models.Index(fields=["patient", "-saved_at"], name="response_changed"),
        ]

    @property
    def updated_at(self) -> datetime:
        return self.saved_at
