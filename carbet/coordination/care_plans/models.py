"""The personalised health plan: one per person, living, with each approved version kept whole."""

from django.db import models

from carbet.coordination.care_plans.choices import (
    SERAFIN,
    ActionStatus,
    Agreement,
    AgreementGiver,
    Comparator,
    GoalStatus,
    NeedDomain,
    PlanStatus,
)
from carbet.coordination.care_teams.choices import DATA_CATEGORY_CHOICES
from carbet.core import row_security
from carbet.core.actor import DataCategory
from carbet.core.history import tracked


@tracked
class CarePlan(models.Model):
    """One row is the plan of one person (FHIR CarePlan; PPS or PPCS)."""

    ROW_SECURITY = row_security.Protected()

    patient = models.OneToOneField("patients.Patient", on_delete=models.PROTECT)
    status = models.CharField(max_length=10, choices=PlanStatus, default=PlanStatus.DRAFT)
    person_words = models.TextField(max_length=4000, blank=True)
    author = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, related_name="+"
    )
    approver = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True, related_name="+"
    )
    review_due_on = models.DateField(null=True)
    proposed_at = models.DateTimeField(null=True)
    proposed_by = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True, related_name="+"
    )
    # What the approver answered instead of approving; the next proposal clears it.
    returned_at = models.DateTimeField(null=True)
    returned_comment = models.CharField(max_length=1000, blank=True, db_default="")
    updated_by = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    # Counts changes: a form filled on an older one is told so instead of overwriting.
    revision = models.PositiveIntegerField(default=1)
    # What the person said of it, and of which revision: later changes are not agreed to.
    agreement = models.CharField(max_length=8, choices=Agreement, blank=True, db_default="")
    agreed_by = models.CharField(max_length=8, choices=AgreementGiver, blank=True, db_default="")
    agreed_on = models.DateField(null=True)
    agreement_words = models.CharField(max_length=1000, blank=True, db_default="")
    agreed_revision = models.PositiveIntegerField(null=True)
    agreement_taken_by = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        indexes = [
            models.Index(
                fields=["author", "review_due_on"],
                name="plan_to_review",
                condition=models.Q(review_due_on__isnull=False),
            ),
        ]


class PlanPart(models.Model):
    """What needs, goals and actions share."""

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    text = models.CharField(max_length=500)
    position = models.PositiveIntegerField(default=0)
    removed_at = models.DateTimeField(null=True)
    # Who may read it: a need's domain decides (`rules.category_of`), its parts follow.
    category = models.SmallIntegerField(
        choices=DATA_CATEGORY_CHOICES,
        default=int(DataCategory.MEDICAL),
        db_default=int(DataCategory.MEDICAL),
    )
    # The key of the gesture that wrote it: the same key twice is one entry.
    gesture = models.UUIDField(null=True, unique=True)

    class Meta:
        abstract = True


@tracked
class Need(PlanPart):
    """One row is a need of the person, in plain words, with its SERAFIN-PH code when one fits."""

    ROW_SECURITY = row_security.Protected(category="category")

    care_plan = models.ForeignKey(CarePlan, on_delete=models.PROTECT, related_name="needs")
    domain = models.CharField(max_length=16, choices=NeedDomain, default=NeedDomain.HEALTH)
    serafin = models.CharField(
        max_length=10, choices=list(SERAFIN.items()), blank=True, db_default=""
    )


@tracked
class Goal(PlanPart):
    """One row is a goal that answers a need, with a target that can be checked (FHIR Goal)."""

    ROW_SECURITY = row_security.Protected(category="category")

    need = models.ForeignKey(Need, on_delete=models.PROTECT, related_name="goals")
    target = models.CharField(max_length=200, blank=True)
    target_on = models.DateField(null=True)
    # A target that a measure of the notebook tells: its LOINC code, and how far.
    measure = models.CharField(max_length=10, blank=True, db_default="")
    comparator = models.CharField(max_length=2, choices=Comparator, blank=True, db_default="")
    amount = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    status = models.CharField(max_length=10, choices=GoalStatus, default=GoalStatus.ACTIVE)


