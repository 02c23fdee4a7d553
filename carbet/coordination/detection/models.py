"""What the rules propose to look at, and what a person made of it."""

from django.db import models

from carbet.coordination.care_teams.choices import DATA_CATEGORY_CHOICES
from carbet.coordination.detection.choices import IssueStatus, RuleCode, Severity
from carbet.core import row_security
from carbet.core.actor import DataCategory
from carbet.core.history import tracked


@tracked
class DetectedIssue(models.Model):
    """One row is one thing to look at, proposed by a rule, judged by a person (FHIR DetectedIssue).

    While it is proposed, a rule says it once of a person; once judged, again on later facts only.
    """

    ROW_SECURITY = row_security.Protected(category="category")

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, db_index=False)
    rule = models.CharField(max_length=16, choices=RuleCode)
    status = models.CharField(max_length=12, choices=IssueStatus, default=IssueStatus.PROPOSED)
    severity = models.CharField(max_length=8, choices=Severity, default=Severity.MODERATE)
    category = models.SmallIntegerField(
        choices=DATA_CATEGORY_CHOICES, default=int(DataCategory.MEDICAL)
    )
    reason = models.CharField(max_length=500)
    # The facts it stands on: a list of {kind, id, at, label}.
    evidence = models.JSONField(default=list)
    # The latest of these facts: judged, it is not proposed again on the same ones.
    latest_at = models.DateTimeField()
    identified_at = models.DateTimeField()
    judged_at = models.DateTimeField(null=True)
    judged_by = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True, related_name="+"
    )
    judged_by_name = models.CharField(max_length=200, blank=True)
    judgement = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["patient", "-identified_at"], name="issue_by_patient"),
            models.Index(
                fields=["-identified_at"],
                name="issue_to_look_at",
                condition=models.Q(status="preliminary"),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "rule"],
                condition=models.Q(status="preliminary"),
                name="issue_proposed_once",
            )
        ]