@tracked
class PlannedAction(PlanPart):
    """One row is an action towards a goal: who does it, how often, by when (CarePlan.activity)."""

    ROW_SECURITY = row_security.Protected(category="category")

    goal = models.ForeignKey(Goal, on_delete=models.PROTECT, related_name="actions")
    responsible = models.ForeignKey(
        "care_teams.CareTeamParticipant", on_delete=models.PROTECT, null=True
    )
    frequency = models.CharField(max_length=80, blank=True)
    start_on = models.DateField(null=True)
    due_on = models.DateField(null=True)
    # The visit that it became, the first when it comes back.
    appointment = models.ForeignKey(
        "scheduling.Appointment", on_delete=models.PROTECT, null=True, related_name="+"
    )
    status = models.CharField(max_length=12, choices=ActionStatus, default=ActionStatus.NOT_STARTED)


class CarePlanVersion(models.Model):
    """One row is an approved version of the plan, never changed: whole, or as some may read it.

    `categories` says whose rights it takes to read this row; a version has one row for whoever
    reads all, and one without medical needs for the others.
    """

    ROW_SECURITY = row_security.Custom(
        "seen and added with the plan by whoever reads its categories, never changed"
    )

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    care_plan = models.ForeignKey(CarePlan, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    content = models.JSONField()
    categories = models.SmallIntegerField(
        default=int(DataCategory.MEDICAL | DataCategory.SOCIAL),
        db_default=int(DataCategory.MEDICAL | DataCategory.SOCIAL),
    )
    approved_at = models.DateTimeField()
    approved_by = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, related_name="+"
    )
    comment = models.CharField(max_length=1000, blank=True)

    class Meta:
        ordering = ["-number", "-categories"]
        constraints = [
            models.UniqueConstraint(
                fields=["care_plan", "number", "categories"], name="version_number_once"
            )
        ]


class PlanReview(models.Model):
    """One row is a review of the plan: what became of each goal, what is carried over; kept as is.

    `outcomes` holds, for each goal, `id`, `need`, `text`, `outcome` and `note`. It is read by
    whoever reads what its author does (`category`).
    """

    ROW_SECURITY = row_security.Protected(category="category")

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    care_plan = models.ForeignKey(CarePlan, on_delete=models.PROTECT, related_name="reviews")
    category = models.SmallIntegerField(
        choices=DATA_CATEGORY_CHOICES,
        default=int(DataCategory.MEDICAL),
        db_default=int(DataCategory.MEDICAL),
    )
    # The version in force that was looked at; none when it was never approved.
    number = models.PositiveIntegerField(null=True)
    held_at = models.DateTimeField()
    held_by = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, related_name="+"
    )
    held_by_name = models.CharField(max_length=200)
    present = models.CharField(max_length=300, blank=True)
    conclusion = models.TextField(max_length=4000, blank=True)
    outcomes = models.JSONField(default=list)
    next_review_on = models.DateField(null=True)
    gesture = models.UUIDField(unique=True)

    class Meta:
        ordering = ["-held_at", "-id"]
        indexes = [models.Index(fields=["care_plan", "-held_at"], name="review_by_plan")]


class PlanComment(models.Model):
    """One row is what the one who was asked said of a proposed plan without deciding; kept as is.

    It is read by whoever reads all that its author had read (`category`).
    """

    ROW_SECURITY = row_security.Protected(category="category")

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    care_plan = models.ForeignKey(CarePlan, on_delete=models.PROTECT, related_name="comments")
    category = models.SmallIntegerField(
        default=int(DataCategory.MEDICAL | DataCategory.SOCIAL),
        db_default=int(DataCategory.MEDICAL | DataCategory.SOCIAL),
    )
    # The version that the plan becomes once approved, and the revision that was read.
    number = models.PositiveIntegerField()
    revision = models.PositiveIntegerField()
    text = models.CharField(max_length=1000)
    written_at = models.DateTimeField()
    written_by = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, related_name="+"
    )
    written_by_name = models.CharField(max_length=200)
    gesture = models.UUIDField(unique=True)

    class Meta:
        ordering = ["written_at", "id"]
        indexes = [models.Index(fields=["patient", "number"], name="comment_by_version")]
